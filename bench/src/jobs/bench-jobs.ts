import { StreamBuilder, type JobDefinition } from '@tocsin/stream-core'
import { bytesOf, type BenchJob } from './bench-job.ts'
import { parseOnly } from './parse-only.ts'
import { passThrough } from './pass-through.ts'
import { priceJoin } from './price-join.ts'
import { walletSessions } from './wallet-sessions.ts'
import { walletVolume } from './wallet-volume.ts'

export const benchJobs: Readonly<Record<string, BenchJob>> = {
  j1: walletVolume,
  j2: passThrough,
  j3: priceJoin,
  sessions: walletSessions,
  floor: parseOnly,
}

/** One pass of a job: its name there, and its topics. */
export interface BenchPass {
  readonly job: string
  readonly name: string
  readonly topics: { readonly input: string; readonly output: string; readonly deadLetters: string }
}

/** Also what a worker thread calls; `argument` is a `BenchPass`. */
export const defineJob = (argument: unknown): JobDefinition => {
  const { job, name, topics } = argument as BenchPass // given by the bench itself
  const builder = new StreamBuilder({ job: name, version: '1' })
  const found = benchJobs[job]
  if (found === undefined) throw new Error(`There is no job "${job}"; there are ${Object.keys(benchJobs).join(', ')}.`)
  found.build(builder, topics)
  return {
    topology: builder.build(),
    deadLetters: { topic: topics.deadLetters, encode: ({ reason }) => bytesOf(reason) },
    clock: () => performance.now(),
  }
}
