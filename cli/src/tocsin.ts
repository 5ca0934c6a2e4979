import { errorLine, exitCodes, nearest, SettingsError } from '@tocsin/service-kit'
import type { Command } from './command.ts'
import { generalHelp } from './help.ts'
import type { Io } from './io.ts'
import { UsageError } from './words.ts'

/** A command is loaded when it is asked for: the list of commands needs no chain library and no server. */
interface Listed {
  /** A word, or several. */
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<Command>
}

const groups: readonly { readonly title: string; readonly commands: readonly Listed[] }[] = [
  {
    title: 'Everything in one process, no server needed',
    commands: [
      {
        name: 'start',
        summary: 'Watch a chain and serve the dashboard; without --rpc a local chain with staged frauds.',
        load: async () => (await import('./commands/start.ts')).start,
      },
    ],
  },
  {
    title: 'The three processes around a Kafka cluster',
    commands: [
      {
        name: 'ingest',
        summary: 'Follow a chain and write its blocks, decoded, and prices into the log.',
        load: async () => (await import('./commands/ingest.ts')).ingest,
      },
      {
        name: 'detect',
        summary: 'Run the detectors over the log and write alerts.',
        load: async () => (await import('./commands/detect.ts')).detect,
      },
      {
        name: 'serve',
        summary: 'Store alerts in PostgreSQL; serve the API, webhooks and the dashboard.',
        load: async () => (await import('./commands/serve.ts')).serve,
      },
      {
        name: 'topics',
        summary: 'List, check, create, repair and trim the topics that they meet in.',
        load: async () => (await import('./commands/topics.ts')).topics,
      },
      {
        name: 'savepoint take',
        summary: 'Write the state of a chain’s detection, stopped, to a file.',
        load: async () => (await import('./commands/savepoint-take.ts')).savepointTake,
      },
      {
        name: 'savepoint restore',
        summary: 'Make a job of a chain’s detection out of a savepoint, in other shards.',
        load: async () => (await import('./commands/savepoint-restore.ts')).savepointRestore,
      },
      {
        name: 'ledger',
        summary: 'Prove that the log holds every block of a chain, or say what is missing.',
        load: async () => (await import('./commands/ledger.ts')).ledger,
      },
    ],
  },
  {
    title: 'Recorded history, from files',
    commands: [
      {
        name: 'decode',
        summary: 'Print what the ingestor would write for recorded blocks, a JSON object a line.',
        load: async () => (await import('./commands/decode.ts')).decode,
      },
      {
        name: 'replay',
        summary: 'Run the whole detection over recorded blocks and print the final alerts.',
        load: async () => (await import('./commands/replay.ts')).replay,
      },
      {
        name: 'verify',
        summary: 'Derive alerts again from their evidence and say which do not hold.',
        load: async () => (await import('./commands/verify.ts')).verify,
      },
    ],
  },
  {
    title: 'What there is',
    commands: [
      {
        name: 'detectors',
        summary: 'List the detectors and rules of your own, or one with its parameters, units and defaults.',
        load: async () => (await import('./commands/detectors.ts')).detectors,
      },
      {
        name: 'savepoint inspect',
        summary: 'Say what a savepoint of a job holds, and whether it is whole.',
        load: async () => (await import('./commands/savepoint-inspect.ts')).savepointInspect,
      },
    ],
  },
]

export const listedCommands: readonly Listed[] = groups.flatMap(({ commands }) => commands)

const askHelp = (word: string | undefined) => word === '--help' || word === '-h' || word === 'help'

/** The program: words in, exit code out. Wrong words or settings are told in full before anything is begun. */
export async function runTocsin(words: readonly string[], io: Io): Promise<number> {
  const [name, ...others] = words
  const complain = (lines: readonly string[], about: string) => {
    io.stderr.write([...lines.map((line) => `tocsin: ${line}`), `See: tocsin ${about}--help`, ''].join('\n'))
    return exitCodes.usage
  }
  if (name === undefined || askHelp(name)) {
    if (name === 'help' && others.length > 0) return runTocsin([...others, '--help'], io)
    await io.stdout.write(generalHelp(groups))
    return exitCodes.done
  }
  const listed = listedCommands.find((one) => one.name.split(' ').every((word, index) => words[index] === word))
  if (listed === undefined) {
    const names = listedCommands.map((one) => one.name)
    const near = names.find((one) => one.startsWith(`${name} `)) ?? nearest(name, names)
    return complain([`there is no command "${name}".${near === undefined ? '' : ` Did you mean ${near}?`}`], '')
  }
  const command = await listed.load()
  const rest = words.slice(listed.name.split(' ').length)
  if (rest.some((word) => word === '--help' || word === '-h')) {
    await io.stdout.write(command.help())
    return exitCodes.done
  }
  try {
    return await command.start(rest, io)
  } catch (error) {
    if (error instanceof SettingsError) {
      return complain(
        error.problems.map(({ setting, from, reason }) => `${setting}: ${from} ${reason}`),
        `${listed.name} `,
      )
    }
    if (error instanceof UsageError) return complain(error.message.split('\n'), `${listed.name} `)
    io.stderr.write(`tocsin ${listed.name}: ${errorLine(error)}\n`)
    return exitCodes.failed
  }
}
