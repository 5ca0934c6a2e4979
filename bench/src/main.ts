import { cpus, totalmem } from 'node:os'
import { readEnvironment } from '@tocsin/service-kit'
import { generate } from './generate.ts'
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

/** The questions that can be measured; each answers with numbers, one JSON value after the other. */
const questions: Readonly<Record<string, (args: readonly string[]) => AsyncGenerator>> = {
  async *replay() {
    const answer = await replay(env['TOCSIN_SHARED'] ?? '../shared')
    yield { question: 'replay', date: new Date().toISOString(), machine, answer }
  },
  'stream-core': streamCore,
  state,
  generate,
}

const [name, ...args] = process.argv.slice(2)
const question = name === undefined ? undefined : questions[name]
if (question === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(questions).join('|')}\n`)
  process.exitCode = 2
} else {
  for await (const answer of question(args)) process.stdout.write(`${JSON.stringify(answer)}\n`)
}
