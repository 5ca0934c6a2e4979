import {
  createLogger,
  exitCodes,
  loadSettings,
  readSettingsFile,
  runProcess,
  setting,
  sharedSettings,
  defineSettings,
  withWholeLines,
  type Lifecycle,
  type LoadedSettings,
  type Logger,
  type SettingsTable,
  type SettingsTables,
} from '@tocsin/service-kit'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'
import { parseWords, UsageError } from './words.ts'

/** A command's one or many words that are no flag. */
export interface Positional {
  readonly name: string
  readonly doc: string
  readonly count: 'one' | 'optional'
}

export interface CommandSpec<Tables extends SettingsTables> {
  readonly name: string
  /** A line in the list of commands. */
  readonly summary: string
  /** What it does and what comes out, for `--help`. */
  readonly about: string
  readonly examples: readonly string[]
  readonly positional?: Positional
  /** Settings by the part that reads them; those with a flag are the command's flags. */
  readonly settings: Tables
  /** `to-end`: being asked to stop before that is exit code 130. `until-stopped`: it is how it ends. */
  readonly runs: 'to-end' | 'until-stopped'
  /** Looks at what the types cannot say, before anything is begun. @throws {UsageError} */
  check?(given: Given<Tables>): void | Promise<void>
  /** @returns the exit code, if it is not 0. */
  run(context: CommandContext<Tables>): Promise<number | undefined>
}

export interface Given<Tables extends SettingsTables> {
  readonly settings: LoadedSettings<Tables>
  /** The positional's word. */
  readonly word: string | undefined
}

export interface CommandContext<Tables extends SettingsTables> extends Given<Tables> {
  readonly lifecycle: Lifecycle
  readonly log: Logger
  readonly io: Io
}

/** A command, ready to be given words. */
export interface Command {
  readonly name: string
  readonly help: () => string
  /** Every table that its flags come from. */
  readonly tables: SettingsTables
  /** @throws {UsageError | SettingsError} nothing was begun. */
  start(words: readonly string[], io: Io): Promise<number>
}

/** What every command reads. */
export const generalSettings = defineSettings({
  config: setting.path({
    env: 'TOCSIN_CONFIG',
    flag: 'config',
    doc: 'The settings file (JSON). Without it tocsin.config.json is read if it is there.',
    default: null,
  }),
  logLevel: sharedSettings.logLevel,
  logFormat: sharedSettings.logFormat,
})

/**
 * Gives a command its words: flags, environment and file become typed settings, all mistakes are told at once before
 * anything is begun, and the work runs until it is done or the process is asked to stop. `known` are the tables of all
 * processes, so that one environment can serve them all.
 */
export function defineCommand<const Tables extends SettingsTables>(
  spec: CommandSpec<Tables>,
  known: readonly SettingsTable[],
): Command {
  const tables = { ...spec.settings, general: generalSettings }
  return {
    name: spec.name,
    tables,
    help: () => commandHelp(spec, generalSettings),
    start: async (words, process) => {
      const io = { ...process, stderr: withWholeLines(process.stderr) }
      const { flags, positionals } = parseWords(words, Object.values<SettingsTable>(tables))
      // The file must be read before the settings that it holds: its own name is taken as it is.
      const config = flags['config'] ?? io.env['TOCSIN_CONFIG']
      const file = readSettingsFile(typeof config === 'string' && config !== '' ? config : undefined, io.folder)
      const loaded = loadSettings(tables, { env: io.env, flags, baseDir: io.folder, known, file })
      const word = oneWord(spec, positionals)
      await spec.check?.({ settings: loaded, word })
      const log = createLogger({
        place: spec.name,
        level: loaded.general.logLevel,
        format: loaded.general.logFormat,
        write: (line) => void io.stderr.write(line),
        now: io.now,
      })
      // Stays if it was told to stop before it began.
      let code: number = spec.runs === 'to-end' ? exitCodes.interrupted : exitCodes.done
      const run = async (lifecycle: Lifecycle) => {
        try {
          code = (await spec.run({ settings: loaded, word, lifecycle, log, io })) ?? exitCodes.done
        } finally {
          if (spec.runs === 'to-end' && lifecycle.signal.aborted) code = exitCodes.interrupted
        }
      }
      const ended = await runProcess(run, { host: io.host, log })
      return ended === exitCodes.done ? code : ended
    },
  }
}

function oneWord(
  { name, positional }: Pick<CommandSpec<SettingsTables>, 'name' | 'positional'>,
  words: readonly string[],
): string | undefined {
  const [first, second] = words
  if (positional === undefined && first !== undefined) throw new UsageError(`"${first}" is neither a flag nor wanted.`)
  if (second !== undefined)
    throw new UsageError(`"${second}" is one word too many; expected one ${positional?.name ?? ''}.`)
  if (positional?.count === 'one' && first === undefined) {
    throw new UsageError(
      `${positional.name} is missing: ${positional.doc} It stands before the flags: tocsin ${name} ${positional.name} …`,
    )
  }
  return first
}
