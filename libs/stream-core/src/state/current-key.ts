import type { Timestamp } from '../time.ts'
import type { ByteString } from './key-encoding.ts'

/** What handles of keyed state are bound to: the key of the element or timer in hand, and the time for TTLs. */
export interface CurrentKey {
  readonly key: ByteString
  readonly now: Timestamp
}

/** What one key has of a state, below its handle: one value, elements, or entries. Values are frozen already. */
export interface Cell<T> {
  get(): T | undefined
  set(value: T | undefined): void
}
export interface Elements<T> {
  readonly size: number
  get(): readonly T[]
  append(value: T, maxEntries: number): void
  replace(values: readonly T[]): void
}
export interface Entries<V> {
  readonly size: number
  get(sub: ByteString): V | undefined
  set(sub: ByteString, value: V | undefined): void
  /** In the order of their bytes, with those that `get` may find expired; a snapshot. */
  subs(): readonly ByteString[]
}
