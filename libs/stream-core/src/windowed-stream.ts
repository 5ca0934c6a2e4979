import type { AggregateFunction, ProcessWindowFunction, ReduceFunction, WindowFunction } from './aggregate.ts'
import type { Codec } from './codec.ts'
import type { Evictor, EvictorContext } from './evictor.ts'
import { aggregating, reducing, type Incremental } from './operators/incremental.ts'
import type { CreateOperator } from './operators/operator.ts'
import { paneWindowOperator } from './operators/window-aggregate.ts'
import { accumulated, buffered, evicting } from './operators/window-contents.ts'
import { windowOperator } from './operators/window-operator.ts'
import { sessionWindowOperator } from './operators/window-session.ts'
import type { OutputTag } from './process-function.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'
import type { DurationMs } from './time.ts'
import { TopologyError } from './topology.ts'
import { endOfStreamTrigger, eventTimeTrigger, neverTrigger, processingTimeTrigger, type Trigger } from './trigger.ts'
import { describeWindows, isMerging, type WindowAssigner } from './window.ts'

/**
 * The elements of a key, put into windows; `aggregate`, `reduce` or `process` makes a stream of them again. A window's
 * results carry its last timestamp. Source: Flink's WindowedStream.
 */
export interface WindowedStream<Key, T> {
  /**
   * When a window fires. Default: when the watermark passes its end; in processing time when the journaled clock does;
   * a global window never, or at the end.
   */
  trigger(trigger: Trigger<T>): WindowedStream<Key, T>
  /** What a window that fires drops. It keeps all its elements then, written by `codec`, and aggregates as it fires. */
  evictor(evictor: Evictor<T>, codec: Codec<T>): WindowedStream<Key, T>
  /**
   * A window stays this long, in ms of event time, after the watermark passed its end, and its trigger sees the elements
   * that come meanwhile: by default it fires again for each. Default 0.
   */
  allowedLateness(lateness: DurationMs): WindowedStream<Key, T>
  /** Elements too late for all of their windows; without a tag they are only counted. */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<Key, T>
  /**
   * Keeps one accumulator a window, or a pane, where windows are aligned and their trigger and evictor the default: a
   * sliding window's element is then added once, and `merge` must agree with `add`.
   */
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
  /** Keeps all elements, in order of arrival, written by `codec`. Dearer than `aggregate` in state. */
  process<Out>(uid: string, codec: Codec<T>, f: ProcessWindowFunction<Key, T, Out>): DataStream<Out>
}

interface WindowedOptions<T> {
  readonly assigner: WindowAssigner<T>
  readonly trigger: Trigger<T>
  readonly evictor: { readonly evictor: Evictor<T>; readonly codec: Codec<T> } | null
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
}

const defaultTrigger = (assigner: WindowAssigner<never>): Trigger => {
  if (assigner.type === 'global') return assigner.firesAtEnd ? endOfStreamTrigger : neverTrigger
  return assigner.time === 'event' ? eventTimeTrigger : processingTimeTrigger
}

export const windowsOf = <Key, T>(
  add: AddStream,
  keyed: KeyedStream<Key, T>,
  assigner: WindowAssigner<T>,
): WindowedStream<Key, T> =>
  windowedStream(add, keyed, {
    assigner,
    trigger: defaultTrigger(assigner),
    evictor: null,
    allowedLateness: 0,
    lateTag: null,
  })

const windowedStream = <Key, T>(
  add: AddStream,
  keyed: KeyedStream<Key, T>,
  options: WindowedOptions<T>,
): WindowedStream<Key, T> => {
  const { assigner, trigger, evictor } = options
  const changed = (change: Partial<WindowedOptions<T>>) => windowedStream(add, keyed, { ...options, ...change })
  const added = <Out>(uid: string, create: CreateOperator): DataStream<Out> => {
    const detail = [
      describeWindows(assigner),
      ...(trigger === defaultTrigger(assigner) ? [] : [`trigger ${trigger.name}`]),
      ...(evictor === null ? [] : [`evictor ${evictor.evictor.name}`]),
    ]
    return add<Out>({ uid, operator: 'window', detail: detail.join('; '), inputs: [keyed.node], create })
  }
  const incremental = <Acc, Result, Out>(
    uid: string,
    aggregate: Incremental<T, Acc, Result>,
    accumulatorCodec: Codec<Acc>,
    windowFunction: WindowFunction<Key, Result, Out> | undefined,
  ): DataStream<Out> => {
    if (evictor !== null) {
      // What the evictor leaves is aggregated as the window fires.
      const resultOf = (values: readonly T[], emit: (result: Result) => void): void => {
        let accumulator: Acc | undefined
        for (const value of values) accumulator = aggregate.add(value, accumulator)
        if (accumulator !== undefined) emit(aggregate.result(accumulator))
      }
      const contents = (context: EvictorContext) => evicting(evictor.codec, evictor.evictor, context, resultOf)
      return added(uid, windowOperator(keyed.selector, { ...options, contents, windowFunction, clear: undefined }))
    }
    if (trigger === eventTimeTrigger && assigner.time === 'event') {
      const lean = { ...options, aggregate, accumulatorCodec, windowFunction }
      switch (assigner.type) {
        case 'tumbling':
        case 'sliding':
        case 'cumulative':
          return added(uid, paneWindowOperator(keyed.selector, { ...lean, assigner }))
        case 'session':
          if (typeof assigner.gap !== 'number') break
          return added(uid, sessionWindowOperator(keyed.selector, { ...lean, gap: assigner.gap }))
        case 'global':
        case 'custom':
      }
    }
    const contents = () => accumulated(aggregate, accumulatorCodec)
    return added(uid, windowOperator(keyed.selector, { ...options, contents, windowFunction, clear: undefined }))
  }
  return {
    trigger: (chosen) => {
      if (isMerging(assigner) && chosen.onMerge === undefined) {
        throw new TopologyError(
          `The trigger "${chosen.name}" has no onMerge, which ${describeWindows(assigner)} needs.`,
        )
      }
      return changed({ trigger: chosen })
    },
    evictor: (chosen, codec) => changed({ evictor: { evictor: chosen, codec } }),
    allowedLateness: (allowedLateness) => {
      if (!Number.isSafeInteger(allowedLateness) || allowedLateness < 0) {
        throw new TopologyError(`An allowed lateness of ${allowedLateness} ms cannot be.`)
      }
      return changed({ allowedLateness })
    },
    sideOutputLateData: (tag) => changed({ lateTag: tag.id }),
    aggregate: (uid, f, codec, windowFunction) => incremental(uid, aggregating(f), codec, windowFunction),
    reduce: (uid, f, codec, windowFunction) => incremental(uid, reducing(f), codec, windowFunction),
    process: (uid, codec, f) => {
      const { process: windowFunction, clear } = typeof f === 'function' ? { process: f, clear: undefined } : f
      const rest = { ...options, windowFunction, clear }
      if (evictor === null)
        return added(uid, windowOperator(keyed.selector, { ...rest, contents: () => buffered(codec) }))
      const contents = (context: EvictorContext) =>
        evicting<T, readonly T[]>(codec, evictor.evictor, context, (values, emit) => emit(values))
      return added(uid, windowOperator(keyed.selector, { ...rest, contents }))
    },
  }
}
