import { parseArgs } from 'node:util'
import type { Flags, SettingsTable } from '@tocsin/service-kit'

/** The words of the command line do not say what to do. */
export class UsageError extends Error {
  readonly code = 'CLI_USAGE'
  readonly handling = 'stop'
  readonly remedy = 'See tocsin --help, or tocsin <command> --help for its flags.'
}

export interface Words {
  readonly flags: Flags
  readonly positionals: readonly string[]
}

/**
 * Sorts words into flags and others. The tables say which flags take a value; a list of paths takes all words up to the
 * next flag (`--recording a.gz b.gz`), as a shell's `*.gz` gives them. Unknown flags are kept: `loadSettings` reports
 * them along with all else that is wrong.
 */
export function parseWords(words: readonly string[], tables: readonly SettingsTable[]): Words {
  const settings = tables.flatMap((table) => Object.values(table)).filter(({ flag }) => flag !== undefined)
  const byFlag = new Map(settings.map((one) => [one.flag, one]))
  const options = Object.fromEntries(
    settings.map(({ flag, kind }) => [
      flag ?? '',
      { type: kind === 'boolean' ? 'boolean' : 'string', multiple: true } as const,
    ]),
  )
  const { tokens } = parseArgs({ args: [...words], options, strict: false, allowNegative: true, tokens: true })

  const flags = new Map<string, (string | boolean)[]>()
  const positionals: string[] = []
  let collecting: (string | boolean)[] | undefined
  for (const token of tokens) {
    switch (token.kind) {
      case 'option': {
        const known = byFlag.get(token.name)
        const negated = token.rawName.startsWith('--no-') && !byFlag.has(token.rawName.slice(2))
        // parseArgs would take the next flag for the value; `--out=-x` still says such a value.
        const swallowed = token.inlineValue === false && /^-\D/.test(token.value)
        if (known !== undefined && known.kind !== 'boolean' && (token.value === undefined || swallowed)) {
          throw new UsageError(`--${token.name} needs a value: ${known.expected}.`)
        }
        const values = flags.get(token.name) ?? []
        values.push(known?.kind === 'boolean' && token.value === undefined ? !negated : (token.value ?? true))
        flags.set(token.name, values)
        collecting = known?.kind === 'list' && known.placeholder.endsWith('PATH…') ? values : undefined
        break
      }
      case 'positional':
        ;(collecting ?? positionals).push(token.value)
        break
      case 'option-terminator':
        collecting = undefined
        break
    }
  }
  return {
    flags: Object.fromEntries(
      [...flags].map(([name, values]) => [name, byFlag.get(name)?.kind === 'list' ? values : lastOf(name, values)]),
    ),
    positionals,
  }
}

function lastOf(name: string, values: readonly (string | boolean)[]): string | boolean {
  const [value, second] = values
  if (value === undefined || second !== undefined) throw new UsageError(`--${name} is given ${values.length} times.`)
  return value
}
