import type { OutputTag } from './process-function.ts'
import type { Timestamp } from './time.ts'
import type { TimeWindow } from './time-window.ts'

/** Incremental aggregation. Accumulators are immutable values. Source: Flink's AggregateFunction. */
export interface AggregateFunction<In, Acc, Out> {
  createAccumulator(): Acc
  add(value: In, accumulator: Acc): Acc
  merge(a: Acc, b: Acc): Acc
  getResult(accumulator: Acc): Out
}

/** Makes one value of two, the earlier first; associative. Source: Flink's ReduceFunction. */
export type ReduceFunction<T> = (a: T, b: T) => T

/** What a window function sees and may do besides its window. Source: Flink's ProcessWindowFunction.Context. */
export interface WindowContext {
  readonly currentWatermark: Timestamp
  /** To a side output; with the timestamp of the window's results. */
  output<Side>(tag: OutputTag<Side>, value: Side): void
}

/**
 * Sees a window's result with its key and bounds, each time the window fires. What it emits has the window's last
 * timestamp. Source: Flink's ProcessWindowFunction over an aggregate.
 */
export type WindowFunction<Key, Result, Out> = (
  result: Result,
  window: TimeWindow,
  key: Key,
  emit: (value: Out) => void,
  context: WindowContext,
) => void
