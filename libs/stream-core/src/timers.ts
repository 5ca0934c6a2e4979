import type { TimeDomain } from './process-function.ts'
import { SlicedSort, valuesASlice } from './sliced-sort.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './state/checkpointed-table.ts'
import { DueLog, slotOf, type DueEntry } from './state/due-log.ts'
import { entriesASlice } from './state/slot-log.ts'
import type { UndoLog } from './task/rewind.ts'
import { maxTimestamp, TimestampError, type Timestamp } from './time.ts'

/** A timer of a key; `namespace` tells apart what an operator itself uses timers for. */
export interface Timer {
  readonly at: Timestamp
  readonly key: string
  readonly namespace: string
}

// Ties go to key bytes, then namespace, because "same log in, same alerts out" would otherwise hang on heap layout.
const isBefore = (a: Timer, b: Timer): boolean => (a.key !== b.key ? a.key < b.key : a.namespace < b.namespace)

/** The timers of one time. */
interface Bucket {
  /** By namespace: the keys that have one. There are few namespaces. */
  readonly keys: Map<string, Set<string>>
  size: number
  /** Last first, from when the first of them is taken; may hold timers that were deleted since. */
  order: Timer[] | null
  /** While many of them are put in order. */
  sorting: SlicedSort<Timer> | null
}

const compactAbove = 1024

/** What a timer takes in memory, about. */
const bytesATimer = 200
const setTimer = Uint8Array.of(1)

// Most timers have no namespace of their own: then the time alone names the timer of a key.
const nameOf = (at: Timestamp, namespace: string): string | number => (namespace === '' ? at : `${at}:${namespace}`)
const partsOf = (name: string | number): { readonly at: Timestamp; readonly namespace: string } =>
  typeof name === 'number'
    ? { at: name, namespace: '' }
    : { at: Number.parseInt(name, 10), namespace: name.slice(name.indexOf(':') + 1) }

/**
 * The timers of an operator in one time domain, in their total order (time, key bytes, namespace). State like any other:
 * undone, rewound and checkpointed. They lie in buckets by time, and only the bucket that is due is put in order. After a
 * restore those of a stretch of time are read when it is asked for, so their number does not slow a start.
 */
export class Timers implements CheckpointedTable {
  readonly name: string
  readonly layout = 'timers'
  readonly survivesRewind = false
  readonly #undo: UndoLog
  readonly #buckets = new Map<Timestamp, Bucket>()
  readonly #log: DueLog
  /** By name, then by key: whether the last checkpoint lacks it. */
  #changed = new Map<string | number, Map<string, boolean>>()
  /** As in `ValueTable`. */
  #due: Map<string | number, Map<string, boolean>> | null = null
  #notes = new Map<string | number, Map<string, boolean>>()
  #changes = 0
  #storedSize = 0
  #sizeInCheckpoint = 0
  #live = 0
  #emptyBuckets = 0

  constructor(undo: UndoLog, domain: TimeDomain = 'event') {
    this.name = domain === 'event' ? '#timers' : '#processing-timers'
    this.#undo = undo
    this.#log = new DueLog(this.name, true)
  }

