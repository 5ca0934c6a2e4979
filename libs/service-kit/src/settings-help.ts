import { required, type SettingsTable } from './settings.ts'

interface Row {
  readonly name: string
  readonly flag: string
  readonly env: string
  readonly value: string
  readonly doc: string
  readonly expected: string
  readonly fallback: string | null
}

function rows(table: SettingsTable): readonly Row[] {
  return Object.entries(table).map(([name, one]) => ({
    name,
    flag:
      one.flag === undefined
        ? ''
        : one.kind === 'boolean' && one.default === true
          ? `--no-${one.flag}`
          : `--${one.flag}`,
    env: one.env ?? '',
    value: one.placeholder,
    doc: one.doc,
    expected: one.expected,
    // Each setting formats its own default, whose type it is.
    fallback: one.default === required ? null : one.format(one.default as never),
  }))
}

/**
 * The lines of `--help` for the settings that have a flag: flag, sentence, default, variable. `width` is where lines are
 * broken, default 100.
 */
export function settingsHelp(table: SettingsTable, width = 100): string {
  const shown = rows(table).filter(({ flag }) => flag !== '')
  const heads = shown.map(({ flag, value }) => (value === '' ? flag : `${flag} ${value}`))
  const indent = Math.min(30, Math.max(0, ...heads.map((head) => head.length)) + 4)
  return shown
    .map(({ doc, fallback, env }, index) => {
      const head = `  ${heads[index] ?? ''}`
      const notes = [
        fallback === null ? 'Required.' : fallback === 'none' || fallback === 'empty' ? '' : `Default ${fallback}.`,
        env === '' ? '' : `(${env})`,
      ]
      const lines = wrap([doc, ...notes].filter((part) => part !== '').join(' '), width - indent)
      const separate = head.length + 2 > indent
      const body = lines.map((line, at) => (at === 0 && !separate ? line : `${' '.repeat(indent)}${line}`))
      return separate ? [head, ...body].join('\n') : `${head.padEnd(indent)}${body.join('\n')}`
    })
    .join('\n')
}

/** A Markdown table of all settings, for docs/settings.md. */
export function settingsMarkdown(table: SettingsTable): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const code = (text: string) => (text === '' ? '' : `\`${cell(text)}\``)
  return [
    '| setting | flag | variable | default | what it is |',
    '| --- | --- | --- | --- | --- |',
    ...rows(table).map(
      ({ name, flag, env, fallback, doc, expected }) =>
        `| ${code(name)} | ${code(flag)} | ${code(env)} | ${fallback === null ? 'required' : cell(fallback)} | ${cell(doc)} (${cell(expected)}) |`,
    ),
  ].join('\n')
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
