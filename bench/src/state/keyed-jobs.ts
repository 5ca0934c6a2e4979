import {
  hours,
  minutes,
  numberCodec,
  sliding,
  StreamBuilder,
  stringKey,
  valueState,
  type SourceRecord,
  type Topology,
} from '@tocsin/stream-core'

/** Their state: a value and a timer a key, or a pane a key in one open window. */
export type KeyedJob = 'timers' | 'window'

export interface Seen {
  readonly key: string
}

const count = valueState('count', numberCodec)
const counts = { encode: (line: string) => ({ key: null, value: Buffer.from(line) }) }

/** Timers and windows are due so much later. */
export const restMs = hours(24)

/** A line is a time, and a key or nothing: then it is a watermark. */
const source = {
  topic: 'keys',
  codec: {
    decode: (bytes: Uint8Array): SourceRecord<Seen> => {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      const space = text.indexOf(' ')
      const timestamp = Number(text.slice(0, space))
      const key = text.slice(space + 1)
      return key === '' ? { type: 'watermark', watermark: timestamp } : { type: 'element', timestamp, value: { key } }
    },
  },
  watermarks: { type: 'in-log' },
} as const

export const keyedTopology = (job: KeyedJob): Topology => {
  const builder = new StreamBuilder({ job, version: '1' })
  const keyed = builder.source<Seen>('keys', source).keyBy(({ key }) => key, stringKey)
  const results =
    job === 'timers'
      ? keyed.process<string>('count', {
          processElement({ key }, ctx) {
            const seen = ctx.state(count)
            seen.value = (seen.value ?? 0) + 1
            ctx.timers.registerEventTimeTimer(ctx.timestamp + restMs)
            if (key.startsWith('loud')) ctx.emit(`${key} ${seen.value}`)
          },
          onTimer() {
            return // what is measured is that it fires
          },
        })
      : keyed.window(sliding(restMs, minutes(60))).aggregate<number, number, string>(
          'count',
          {
            createAccumulator: () => 0,
            add: (_, seen) => seen + 1,
            merge: (a, b) => a + b,
            getResult: (seen) => seen,
          },
          numberCodec,
          (seen, _window, key, emit) => {
            if (key.startsWith('loud')) emit(`${key} ${seen}`)
          },
        )
  results.sinkPlainTo('counts', { topic: 'counts', codec: counts })
  return builder.build()
}
