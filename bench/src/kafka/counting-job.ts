import { numberCodec, StreamBuilder, stringKey, valueState, type JobDefinition } from '@tocsin/stream-core'
import { bytesOf } from '../jobs/bench-job.ts'
import { inOrder, lineCodec } from '../jobs/line-source.ts'

/** One event of the latency bench. */
export interface TimedEvent {
  readonly ts: number
  readonly wallet: string
  /** When it was due to be sent, ms since 1970 with fractions. */
  readonly sentAt: number
}

export interface CountingJob {
  readonly brokers: readonly string[]
  /** Begins the names of its topics. */
  readonly name: string
  /** With 2, a second `keyBy` behind the first: in tasks of their own that meet in a topic. */
  readonly stages: 1 | 2
  readonly commitIntervalMs: number
  readonly stateFolder: string
}

export const topicsOf = (name: string) => ({
  input: `${name}.input`,
  output: `${name}.output`,
  deadLetters: `${name}.dead-letters`,
})

/** Counts the events of each wallet and tells each of them, so that each can be timed. */
export const countingJob = ({ name, stages }: Pick<CountingJob, 'name' | 'stages'>): JobDefinition => {
  const topics = topicsOf(name)
  const builder = new StreamBuilder({ job: 'counting', version: '1' })
  const count = valueState('count', numberCodec)
  const events = builder.source<TimedEvent>('events', {
    topic: topics.input,
    codec: lineCodec(),
    watermarks: inOrder,
  })
  let counted = events
  for (let stage = 1; stage <= stages; stage++)
    counted = counted
      .keyBy(({ wallet }) => wallet, stringKey)
      .process<TimedEvent>(`count-${stage}`, {
        processElement(event, ctx) {
          const state = ctx.state(count)
          state.value = (state.value ?? 0) + 1
          ctx.emit(event)
        },
      })
  counted.sinkPlainTo('alerts', {
    topic: topics.output,
    codec: { encode: ({ sentAt }) => ({ key: null, value: bytesOf(String(sentAt)) }) },
  })
  return {
    topology: builder.build(),
    deadLetters: { topic: topics.deadLetters, encode: ({ reason }) => bytesOf(reason) },
    clock: () => performance.now(),
  }
}
