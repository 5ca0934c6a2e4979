import type { AggregateFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import type { DurationMs } from '../time.ts'

/**
 * Keyed state. Access is synchronous. Values are immutable: updating means replacing (frozen under test). Descriptors
 * are plain values declared once per operator; `ctx.state(descriptor)` binds one to the current key.
 */

/**
 * How long state outlives its last access: a value of each key on its own, a list by element, a map by entry. Event time,
 * always. *Now* is the timestamp of the element in hand, or the watermark where that is later, so that a late element
 * sees nothing that has expired for the others; in a timer it is the timer's time. What was accessed at t has expired
 * when t + ttl <= now. It is dropped by a timer of the operator at most ttl / 64 after that, so memory is bounded.
 * Source: Flink's StateTtlConfig. Differs: processing time is Flink's default; an access out of order never shortens a
 * life; expired state is dropped by time alone, not by a read that finds it (except as below) or by a snapshot.
 */
export interface TtlOptions {
  /** Whole ms above 0. */
  readonly ttl: DurationMs
  /** Which accesses begin the time anew; reading a list or iterating over a map reads all of it. Default `create-and-write`. */
  readonly update?: 'create-and-write' | 'read-and-write'
  /**
   * With `return-expired-if-not-cleaned-up` a read may still find what has expired and is not dropped yet; that read drops
   * it. Default `never-return-expired`.
   */
  readonly visibility?: 'never-return-expired' | 'return-expired-if-not-cleaned-up'
}

/** Without `ttl` state stays until it is cleared. */
export type StateOptions = Partial<TtlOptions>

/** Of state that holds many: a life and a bound. */
export interface BoundedStateOptions extends StateOptions {
  /**
   * The most elements or entries of one key; default: no limit. What would exceed it displaces the oldest: of a list the
   * first, of a map the entry whose last write has the earliest *now* (as in `TtlOptions`; ties by the bytes of the entry's
   * key). A map looks through its entries for it, so a new entry beyond the bound costs time in proportion to the bound.
   */
  readonly maxEntries?: number
}

/** Names a state of one value a key; made by {@link valueState}. */
export interface ValueStateDescriptor<T> {
  readonly kind: 'value'
  readonly name: string
  readonly codec: Codec<T>
  readonly ttl?: TtlOptions
}
/** Names a state of a list a key; made by {@link listState}. */
export interface ListStateDescriptor<T> {
  readonly kind: 'list'
  readonly name: string
  readonly codec: Codec<T>
  readonly ttl?: TtlOptions
  readonly maxEntries?: number
}
/** Names a state of a map a key; made by {@link mapState}. */
export interface MapStateDescriptor<K, V> {
  readonly kind: 'map'
  readonly name: string
  readonly keyCodec: Codec<K>
  readonly codec: Codec<V>
  readonly ttl?: TtlOptions
  readonly maxEntries?: number
}
/** Names a state that folds what is added into one value a key; made by {@link reducingState}. */
export interface ReducingStateDescriptor<T> {
  readonly kind: 'reducing'
  readonly name: string
  reduce(before: T, value: T): T
  readonly codec: Codec<T>
  readonly ttl?: TtlOptions
}
/** Names a state that folds what is added into an accumulator a key; made by {@link aggregatingState}. */
export interface AggregatingStateDescriptor<In, Acc, Out> {
  readonly kind: 'aggregating'
  readonly name: string
  readonly aggregate: AggregateFunction<In, Acc, Out>
  /** Of the accumulator, which is what is kept. */
  readonly codec: Codec<Acc>
  readonly ttl?: TtlOptions
}

/** One value of the current key; `undefined` when there is none. Assigning replaces it. */
export interface ValueState<T> {
  value: T | undefined
  clear(): void
}
/** An append-only sequence of the current key, in the order of `add`. */
export interface ListState<T> extends Iterable<T> {
  /** With a TTL it counts those that have not expired, one by one. */
  readonly size: number
  get(): readonly T[]
  add(value: T): void
  replace(values: readonly T[]): void
  clear(): void
}
/** Entries. Iteration is in the order of encoded key bytes, always. */
export interface ReadOnlyMapState<K, V> extends Iterable<readonly [K, V]> {
  /** With a TTL it counts those that have not expired, one by one. */
  readonly size: number
  get(key: K): V | undefined
  has(key: K): boolean
  entries(): IterableIterator<readonly [K, V]>
  keys(): IterableIterator<K>
  values(): IterableIterator<V>
}
/** Entries of the current key, or of a broadcast state. */
export interface MapState<K, V> extends ReadOnlyMapState<K, V> {
  set(key: K, value: V): void
  delete(key: K): void
  clear(): void
}
/** One value of the current key, into which each `add` is reduced. Source: Flink's ReducingState. */
export interface ReducingState<T> {
  get(): T | undefined
  add(value: T): void
  clear(): void
}
/** One accumulator of the current key; `get` is its result, `undefined` before the first `add`. Source: Flink's AggregatingState. */
export interface AggregatingState<In, Out> {
  get(): Out | undefined
  add(value: In): void
  clear(): void
}

const lifetime = ({ ttl, update, visibility }: StateOptions): { readonly ttl?: TtlOptions } =>
  ttl === undefined ? {} : { ttl: { ttl, ...(update && { update }), ...(visibility && { visibility }) } }
const bound = ({ maxEntries }: BoundedStateOptions): { readonly maxEntries?: number } =>
  maxEntries === undefined ? {} : { maxEntries }

/** One value a key. */
export const valueState = <T>(name: string, codec: Codec<T>, options: StateOptions = {}): ValueStateDescriptor<T> => ({
  kind: 'value',
  name,
  codec,
  ...lifetime(options),
})
/**
 * A list a key, in the order in which it was added to. @throws {StateDescriptorError} as `valueState`, and for a bound
 */
export const listState = <T>(
  name: string,
  codec: Codec<T>,
  options: BoundedStateOptions = {},
): ListStateDescriptor<T> => ({ kind: 'list', name, codec, ...lifetime(options), ...bound(options) })
/** A map a key, iterated in the order of its keys' bytes. */
export const mapState = <K, V>(
  name: string,
  keyCodec: Codec<K>,
  codec: Codec<V>,
  options: BoundedStateOptions = {},
): MapStateDescriptor<K, V> => ({ kind: 'map', name, keyCodec, codec, ...lifetime(options), ...bound(options) })
/** `reduce` must be pure. */
export const reducingState = <T>(
  name: string,
  reduce: (before: T, value: T) => T,
  codec: Codec<T>,
  options: StateOptions = {},
): ReducingStateDescriptor<T> => ({ kind: 'reducing', name, reduce, codec, ...lifetime(options) })
/** As `reducingState`, with an accumulator of another type; `aggregate` must be pure. */
export const aggregatingState = <In, Acc, Out>(
  name: string,
  aggregate: AggregateFunction<In, Acc, Out>,
  codec: Codec<Acc>,
  options: StateOptions = {},
): AggregatingStateDescriptor<In, Acc, Out> => ({ kind: 'aggregating', name, aggregate, codec, ...lifetime(options) })
