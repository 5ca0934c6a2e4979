import type { TimeWindow } from './window.ts'

/** Incremental aggregation. Accumulators are immutable values. Source: Flink's AggregateFunction. */
export interface AggregateFunction<In, Acc, Out> {
  createAccumulator(): Acc
  add(value: In, accumulator: Acc): Acc
  merge(a: Acc, b: Acc): Acc
  getResult(accumulator: Acc): Out
}

/** Sees a window's result with its key and bounds. Source: Flink's ProcessWindowFunction over an aggregate. */
export type WindowFunction<Key, Result, Out> = (
  result: Result,
  window: TimeWindow,
  key: Key,
  emit: (value: Out) => void,
) => void
