/** `system` follows `prefers-color-scheme`; the other two are the reader's own wish, remembered in this browser. */
export type Theme = 'system' | 'dark' | 'light'

const key = 'tocsin.theme'

export function rememberedTheme(): Theme {
  try {
    const stored = window.localStorage.getItem(key)
    return stored === 'dark' || stored === 'light' ? stored : 'system'
  } catch {
    return 'system' // storage may be forbidden; the page works without a memory
  }
}

/** Shows `theme` and remembers it. The style sheet does the rest by `color-scheme` and `light-dark()`. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    if (theme === 'system') window.localStorage.removeItem(key)
    else window.localStorage.setItem(key, theme)
  } catch {
    // as above
  }
}
