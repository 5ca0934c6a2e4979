import {
  noTimestamp,
  StreamBuilder,
  stringKey,
  type DataStream,
  type PlainSinkCodec,
  type SourceCodec,
  type Timestamp,
  type Topology,
  type WatermarkStrategy,
} from '../../src/index.ts'
import type { TestDriver } from '../test-driver.ts'

const never: SourceCodec<never> = {
  decode: () => {
    throw new Error('Records are pushed.')
  },
}
const unsent: PlainSinkCodec<unknown> = { encode: () => ({ key: null, value: new Uint8Array() }) }
const inLog: WatermarkStrategy<never> = { type: 'in-log' }

/** What an operator downstream sees of an output. */
export interface Probed<T = unknown> {
  readonly value: T
  /** Null where it has none. */
  readonly timestamp: Timestamp | null
  /** How far downstream had heard of event time when it came. */
  readonly watermark: Timestamp
}

/** A topology of one source `in`, with a probe behind what `operators` makes of it. */
export const probedTopology = <In, Out>(
  operators: (source: DataStream<In>) => DataStream<Out>,
  watermarks: WatermarkStrategy<In> = inLog,
): Topology => {
  const builder = new StreamBuilder({ job: 'case', version: '1' })
  operators(builder.source<In>('in', { topic: 'in', codec: never, watermarks }))
    .keyBy(() => '', stringKey)
    .process<Probed<Out>>('probe', {
      processElement: (value, ctx) => {
        const timestamp = ctx.timestamp === noTimestamp ? null : ctx.timestamp
        ctx.emit({ value, timestamp, watermark: ctx.timers.currentWatermark })
      },
    })
    .sinkPlainTo('out', { topic: 'out', codec: unsent })
  return builder.build()
}

/** Takes what the probe saw since the last call. */
export const probeOf = <T>(driver: TestDriver): (() => readonly Probed<T>[]) => {
  let seen = 0
  return () => {
    const letters = driver.deadLetters()
    if (letters.length > 0) throw new Error(`A function failed: ${letters.map(({ reason }) => reason).join('; ')}`)
    const outputs = driver.outputs().slice(seen)
    seen += outputs.length
    return outputs.map(({ output }) => output as Probed<T>) // the probe emits nothing else
  }
}
