import { cpus, totalmem } from 'node:os'
import { readEnvironment } from '@tocsin/service-kit'
import { generate } from './generate.ts'
import { ingest } from './ingest.ts'
import { kafka } from './kafka.ts'
import { replay } from './replay.ts'
import { state } from './state.ts'
import { streamCore } from './stream-core.ts'

const env = readEnvironment()

const [cpu] = cpus()
const machine = {
  cpu: cpu?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
}

/** What can be measured, or made to measure with; each answers with one JSON value after the other. */
const questions: Readonly<Record<string, (args: readonly string[]) => AsyncGenerator>> = {
  async *replay(args) {
    if (args.length > 0)
      throw new Error('Usage: npm run bench -- replay; TOCSIN_SHARED names the folder of the recordings')
    const answer = await replay(env['TOCSIN_SHARED'] ?? '../shared')
    yield { question: 'replay', date: new Date().toISOString(), machine, answer }
  },
  'stream-core': streamCore,
  state,
  kafka,
  ingest,
  generate,
}

const help = `Usage: npm run bench -- ${Object.keys(questions).join('|')} [options]

  replay       recorded blocks through ingestion and all detectors: events a second
  stream-core  a job from topic to topic, exactly-once, beside the same job as a plain program
  state        a million keys: checkpoint, restart, cold reads, all due at once
  kafka        on a real broker: latency from event to output, throughput, what an idle pipeline takes
  ingest       recorded blocks from a local node into the log, beside ethereum-etl and subsquid
  generate     makes inputs for stream-core, of any size, the same for the same seed

npm run bench -- NAME --help tells more. Answers are JSON on stdout, one value a line; progress goes to stderr.
`

const [name, ...args] = process.argv.slice(2)
const question = name === undefined ? undefined : questions[name]
if (question === undefined) {
  const isAsked = name === '--help'
  const stream = isAsked ? process.stdout : process.stderr
  stream.write(help)
  process.exitCode = isAsked ? 0 : 2
} else {
  try {
    for await (const answer of question(args)) process.stdout.write(`${JSON.stringify(answer)}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
