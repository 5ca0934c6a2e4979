import { SlicedSort, valuesASlice } from '../sliced-sort.ts'
import type { ByteString } from '../state/key-encoding.ts'
import type { PaneTable } from '../state/pane-table.ts'
import { entriesASlice } from '../state/slot-log.ts'
import type { Timestamp } from '../time.ts'
import type { TimeWindow } from '../time-window.ts'

/** What one pane adds to a window of a key. */
interface Share<Acc> {
  readonly start: Timestamp
  readonly value: Acc
  next: Share<Acc> | null
}

/** What several panes add to a window of a key, oldest first. */
class Shares<Acc> {
  oldest: Share<Acc>
  newest: Share<Acc>
  /** What those up to this one come to; null: none is merged. */
  #mergedTo: Share<Acc> | null = null
  #merged: Acc

  constructor(start: Timestamp, value: Acc) {
    this.oldest = this.newest = { start, value, next: null }
    this.#merged = value
  }
  add(start: Timestamp, value: Acc): void {
    this.newest = this.newest.next = { start, value, next: null }
  }
  addAll({ oldest, newest }: Shares<Acc>): void {
    this.newest.next = oldest
    this.newest = newest
  }
  /** Those of panes before `from` go; one at least stays. */
  dropBefore(from: Timestamp): void {
    while (this.oldest.start < from && this.oldest.next !== null) {
      this.oldest = this.oldest.next
      this.#mergedTo = null
    }
  }
  /** What was merged before is not merged again. */
  merged(merge: (before: Acc, next: Acc) => Acc): Acc {
    let share = this.#mergedTo ?? this.oldest
    let merged = this.#mergedTo === null ? share.value : this.#merged
    for (; share.next !== null; share = share.next) merged = merge(merged, share.next.value)
    this.#mergedTo = share
    this.#merged = merged
    return merged
  }
}

/**
 * The first six bytes of a key as a number, in the same order: most keys are told apart by it, and a list of numbers is
 * gone through without a look at each key. Source: the normalized keys of Flink's sorters.
 */
const prefixOf = (key: ByteString): number => {
  let prefix = 0
  for (let at = 0; at < 6; at += 1) prefix = prefix * 256 + (at < key.length ? key.charCodeAt(at) : 0)
  return prefix
}

/** Rows side by side; all lists are of one length. */
class Columns<Key, Acc> {
  readonly keys: ByteString[] = []
  readonly #prefixes: number[] = []
  readonly userKeys: Key[] = []
  /** Where the first and the last pane of the key begin. */
  readonly firsts: Timestamp[] = []
  readonly lasts: Timestamp[] = []
  /** What they come to; undefined: several, that are not merged yet. */
  readonly merged: (Acc | undefined)[] = []
  /** Null: of one pane. */
  readonly shares: (Shares<Acc> | null)[] = []

  /** Whether the row at `at`, if there is one, comes before `key`. */
  isBefore(at: number, key: ByteString, prefix: number): boolean {
    const own = this.#prefixes[at]
    return own !== undefined && (own < prefix || (own === prefix && (this.keys[at] as ByteString) < key))
  }

