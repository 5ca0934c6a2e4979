import { numberCodec, StreamBuilder, stringKey, valueState, type JobDefinition } from '@tocsin/stream-core'

/** One record of the input: what happened to some keys at a time that grows from record to record. */
export interface CountInput {
  readonly time: number
  readonly keys: readonly string[]
  /** Counted, but not told. */
  readonly isQuiet?: boolean
}

/** Counts how often each key came, and tells each count. */
export const countJob = (topics: {
  readonly input: string
  readonly output: string
  readonly dead: string
}): JobDefinition => {
  const builder = new StreamBuilder({ job: 'count', version: '1' })
  const count = valueState('count', numberCodec)
  builder
    .source<{ key: string; isQuiet: boolean }>('input', {
      topic: topics.input,
      codec: {
        decode: (value) => {
          const { time, keys, isQuiet = false } = JSON.parse(Buffer.from(value).toString()) as CountInput // the test's own
          return [
            ...keys.map((key) => ({ type: 'element' as const, timestamp: time, value: { key, isQuiet } })),
            { type: 'watermark', watermark: time },
          ]
        },
      },
      watermarks: { type: 'in-log' },
    })
    .keyBy(({ key }) => key, stringKey)
    .process<string>('count', {
      processElement({ key, isQuiet }, ctx) {
        const state = ctx.state(count)
        const next = (state.value ?? 0) + 1
        state.value = next
        if (!isQuiet) ctx.emit(`${key} ${next}`)
      },
    })
    .sinkPlainTo('counts', {
      topic: topics.output,
      codec: { encode: (line) => ({ key: Buffer.from(line.split(' ')[0] ?? ''), value: Buffer.from(line) }) },
    })
  return {
    topology: builder.build(),
    deadLetters: { topic: topics.dead, encode: ({ reason }) => Buffer.from(reason) },
    clock: () => performance.now(),
  }
}
