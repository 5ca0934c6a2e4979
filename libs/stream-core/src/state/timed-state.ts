import type { Timestamp } from '../time.ts'
import type { Cell, CurrentKey, Entries, Elements } from './current-key.ts'
import type { Expiry } from './expiry.ts'
import type { ByteString } from './key-encoding.ts'
import { ListView } from './list-view.ts'
import type { NestedTable } from './nested-table.ts'
import type { ValueTable } from './value-table.ts'
import { Timed } from './timed.ts'

/** State whose values have the time of their last access: with a TTL, or a bound that displaces the oldest entry. */
export interface ExpiringValues {
  /** Drops what has expired of `key` at time `at`. */
  expire(key: ByteString, at: Timestamp): void
}

export class TimedCell<T> implements Cell<T>, ExpiringValues {
  readonly #current: CurrentKey
  readonly #table: ValueTable<Timed<T>>
  readonly #expiry: Expiry

  constructor(current: CurrentKey, table: ValueTable<Timed<T>>, expiry: Expiry) {
    this.#current = current
    this.#table = table
    this.#expiry = expiry
  }

  get(): T | undefined {
    const { key, now } = this.#current
    const timed = this.#table.get(key)
    if (timed === undefined) return undefined
    if (this.#expiry.hasExpired(timed.time, now)) {
      if (!this.#expiry.returnsExpired) return undefined
      this.#table.set(key, undefined)
    } else if (this.#expiry.renewsOnRead && timed.time < now) this.#table.set(key, timed.at(now))
    return timed.value
  }
  set(value: T | undefined): void {
    const { key, now } = this.#current
    const before = this.#table.get(key)
    const time = Math.max(before?.time ?? now, now)
    this.#table.set(key, value === undefined ? undefined : new Timed(time, value))
    if (before === undefined && value !== undefined) this.#expiry.watch(key, time)
  }
  expire(key: ByteString, at: Timestamp): void {
    const timed = this.#table.get(key)
    if (timed === undefined) return
    if (this.#expiry.hasExpired(timed.time, at)) this.#table.set(key, undefined)
    else this.#expiry.watch(key, timed.time)
  }
}

export class TimedElements<T> implements Elements<T>, ExpiringValues {
  readonly #current: CurrentKey
  readonly #table: ValueTable<ListView<Timed<T>>>
  readonly #expiry: Expiry

  constructor(current: CurrentKey, table: ValueTable<ListView<Timed<T>>>, expiry: Expiry) {
    this.#current = current
    this.#table = table
    this.#expiry = expiry
  }

  get size(): number {
    const { key, now } = this.#current
    let size = 0
    for (const { time } of this.#table.get(key) ?? []) if (!this.#expiry.hasExpired(time, now)) size += 1
    return size
  }
  get(): readonly T[] {
    const { key, now } = this.#current
    const list = this.#table.get(key)
    if (list === undefined) return []
    const all = list.toArray()
    const live = all.filter(({ time }) => !this.#expiry.hasExpired(time, now))
    const { renewsOnRead, returnsExpired } = this.#expiry
    const isDropped = returnsExpired && live.length < all.length
    if (isDropped || (renewsOnRead && live.some(({ time }) => time < now))) {
      const kept = (isDropped ? live : all).map((timed) =>
        renewsOnRead && timed.time < now && !this.#expiry.hasExpired(timed.time, now) ? timed.at(now) : timed,
      )
      this.#table.set(key, kept.length === 0 ? undefined : ListView.of(kept))
    }
    return (returnsExpired ? all : live).map((timed) => timed.value)
  }
  append(value: T, maxEntries: number): void {
    const { key, now } = this.#current
    const before = this.#table.get(key)
    const timed = new Timed(now, value)
    const list = before?.append(timed) ?? ListView.of([timed])
    this.#table.set(key, list.dropFirst(Math.max(0, list.size - maxEntries)))
    if (before === undefined) this.#expiry.watch(key, now)
  }
  replace(values: readonly T[]): void {
    const { key, now } = this.#current
    const before = this.#table.get(key)
    const list = ListView.of(values.map((value) => new Timed(now, value)))
    this.#table.set(key, list.size === 0 ? undefined : list)
    if (before === undefined && list.size > 0) this.#expiry.watch(key, now)
  }
  expire(key: ByteString, at: Timestamp): void {
    const list = this.#table.get(key)
    if (list === undefined) return
    const live = list.toArray().filter(({ time }) => !this.#expiry.hasExpired(time, at))
    if (live.length < list.size) this.#table.set(key, live.length === 0 ? undefined : ListView.of(live))
    if (live.length > 0) this.#expiry.watch(key, earliest(live))
  }
}

export class TimedEntries<V> implements Entries<V>, ExpiringValues {
  readonly #current: CurrentKey
  readonly #table: NestedTable<ByteString, Timed<V>>
  /** Null without a TTL: then the times serve the bound alone. */
  readonly #expiry: Expiry | null
  readonly #maxEntries: number

  constructor(
    current: CurrentKey,
    table: NestedTable<ByteString, Timed<V>>,
    expiry: Expiry | null,
    maxEntries: number,
  ) {
    this.#current = current
    this.#table = table
    this.#expiry = expiry
    this.#maxEntries = maxEntries
  }

  get size(): number {
    const { key, now } = this.#current
    const entries = this.#table.of(key)
    if (entries === undefined || this.#expiry === null) return entries?.size ?? 0
    let size = 0
    for (const [, { time }] of entries.unordered()) if (!this.#expiry.hasExpired(time, now)) size += 1
    return size
  }
  get(sub: ByteString): V | undefined {
    const { key, now } = this.#current
    const timed = this.#table.get(key, sub)
    if (timed === undefined) return undefined
    const expiry = this.#expiry
    if (expiry?.hasExpired(timed.time, now) === true) {
      if (!expiry.returnsExpired) return undefined
      this.#table.set(key, sub, undefined)
    } else if (expiry?.renewsOnRead === true && timed.time < now) {
      this.#table.set(key, sub, timed.at(now))
    }
    return timed.value
  }
  set(sub: ByteString, value: V | undefined): void {
    const { key, now } = this.#current
    const before = this.#table.get(key, sub)
    if (before === undefined && value !== undefined) {
      this.#makeRoom(key)
      if (this.#table.of(key) === undefined) this.#expiry?.watch(key, now)
    }
    const time = Math.max(before?.time ?? now, now)
    this.#table.set(key, sub, value === undefined ? undefined : new Timed(time, value))
  }
  subs(): readonly ByteString[] {
    return this.#table.of(this.#current.key)?.keys() ?? []
  }
  expire(key: ByteString, at: Timestamp): void {
    const expiry = this.#expiry
    const entries = this.#table.of(key)
    if (entries === undefined || expiry === null) return
    const live: Timed<V>[] = []
    const expired: ByteString[] = []
    for (const [sub, timed] of entries.unordered()) {
      if (expiry.hasExpired(timed.time, at)) expired.push(sub)
      else live.push(timed)
    }
    for (const sub of expired) this.#table.set(key, sub, undefined)
    if (live.length > 0) expiry.watch(key, earliest(live))
  }

  #makeRoom(key: ByteString): void {
    const entries = this.#table.of(key)
    if (entries === undefined || entries.size < this.#maxEntries) return
    let oldest: ByteString | undefined
    let oldestTime = Infinity
    for (const [sub, { time }] of entries.unordered()) {
      if (time < oldestTime || (time === oldestTime && oldest !== undefined && sub < oldest)) {
        oldest = sub
        oldestTime = time
      }
    }
    if (oldest !== undefined) this.#table.set(key, oldest, undefined)
  }
}

const earliest = (timed: readonly Timed<unknown>[]): Timestamp =>
  timed.reduce((least, { time }) => Math.min(least, time), Infinity)