  add(key: ByteString, userKey: Key, start: Timestamp, added: Acc | Shares<Acc>): void {
    this.keys.push(key)
    this.#prefixes.push(prefixOf(key))
    this.userKeys.push(userKey)
    if (added instanceof Shares) this.#addShares(added)
    else {
      this.firsts.push(start)
      this.lasts.push(start)
      this.merged.push(added)
      this.shares.push(null)
    }
  }
  /** The row at `at` of `before`, without its panes before `from`, if that leaves any. */
  carry(before: Columns<Key, Acc>, at: number, from: Timestamp): void {
    if (before.#lastAt(at) < from) return
    this.keys.push(before.keys[at] as ByteString) // `at` is one of its rows; so it is below
    this.#prefixes.push(before.#prefixes[at] as number)
    this.userKeys.push(before.userKeys[at] as Key)
    const first = before.firsts[at] as Timestamp
    if (first < from) {
      this.#addShares(before.#sharesAt(at, from))
      return
    }
    this.firsts.push(first)
    this.lasts.push(before.#lastAt(at))
    this.merged.push(before.merged[at])
    this.shares.push(before.shares[at] as Shares<Acc> | null)
  }
  /** The same with what panes after its own add to it. */
  carryOn(before: Columns<Key, Acc>, at: number, from: Timestamp, start: Timestamp, added: Acc | Shares<Acc>): void {
    const [key, userKey] = [before.keys[at] as ByteString, before.userKeys[at] as Key]
    if (before.#lastAt(at) < from) {
      this.add(key, userKey, start, added)
      return
    }
    const shares = before.#sharesAt(at, from)
    if (added instanceof Shares) shares.addAll(added)
    else shares.add(start, added)
    this.add(key, userKey, start, shares)
  }

  #addShares(shares: Shares<Acc>): void {
    const { oldest, newest } = shares
    this.firsts.push(oldest.start)
    this.lasts.push(newest.start)
    this.merged.push(oldest === newest ? oldest.value : undefined)
    this.shares.push(oldest === newest ? null : shares)
  }
  #lastAt(at: number): Timestamp {
    return this.lasts[at] as Timestamp
  }
  #sharesAt(at: number, from: Timestamp): Shares<Acc> {
    // Of one pane it is known what it comes to.
    const shares = this.shares[at] ?? new Shares(this.firsts[at] as Timestamp, this.merged[at] as Acc)
    shares.dropBefore(from)
    return shares
  }
}

/** Rows in hand: those from `from` up to, not including, `to`. */
export interface RowRange {
  readonly from: number
  readonly to: number
}

/**
 * The keys of the window that fires, in the order of their bytes, made from those of the one before: a window that slides
 * meets most keys again, with the panes they had, and need not look these up and merge them again. In columns side by
 * side, so that going through them touches nothing of a key but what is asked for. Follows from the panes, and may be
 * forgotten at any time.
 */
export class WindowRows<Key, Acc> {
  readonly #panes: PaneTable<Acc>
  readonly #userKeyOf: (key: ByteString) => Key
  readonly #merge: (before: Acc, next: Acc) => Acc
  readonly #rowsAUnit: number
  #rows = new Columns<Key, Acc>()
  /** Where their window ended. */
  #end: Timestamp = -Infinity
  /** Keys whose panes have changed since, below `#end`. */
  readonly #stale = new Set<ByteString>()
  /** Of the panes, when it was made. */
  #restores = 0

  constructor(
    panes: PaneTable<Acc>,
    rowsAUnit: number,
    of: { readonly userKey: (key: ByteString) => Key; readonly merge: (before: Acc, next: Acc) => Acc },
  ) {
    this.#panes = panes
    this.#rowsAUnit = rowsAUnit
    this.#userKeyOf = of.userKey
    this.#merge = of.merge
  }

