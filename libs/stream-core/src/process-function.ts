import type {
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReducingState,
  ReducingStateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from './state/state.ts'
import type { Timestamp } from './time.ts'

/** Names a side output and carries its type. Source: Flink's OutputTag. */
export interface OutputTag<T> {
  readonly id: string
  /** Never set: it only carries the type. */
  readonly _type?: T
}
export const outputTag = <T>(id: string): OutputTag<T> => ({ id })

/**
 * Timers of the current key. One timer a timestamp and time domain: registering it again changes nothing. One that is
 * due already fires when its time next advances. Source: Flink's TimerService.
 */
export interface TimerService {
  /** Everything up to it has been seen. Starts at `minTimestamp`. */
  readonly currentWatermark: Timestamp
  /**
   * What the journaled clock last showed, ms since 1970; `minTimestamp` before its first record. Differs from Flink's: a
   * record of the log, as of its place in the sequence, so it stands still between two of them.
   */
  readonly currentProcessingTime: Timestamp
  registerEventTimeTimer(timestamp: Timestamp): void
  deleteEventTimeTimer(timestamp: Timestamp): void
  /** Fires at the first clock record at or after `timestamp`; never where no clock is journaled. */
  registerProcessingTimeTimer(timestamp: Timestamp): void
  deleteProcessingTimeTimer(timestamp: Timestamp): void
}

/** What a timer waits for: the watermark, or the journaled clock. Source: Flink's TimeDomain. */
export type TimeDomain = 'event' | 'processing'

export interface KeyedContext<Key, Out> {
  readonly key: Key
  /** Of the element, or of the timer that fires. */
  readonly timestamp: Timestamp
  readonly timers: TimerService
  emit(value: Out): void
  output<T>(tag: OutputTag<T>, value: T): void
  state<T>(descriptor: ValueStateDescriptor<T>): ValueState<T>
  state<T>(descriptor: ListStateDescriptor<T>): ListState<T>
  state<K, V>(descriptor: MapStateDescriptor<K, V>): MapState<K, V>
  state<T>(descriptor: ReducingStateDescriptor<T>): ReducingState<T>
  state<In, Acc, Out>(descriptor: AggregatingStateDescriptor<In, Acc, Out>): AggregatingState<In, Out>
}

/** Source: Flink's OnTimerContext. */
export interface OnTimerContext<Key, Out> extends KeyedContext<Key, Out> {
  readonly timeDomain: TimeDomain
}

/**
 * Logic over one key at a time, with state and timers that belong to that key. A pure fold: it reads time from
 * `ctx.timestamp` (ms, event time), never a clock, and need not know of reverts: these put state and timers back to the
 * end of the earlier epoch and retract what was emitted since. A timer at t fires once, when the watermark reaches t:
 * after every punctual element up to t. An exception undoes what the element changed and makes it a dead letter.
 * What a processing-time timer emits has no timestamp (`noTimestamp`).
 * Source: Flink's KeyedProcessFunction. Differs: timers due together fire in the order (t, key bytes, namespace).
 */
export interface KeyedProcessFunction<Key, In, Out> {
  processElement(element: In, ctx: KeyedContext<Key, Out>): void
  onTimer?(timestamp: Timestamp, ctx: OnTimerContext<Key, Out>): void
}

/** Two inputs of one key. Source: Flink's KeyedCoProcessFunction. */
export interface KeyedCoProcessFunction<Key, Left, Right, Out> {
  processElement1(element: Left, ctx: KeyedContext<Key, Out>): void
  processElement2(element: Right, ctx: KeyedContext<Key, Out>): void
  onTimer?(timestamp: Timestamp, ctx: OnTimerContext<Key, Out>): void
}