  get count(): number {
    return this.#live + this.#log.liveCold
  }
  get size(): number {
    return this.count
  }
  /** A timer behind the end of time never fires, so it is none. @throws {TimestampError} */
  register(key: string, at: Timestamp, namespace = ''): void {
    if (at > maxTimestamp) return
    if (!Number.isSafeInteger(at))
      throw new TimestampError(`A timer at ${at} is not at a whole number of milliseconds.`)
    if (this.#has(key, at, namespace)) return
    this.#undo.record(this, key, nameOf(at, namespace), undefined)
    this.#add(key, at, namespace)
  }
  delete(key: string, at: Timestamp, namespace = ''): void {
    if (!this.#has(key, at, namespace)) return
    this.#undo.record(this, key, nameOf(at, namespace), true)
    this.#remove(key, at, namespace)
  }

  /**
   * Reads a slice of the timers that are due next from the store, or puts one in order. @returns whether more is to be
   * done before `take` finds them in order, which otherwise does all of it at once
   */
  sortNext(time: Timestamp): boolean {
    const cold = this.#log.slotToThaw(time)
    if (cold !== undefined && this.#thaw(cold, entriesASlice)) return true
    const at = this.#log.firstUpTo(time, this.#thaw)
    if (at === undefined) return false
    const bucket = this.#buckets.get(at)
    if (bucket === undefined || bucket.order !== null || bucket.size <= valuesASlice) return false
    bucket.sorting ??= new SlicedSort(timersOf(at, bucket), isBefore)
    if (bucket.sorting.next()) return true
    bucket.order = bucket.sorting.sorted
    bucket.sorting = null
    return false
  }

  /** Takes the first timer at or before `time`, in total order. */
  take(time: Timestamp): Timer | undefined {
    for (let at = this.#log.firstUpTo(time, this.#thaw); at !== undefined; at = this.#log.firstUpTo(time, this.#thaw)) {
      const bucket = this.#buckets.get(at)
      if (bucket !== undefined && bucket.size > 0) {
        while (this.sortNext(at));
        const order = (bucket.order ??= [...timersOf(at, bucket)].sort((a, b) => (isBefore(a, b) ? 1 : -1)))
        for (let timer = order.pop(); timer !== undefined; timer = order.pop()) {
          if (!this.#has(timer.key, at, timer.namespace)) continue
          this.delete(timer.key, at, timer.namespace)
          return timer
        }
      }
      this.#log.times.takeFirst()
      if (this.#buckets.delete(at)) this.#emptyBuckets -= 1
    }
    return undefined
  }

  /** Reads all that is not in memory: for tests. */
  *all(): Generator<Timer> {
    for (let slot = this.#log.coldSlotUpTo(Infinity); slot !== undefined; slot = this.#log.coldSlotUpTo(Infinity)) {
      this.#thaw(slot)
    }
    for (const [at, { keys }] of this.#buckets) {
      for (const [namespace, names] of keys) for (const key of names) yield { at, key, namespace }
    }
  }

  restore(key: string, name: string | number | null, previous: unknown): void {
    const { at, namespace } = partsOf(name ?? 0) // recorded above
    const isThere = this.#has(key, at, namespace)
    if (previous === undefined && isThere) this.#remove(key, at, namespace)
    if (previous !== undefined && !isThere) this.#add(key, at, namespace)
  }
  touch(key: string, name: string | number | null, previous: unknown): void {
    if (name === null || !this.#log.isAttached) return // recorded above: timers have names
    let keys = this.#changed.get(name)
    if (keys === undefined) this.#changed.set(name, (keys = new Map<string, boolean>()))
    if (!keys.has(key)) {
      keys.set(key, previous === undefined)
      this.#changes += 1
    }
    if (this.#due !== null) this.note(key, name, previous)
  }
  note(key: string, name: string | number | null, previous: unknown): void {
    if (name === null || this.#due?.get(name)?.has(key) !== true) return
    let keys = this.#notes.get(name)
    if (keys === undefined) this.#notes.set(name, (keys = new Map<string, boolean>()))
    if (!keys.has(key)) keys.set(key, previous !== undefined)
  }

  readonly loadedFirst = { key: '' }
  attach(stored: StoredTable): void {
    this.#log.attach(stored)
    this.#storedSize = this.#sizeInCheckpoint = stored.size
  }
  load(cell: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void {
    this.#log.load(cell)
  }

  get bytesInMemory(): number {
    return this.#live * bytesATimer
  }
  get bytesChanged(): number {
    return this.#changes * bytesATimer
  }
  // What is in memory stays: most of it is due soon, and what is far off and not used comes into memory only by being set.
  startGeneration(): void {
    return
  }
  dropUnused(): void {
    return
  }

  beginCheckpoint(): void {
    this.#due = this.#changed
    this.#changed = new Map()
    this.#changes = 0
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const [name, keys] of this.#due ?? []) {
      const { at, namespace } = partsOf(name)
      for (const [key, isNew] of keys) {
        const isSet = this.#notes.get(name)?.get(key) ?? this.#has(key, at, namespace)
        if (isSet === isNew) {
          this.#log.append({ change: isSet ? 'added' : 'removed', at, namespace, key }, isSet ? 1 : -1)
          this.#sizeInCheckpoint += isSet ? 1 : -1
        }
        yield null
      }
    }
    yield* this.#log.changedCells()
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  endCheckpoint(isDurable: boolean): Iterable<void> {
    const due = this.#due ?? new Map<string | number, Map<string, boolean>>()
    this.#due = null
    this.#notes = new Map()
    this.#log.endCheckpoint(isDurable)
    if (isDurable) {
      this.#storedSize = this.#sizeInCheckpoint
      return []
    }
    this.#sizeInCheckpoint = this.#storedSize
    const since = this.#changed
    this.#changed = due
    this.#changes = 0
    for (const keys of due.values()) this.#changes += keys.size
    for (const [name, keys] of since) {
      for (const [key, isNew] of keys) this.touch(key, name, isNew ? undefined : true)
    }
    return []
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    return previous === undefined ? null : setTimer
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    return bytes === null ? undefined : true
  }

  /** @returns whether more of the slot is left */
  readonly #thaw = (slot: number, max = Infinity): boolean => {
    return this.#log.thaw(slot, this.#takeEntry, max)
  }
  readonly #takeEntry = ({ change, at, namespace, key }: DueEntry): void => {
    if (change === 'added') this.#add(key, at, namespace)
    else this.#remove(key, at, namespace)
  }

  #has(key: string, at: Timestamp, namespace: string): boolean {
    if (this.#log.isCold(slotOf(at))) this.#thaw(slotOf(at))
    return this.#buckets.get(at)?.keys.get(namespace)?.has(key) === true
  }
  #add(key: string, at: Timestamp, namespace: string): void {
    let bucket = this.#buckets.get(at)
    if (bucket === undefined) {
      this.#buckets.set(at, (bucket = { keys: new Map(), size: 0, order: null, sorting: null }))
      this.#log.times.add(at)
    } else if (bucket.size === 0) this.#emptyBuckets -= 1
    const keys = bucket.keys.get(namespace)
    if (keys === undefined) bucket.keys.set(namespace, new Set([key]))
    else keys.add(key)
    bucket.size += 1
    this.#live += 1
    bucket.sorting = null
    if (bucket.order !== null) insert(bucket.order, { at, key, namespace })
  }
  #remove(key: string, at: Timestamp, namespace: string): void {
    const bucket = this.#buckets.get(at)
    if (bucket?.keys.get(namespace)?.delete(key) !== true) return
    bucket.size -= 1
    this.#live -= 1
    if (bucket.size > 0) return
    this.#emptyBuckets += 1
    if (this.#emptyBuckets > compactAbove && 2 * this.#emptyBuckets > this.#buckets.size) this.#compact()
  }

  // A bucket waits for its time although its timers were deleted, but not when most do.
  #compact(): void {
    for (const [at, { size }] of this.#buckets) if (size === 0) this.#buckets.delete(at)
    this.#log.times.replace(this.#buckets.keys())
    this.#emptyBuckets = 0
  }
}

function* timersOf(at: Timestamp, { keys }: Bucket): Generator<Timer> {
  for (const [namespace, names] of keys) for (const key of names) yield { at, key, namespace }
}

/** A bucket that is being taken gets one more: it comes in its place, or next if that has passed. */
const insert = (order: Timer[], timer: Timer): void => {
  const at = order.findLastIndex((other) => isBefore(timer, other))
  order.splice(at + 1, 0, timer)
}
