import type { OutputTag } from './process-function.ts'
import type { ValueState, ValueStateDescriptor } from './state/state.ts'
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
  /** As the journaled clock shows it. */
  readonly currentProcessingTime: Timestamp
  /** To a side output; with the timestamp of the window's results. */
  output<Side>(tag: OutputTag<Side>, value: Side): void
}

/**
 * Sees a window's result with its key and bounds, each time the window fires. What it emits has the window's last
 * timestamp. Source: Flink's ProcessWindowFunction over an aggregate.
 */
export type WindowFunction<Key, Result, Out, Context extends WindowContext = WindowContext> = (
  result: Result,
  window: TimeWindow,
  key: Key,
  emit: (value: Out) => void,
  context: Context,
) => void

/** Has state of the key and window as well, which must not be one that merges. */
export interface ProcessWindowContext extends WindowContext {
  /** Outlives a firing, not the window: `clear` must clear it. Descriptors are declared once, outside the function. */
  windowState<T>(descriptor: ValueStateDescriptor<T>): ValueState<T>
}

/**
 * Sees all elements of a window, in order of arrival, each time it fires. Source: Flink's ProcessWindowFunction.
 */
export type ProcessWindowFunction<Key, T, Out> =
  | WindowFunction<Key, readonly T[], Out, ProcessWindowContext>
  | {
      readonly process: WindowFunction<Key, readonly T[], Out, ProcessWindowContext>
      /** The window goes: its state must, too. */
      readonly clear: (window: TimeWindow, key: Key, context: Pick<ProcessWindowContext, 'windowState'>) => void
    }
