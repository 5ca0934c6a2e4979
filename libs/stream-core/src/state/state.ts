import type { Codec } from '../codec.ts'
import type { DurationMs } from '../time.ts'

/**
 * Keyed state. Access is synchronous. Values are immutable: updating means replacing (frozen under test). Descriptors
 * are plain values declared once per operator; `ctx.state(descriptor)` binds one to the current key.
 */
export interface TtlOptions {
  readonly ttl: DurationMs
  /** Default `create-and-write`. Event time, always: see docs/stream-core.md for the difference from Flink. */
  readonly update?: 'create-and-write' | 'read-and-write'
}

export interface ValueStateDescriptor<T> {
  readonly kind: 'value'
  readonly name: string
  readonly codec: Codec<T>
  readonly ttl?: TtlOptions
}
export interface ListStateDescriptor<T> {
  readonly kind: 'list'
  readonly name: string
  readonly codec: Codec<T>
  readonly ttl?: TtlOptions
}
export interface MapStateDescriptor<K, V> {
  readonly kind: 'map'
  readonly name: string
  readonly keyCodec: Codec<K>
  readonly codec: Codec<V>
  readonly ttl?: TtlOptions
}

/** One value of the current key; `undefined` when there is none. Assigning replaces it. */
export interface ValueState<T> {
  value: T | undefined
  clear(): void
}
/** An append-only sequence of the current key, in the order of `add`. */
export interface ListState<T> extends Iterable<T> {
  readonly size: number
  get(): readonly T[]
  add(value: T): void
  replace(values: readonly T[]): void
  clear(): void
}
/** Entries of the current key. Iteration is in the order of encoded key bytes, always. */
export interface MapState<K, V> extends Iterable<readonly [K, V]> {
  readonly size: number
  get(key: K): V | undefined
  has(key: K): boolean
  set(key: K, value: V): void
  delete(key: K): void
  entries(): IterableIterator<readonly [K, V]>
  keys(): IterableIterator<K>
  values(): IterableIterator<V>
  clear(): void
}

export const valueState = <T>(name: string, codec: Codec<T>, ttl?: TtlOptions): ValueStateDescriptor<T> => ({
  kind: 'value',
  name,
  codec,
  ...(ttl && { ttl }),
})
export const listState = <T>(name: string, codec: Codec<T>, ttl?: TtlOptions): ListStateDescriptor<T> => ({
  kind: 'list',
  name,
  codec,
  ...(ttl && { ttl }),
})
export const mapState = <K, V>(
  name: string,
  keyCodec: Codec<K>,
  codec: Codec<V>,
  ttl?: TtlOptions,
): MapStateDescriptor<K, V> => ({ kind: 'map', name, keyCodec, codec, ...(ttl && { ttl }) })
