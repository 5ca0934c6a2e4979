import type {
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReadOnlyMapState,
  ReducingState,
  ReducingStateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from './state/state.ts'
import type { Timestamp } from './time.ts'

/** A user function gave a promise: what it does after its first `await` would be outside of the fold, of another key. */
export class AsyncFunctionError extends Error {
  readonly code = 'STREAM_ASYNC_FUNCTION'
  readonly handling = 'stop'
  readonly remedy = 'Make the function synchronous; what it waits for belongs into a topic that the job reads.'
}

/** @throws {AsyncFunctionError} if a user function's answer is a promise */
export const requireSynchronous = (answer: unknown, operator: string): void => {
  if (!(answer instanceof Promise)) return
  answer.catch(() => undefined) // the job stops with this error, not with what comes of that
  throw new AsyncFunctionError(`The function of "${operator}" is asynchronous.`)
}

/** Names a side output and carries its type. Source: Flink's OutputTag. */
export interface OutputTag<T> {
  readonly id: string
  /** Never set: it only carries the type. */
  readonly _type?: T
}
/** Names a side output: the same id and type where it is written and where it is read. */
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

/**
 * What a function has beside its element: the key in hand, its state and timers. Source: Flink's
 * KeyedProcessFunction.Context.
 */
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

/** Reads what the broadcast stream has written. Source: Flink's KeyedBroadcastProcessFunction.ReadOnlyContext. */
export interface KeyedReadOnlyContext<Key, Out> extends KeyedContext<Key, Out> {
  /** One of the descriptors given to `broadcast`. */
  broadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): ReadOnlyMapState<K, V>
}

/** Of an element of the broadcast stream. Source: Flink's BroadcastProcessFunction.Context. */
export interface BroadcastContext {
  readonly timestamp: Timestamp
  readonly currentWatermark: Timestamp
  /** One of the descriptors given to `broadcast`. */
  broadcastState<K, V>(descriptor: MapStateDescriptor<K, V>): MapState<K, V>
}
/** Likewise, beside keyed state. Source: Flink's KeyedBroadcastProcessFunction.Context. */
export interface KeyedBroadcastContext<Key, Out> extends BroadcastContext {
  /**
   * Calls `f` with the state of each key that has some of this name, in order of key bytes, as of the broadcast element's
   * timestamp. What it emits carries that timestamp.
   */
  applyToKeyedState<T>(
    descriptor: ValueStateDescriptor<T>,
    f: (key: Key, state: ValueState<T>, emit: (value: Out) => void) => void,
  ): void
  applyToKeyedState<T>(
    descriptor: ListStateDescriptor<T>,
    f: (key: Key, state: ListState<T>, emit: (value: Out) => void) => void,
  ): void
  applyToKeyedState<K, V>(
    descriptor: MapStateDescriptor<K, V>,
    f: (key: Key, state: MapState<K, V>, emit: (value: Out) => void) => void,
  ): void
  applyToKeyedState<T>(
    descriptor: ReducingStateDescriptor<T>,
    f: (key: Key, state: ReducingState<T>, emit: (value: Out) => void) => void,
  ): void
  applyToKeyedState<In, Acc, Result>(
    descriptor: AggregatingStateDescriptor<In, Acc, Result>,
    f: (key: Key, state: AggregatingState<In, Result>, emit: (value: Out) => void) => void,
  ): void
}

/**
 * Elements of a keyed stream, and a broadcast stream whose elements all shards see: rules, labels. It writes broadcast
 * state, they read it. Source: Flink's KeyedBroadcastProcessFunction. Differs: a broadcast element emits only by key, from
 * `applyToKeyedState`, as otherwise each shard would emit the same.
 */
export interface KeyedBroadcastProcessFunction<Key, In, Broadcast, Out> {
  processElement(element: In, ctx: KeyedReadOnlyContext<Key, Out>): void
  processBroadcastElement(element: Broadcast, ctx: KeyedBroadcastContext<Key, Out>): void
  onTimer?(
    timestamp: Timestamp,
    ctx: OnTimerContext<Key, Out> & Pick<KeyedReadOnlyContext<Key, Out>, 'broadcastState'>,
  ): void
}

/** Two inputs of one key. Source: Flink's KeyedCoProcessFunction. */
export interface KeyedCoProcessFunction<Key, Left, Right, Out> {
  processElement1(element: Left, ctx: KeyedContext<Key, Out>): void
  processElement2(element: Right, ctx: KeyedContext<Key, Out>): void
  onTimer?(timestamp: Timestamp, ctx: OnTimerContext<Key, Out>): void
}