  keyAt(row: number): ByteString {
    return this.#rows.keys[row] as ByteString // the row is one of those in hand; so it is below
  }
  userKeyAt(row: number): Key {
    return this.#rows.userKeys[row] as Key
  }
  /** What its panes come to. */
  mergedAt(row: number): Acc {
    const { merged, shares } = this.#rows
    const known = merged[row]
    if (known !== undefined) return known
    const all = (shares[row] as Shares<Acc>).merged(this.#merge) // of one pane it is known
    merged[row] = all
    return all
  }

  /** A value of a pane has changed. */
  changed(start: Timestamp, key: ByteString): void {
    if (start < this.#end) this.#stale.add(key)
  }

  /**
   * Turns to `window` and tells its rows, some at a time, and none between slices of other work. `nextStart` is where the
   * window after it begins. Windows come in the order of their ends; after a rewind from an earlier one on.
   */
  *of(window: TimeWindow, nextStart: Timestamp): Generator<RowRange> {
    const { restores } = this.#panes
    if (window.end <= this.#end || restores !== this.#restores) {
      this.#rows = new Columns()
      this.#end = -Infinity
      this.#stale.clear()
      this.#restores = restores
    }
    const { start, cells } = yield* this.#gather(window)
    const keys = yield* sorted(cells)
    const before = this.#rows
    const rows = (this.#rows = new Columns<Key, Acc>())
    let [at, atFresh, told, left] = [0, 0, 0, rowsASlice]
    let key = keys[0]
    let prefix = prefixOf(key ?? '')
    while (at < before.keys.length || key !== undefined) {
      if (key === undefined || before.isBefore(at, key, prefix)) {
        rows.carry(before, at, window.start)
        at += 1
      } else {
        const isOld = before.keys[at] === key
        const added = cells.get(key) as Acc | Shares<Acc> // they are its keys
        if (!isOld) rows.add(key, this.#userKeyOf(key), start, added)
        else if (this.#stale.has(key)) rows.add(key, before.userKeys[at] as Key, start, added)
        else rows.carryOn(before, at, window.start, start, added)
        at += Number(isOld)
        atFresh += 1
        key = keys[atFresh]
        if (key !== undefined) prefix = prefixOf(key)
      }
      left -= 1
      if (rows.keys.length - told < this.#rowsAUnit && left > 0) continue
      yield { from: told, to: rows.keys.length }
      told = rows.keys.length
      left = rowsASlice
    }
    if (told < rows.keys.length) yield { from: told, to: rows.keys.length }
    this.#stale.clear()
    this.#end = window.end
    // Where the next window begins behind all of it, nothing of it is of use.
    if (window.end <= nextStart) this.#rows = new Columns()
  }

  /**
   * What the last window did not have: of panes that it did not reach, and all of keys that changed. Of one pane its own
   * cells, which begin at `start`.
   */
  *#gather(window: TimeWindow): Generator<RowRange, Gathered<Acc>> {
    const panes = this.#panes
    const covered = Math.max(window.start, this.#end)
    const first = panes.startFrom(covered)
    const hasOne = first !== undefined && first < window.end && (panes.startAfter(first) ?? Infinity) >= window.end
    if (hasOne && this.#stale.size === 0) {
      while (panes.thaw(first, entriesASlice)) yield none
      return { start: first, cells: panes.of(first) ?? new Map<ByteString, Acc>() }
    }
    const cells = new Map<ByteString, Shares<Acc>>()
    const add = (start: Timestamp, key: ByteString, value: Acc | undefined): void => {
      if (value === undefined) return
      const shares = cells.get(key)
      if (shares === undefined) cells.set(key, new Shares(start, value))
      else shares.add(start, value)
    }
    for (let start = panes.startFrom(window.start); start !== undefined; start = panes.startAfter(start)) {
      if (start >= window.end) break
      while (panes.thaw(start, entriesASlice)) yield none
      if (start < covered) {
        for (const key of this.#stale) add(start, key, panes.get(start, key))
        continue
      }
      let left = entriesASlice
      for (const [key, value] of panes.of(start) ?? []) {
        add(start, key, value)
        left -= 1
        if (left > 0) continue
        yield none
        left = entriesASlice
      }
    }
    return { start: window.start, cells }
  }
}

interface Gathered<Acc> {
  readonly start: Timestamp
  readonly cells: ReadonlyMap<ByteString, Acc | Shares<Acc>>
}

/** Rows that are looked at between two looks at the time. */
const rowsASlice = 256
const none: RowRange = { from: 0, to: 0 }

function* sorted(cells: ReadonlyMap<ByteString, unknown>): Generator<RowRange, readonly ByteString[]> {
  if (cells.size <= valuesASlice) return [...cells.keys()].sort()
  const sort = new SlicedSort(cells.keys(), (a, b) => a > b)
  while (sort.next()) yield none
  return sort.sorted
}
