import { useMemo, useSyncExternalStore } from 'react'
import { parseRoute, routeHash, type Route } from './route.ts'

const changed = new EventTarget()

function subscribe(listener: () => void): () => void {
  window.addEventListener('hashchange', listener)
  changed.addEventListener('change', listener)
  return () => {
    window.removeEventListener('hashchange', listener)
    changed.removeEventListener('change', listener)
  }
}

/** The route in the address bar; the page follows it, also on Back. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => window.location.hash)
  return useMemo(() => parseRoute(hash), [hash])
}

/** Goes to `route`. `replace` for what should not fill the history: a filter being typed, the next alert by `j`. */
export function navigate(route: Route, how: 'push' | 'replace' = 'push'): void {
  const hash = routeHash(route)
  if (how === 'push') window.location.hash = hash
  else {
    window.history.replaceState(null, '', hash)
    changed.dispatchEvent(new Event('change'))
  }
}
