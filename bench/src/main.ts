import { cpus, totalmem } from 'node:os'
import { readEnvironment } from '@tocsin/service-kit'
import { replay } from './replay.ts'

/** The questions that can be measured; each prints its answer as numbers. */
const questions: Readonly<Record<string, (shared: string) => Promise<unknown>>> = { replay }

const [name] = process.argv.slice(2)
const question = name === undefined ? undefined : questions[name]
if (question === undefined) {
  process.stderr.write(`Usage: npm run bench -- ${Object.keys(questions).join('|')}\n`)
  process.exitCode = 2
} else {
  const [cpu] = cpus()
  const machine = {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  }
  const answer = await question(readEnvironment()['TOCSIN_SHARED'] ?? '../shared')
  process.stdout.write(
    `${JSON.stringify({ question: name, date: new Date().toISOString(), machine, answer }, null, 2)}\n`,
  )
}
