import type { AggregateFunction, ReduceFunction, WindowFunction } from './aggregate.ts'
import type { Codec } from './codec.ts'
import { aggregating, reducing, type Incremental } from './operators/incremental.ts'
import { paneWindowOperator } from './operators/window-aggregate.ts'
import type { OutputTag } from './process-function.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'
import type { DurationMs } from './time.ts'
import { TopologyError } from './topology.ts'
import { describeWindows, type WindowAssigner } from './window.ts'

/** The elements of a key, put into windows; `aggregate` or `reduce` makes a stream of them again. */
export interface WindowedStream<Key, T> {
  /** A window stays this long after it fired, and fires again for each element that comes meanwhile. Default 0. */
  allowedLateness(lateness: DurationMs): WindowedStream<Key, T>
  /** Elements too late for all of their windows; without a tag they are only counted. */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<Key, T>
  aggregate<Acc, Result, Out = Result>(
    uid: string,
    f: AggregateFunction<T, Acc, Result>,
    accumulatorCodec: Codec<Acc>,
    windowFunction?: WindowFunction<Key, Result, Out>,
  ): DataStream<Out>
  /** As `aggregate`, where the accumulator is of the elements' own type. */
  reduce<Out = T>(
    uid: string,
    f: ReduceFunction<T>,
    codec: Codec<T>,
    windowFunction?: WindowFunction<Key, T, Out>,
  ): DataStream<Out>
}

interface WindowedOptions<T> {
  readonly assigner: WindowAssigner<T>
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
}

/** @internal */
export const windowedStream = <Key, T>(
  add: AddStream,
  keyed: KeyedStream<Key, T>,
  options: WindowedOptions<T>,
): WindowedStream<Key, T> => {
  const { assigner } = options
  const changed = (change: Partial<WindowedOptions<T>>) => windowedStream(add, keyed, { ...options, ...change })
  const incremental = <Acc, Result, Out>(
    uid: string,
    aggregate: Incremental<T, Acc, Result>,
    accumulatorCodec: Codec<Acc>,
    windowFunction: WindowFunction<Key, Result, Out> | undefined,
  ): DataStream<Out> => {
    if (
      assigner.time === 'processing' ||
      assigner.type === 'session' ||
      assigner.type === 'global' ||
      assigner.type === 'custom'
    ) {
      throw new TopologyError(`The window "${uid}" is of a kind that this version does not run yet.`)
    }
    const create = paneWindowOperator(keyed.selector, {
      ...options,
      assigner,
      aggregate,
      accumulatorCodec,
      windowFunction,
    })
    return add<Out>({ uid, operator: 'window', detail: describeWindows(assigner), inputs: [keyed.node], create })
  }
  return {
    allowedLateness: (allowedLateness) => {
      if (!(allowedLateness >= 0)) throw new TopologyError(`An allowed lateness of ${allowedLateness} ms cannot be.`)
      return changed({ allowedLateness })
    },
    sideOutputLateData: (tag) => changed({ lateTag: tag.id }),
    aggregate: (uid, f, codec, windowFunction) => incremental(uid, aggregating(f), codec, windowFunction),
    reduce: (uid, f, codec, windowFunction) => incremental(uid, reducing(f), codec, windowFunction),
  }
}
