import type { TimeDomain } from './process-function.ts'
import { SlicedSort, valuesASlice } from './sliced-sort.ts'
import { keyOf, type CellRef } from './state/cell-ref.ts'
import { Changes } from './state/changes.ts'
import type { Row } from './state/rows.ts'
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
  /** Of the key, where it was in hand when the timer was set: to find it again costs more than all else of a timer. */
  readonly row: Row | null
}

// Ties go to key bytes, then namespace, because "same log in, same alerts out" would otherwise hang on heap layout.
const isBefore = (a: Timer, b: Timer): boolean => (a.key !== b.key ? a.key < b.key : a.namespace < b.namespace)

/** The timers of one time. */
interface Bucket {
  readonly at: Timestamp
  /**
   * By key, and by namespace, of which there are few, and key: those that are set, and those that undo or a checkpoint
   * must know of. Of a bucket whose turn it is also what was dropped, which goes with it.
   */
  readonly timers: Map<string, HeldTimer>
  readonly named: Map<string, Map<string, HeldTimer>>
  /** Of them, those in memory and those that are set. */
  held: number
  size: number
  /** It waits among the times for its turn. */
  isWaiting: boolean
  /** Last first, from when the first of them is taken; may hold timers that were deleted since. */
  order: HeldTimer[] | null
  /** While many of them are put in order. */
  sorting: SlicedSort<HeldTimer> | null
}

/** A timer in memory. Who has just changed it need not look it up. */
class HeldTimer implements Timer {
  readonly bucket: Bucket
  readonly key: string
  readonly namespace: string
  readonly row: Row | null
  isSet = false
  /** Its bucket may have another timer of its name by now. */
  isDropped = false
  /** As `ChangeMarks`. */
  mark = 0

  constructor(bucket: Bucket, key: string, namespace: string, row: Row | null) {
    this.bucket = bucket
    this.key = row === null ? key : row.key // one string of a key, not one more a timer
    this.namespace = namespace
    this.row = row
  }
  get at(): Timestamp {
    return this.bucket.at
  }
}

const marks = {
  markOf: (timer: HeldTimer) => timer.mark,
  setMark: (timer: HeldTimer, mark: number) => {
    timer.mark = mark
  },
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
  readonly #changes = new Changes<true, HeldTimer>(marks)
  /** What was asked for last: most timers are set for the time of the one before. */
  #recent: Bucket | null = null
  /** What was taken from last: while none is due before it, its timers follow one another without a look at the times. */
  #inTurn: Bucket | null = null
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
  register(key: string, at: Timestamp, namespace = '', row: Row | null = null): void {
    if (at > maxTimestamp) return
    if (!Number.isSafeInteger(at))
      throw new TimestampError(`A timer at ${at} is not at a whole number of milliseconds.`)
    // The row's own string of the key has its hash already.
    const timer = this.#find(row?.key ?? key, at, namespace) ?? this.#add(key, at, namespace, row)
    if (timer.isSet) return
    this.#record(timer, undefined)
    this.#set(timer)
  }
  delete(key: string, at: Timestamp, namespace = ''): void {
    const timer = this.#find(key, at, namespace)
    if (timer?.isSet === true) this.#delete(timer)
  }
  #delete(timer: HeldTimer): void {
    this.#record(timer, true)
    this.#unset(timer)
  }
  /** What outlives the element may outlive the timer in memory, and then needs its name. */
  #record(timer: HeldTimer, previous: true | undefined): void {
    const name = this.#undo.hasEpochs ? nameOf(timer.at, timer.namespace) : null
    this.#undo.record(this, timer, name, previous)
  }

  /**
   * Reads a slice of the timers that are due next from the store, or puts one in order. @returns whether more is to be
   * done before `take` finds them in order, which otherwise does all of it at once
   */
  sortNext(time: Timestamp): boolean {
    if (this.#nextInTurn(time) !== undefined) return false
    const cold = this.#log.slotToThaw(time)
    if (cold !== undefined && this.#thaw(cold, entriesASlice)) return true
    const at = this.#log.firstUpTo(time, this.#thaw)
    if (at === undefined) return false
    const bucket = this.#bucketAt(at)
    if (bucket === undefined || bucket.order !== null || bucket.size <= valuesASlice) return false
    bucket.sorting ??= new SlicedSort(setTimersOf(bucket), isBefore)
    if (bucket.sorting.next()) return true
    bucket.order = bucket.sorting.sorted
    bucket.sorting = null
    return false
  }

  /** Takes the first timer at or before `time`, in total order. */
  take(time: Timestamp): Timer | undefined {
    const next = this.#nextInTurn(time)
    if (next !== undefined) {
      this.#inTurn?.order?.pop()
      this.#delete(next)
      return next
    }
    for (let at = this.#log.firstUpTo(time, this.#thaw); at !== undefined; at = this.#log.firstUpTo(time, this.#thaw)) {
      const bucket = this.#bucketAt(at)
      if (bucket !== undefined && bucket.size > 0) {
        while (bucket.order === null && this.sortNext(at));
        const order = (bucket.order ??= lastFirst(bucket))
        this.#inTurn = bucket
        for (let timer = order.pop(); timer !== undefined; timer = order.pop()) {
          if (!timer.isSet) continue
          this.#delete(timer)
          return timer
        }
      }
      this.#log.times.takeFirst()
      if (bucket !== undefined) this.#endTurn(bucket)
    }
    return undefined
  }

  /** The last of the order in hand, if it is known without more that it is the first of all. */
  #nextInTurn(time: Timestamp): HeldTimer | undefined {
    const bucket = this.#inTurn
    if (bucket === null || this.#log.hasCold || bucket.at > time || this.#log.times.first !== bucket.at)
      return undefined
    const last = bucket.order?.at(-1)
    return last?.isSet === true ? last : undefined
  }

  /** Reads all that is not in memory: for tests. */
  *all(): Generator<Timer> {
    for (let slot = this.#log.coldSlotUpTo(Infinity); slot !== undefined; slot = this.#log.coldSlotUpTo(Infinity)) {
      this.#thaw(slot)
    }
    for (const bucket of this.#buckets.values()) yield* setTimersOf(bucket)
  }

  restore(cell: CellRef, name: string | number | null, previous: unknown): void {
    const timer = this.#timerAt(cell, name)
    if (previous !== undefined) this.#set(timer)
    else {
      this.#unset(timer)
      if (!this.#changes.isDue(timer)) this.#drop(timer) // no checkpoint will come upon it
    }
  }
  touch(cell: CellRef, name: string | number | null, previous: unknown): void {
    if (this.#log.isAttached) this.#changes.touch(this.#timerAt(cell, name), wasSet(previous))
  }
  forget(cell: CellRef): void {
    if (cell instanceof HeldTimer && !cell.isSet && this.#changes.forget(cell)) this.#drop(cell)
  }
  note(cell: CellRef, name: string | number | null, previous: unknown): void {
    this.#changes.note(this.#timerAt(cell, name), wasSet(previous))
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
    return this.#changes.size * bytesATimer
  }
  // What is in memory stays: most of it is due soon, and what is far off and not used comes into memory only by being set.
  startGeneration(): void {
    return
  }
  dropUnused(): void {
    return
  }

  beginCheckpoint(): void {
    this.#changes.begin()
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const { cell: timer, before, value } of this.#changes.due(isSetOf)) {
      if (value !== before) {
        const isSet = value === true
        const { at, namespace, key } = timer
        this.#log.append({ change: isSet ? 'added' : 'removed', at, namespace, key }, isSet ? 1 : -1)
        this.#sizeInCheckpoint += isSet ? 1 : -1
      }
      yield null
    }
    yield* this.#log.changedCells()
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    if (isDurable) this.#storedSize = this.#sizeInCheckpoint
    else this.#sizeInCheckpoint = this.#storedSize
    this.#log.endCheckpoint(isDurable)
    for (const timer of this.#changes.end(isDurable)) {
      if (!timer.isSet && !this.#changes.has(timer)) this.#drop(timer)
      yield
    }
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
    const timer = this.#inMemory(key, at, namespace) ?? this.#add(key, at, namespace)
    if (change === 'added') this.#set(timer)
    else {
      this.#unset(timer)
      this.#drop(timer)
    }
  }

  #inMemory(key: string, at: Timestamp, namespace: string): HeldTimer | undefined {
    const bucket = this.#bucketAt(at)
    const timer = bucket === undefined ? undefined : timersOf(bucket, namespace)?.get(key)
    return timer?.isDropped === true ? undefined : timer
  }
  #find(key: string, at: Timestamp, namespace: string): HeldTimer | undefined {
    if (this.#log.isCold(slotOf(at))) this.#thaw(slotOf(at))
    return this.#inMemory(key, at, namespace)
  }
  /** The timer that a change was of: by now memory may have another one of its name. */
  #timerAt(cell: CellRef, name: string | number | null): HeldTimer {
    if (cell instanceof HeldTimer && !cell.isDropped) return cell
    const { at, namespace } = cell instanceof HeldTimer ? cell : partsOf(name ?? 0) // recorded above
    const key = keyOf(cell)
    return this.#find(key, at, namespace) ?? this.#add(key, at, namespace)
  }
  #bucketAt(at: Timestamp): Bucket | undefined {
    if (this.#recent?.at === at) return this.#recent
    const bucket = this.#buckets.get(at)
    if (bucket !== undefined) this.#recent = bucket
    return bucket
  }
  #addBucket(at: Timestamp): Bucket {
    const timers = new Map<string, HeldTimer>()
    const bucket = { at, timers, named: new Map(), held: 0, size: 0, isWaiting: false, order: null, sorting: null }
    this.#buckets.set(at, bucket)
    return bucket
  }
  #deleteBucket(bucket: Bucket): void {
    this.#buckets.delete(bucket.at)
    if (this.#recent === bucket) this.#recent = null
  }
  #add(key: string, at: Timestamp, namespace: string, row: Row | null = null): HeldTimer {
    const bucket = this.#bucketAt(at) ?? this.#addBucket(at)
    const timer = new HeldTimer(bucket, key, namespace, row)
    const timers = timersOf(bucket, namespace)
    if (timers === undefined) bucket.named.set(namespace, new Map([[timer.key, timer]]))
    else timers.set(timer.key, timer)
    bucket.held += 1
    return timer
  }
  /** Nothing need say that it is not set. */
  #drop(timer: HeldTimer): void {
    if (timer.isDropped) return
    timer.isDropped = true
    const { bucket } = timer
    bucket.held -= 1
    if (bucket.order === null) timersOf(bucket, timer.namespace)?.delete(timer.key)
    if (bucket.held === 0 && !bucket.isWaiting) this.#deleteBucket(bucket)
  }
  #set(timer: HeldTimer): void {
    if (timer.isSet) return
    timer.isSet = true
    const { bucket } = timer
    if (!bucket.isWaiting) {
      bucket.isWaiting = true
      this.#log.times.add(timer.at)
    } else if (bucket.size === 0) this.#emptyBuckets -= 1
    bucket.size += 1
    this.#live += 1
    bucket.sorting = null
    if (bucket.order !== null) insert(bucket.order, timer)
  }
  #unset(timer: HeldTimer): void {
    if (!timer.isSet) return
    timer.isSet = false
    const { bucket } = timer
    bucket.size -= 1
    this.#live -= 1
    if (!this.#log.isAttached) this.#drop(timer)
    if (bucket.size > 0) return
    this.#emptyBuckets += 1
    if (this.#emptyBuckets > compactAbove && 2 * this.#emptyBuckets > this.#buckets.size) this.#compact()
  }
  /** All of it were taken. */
  #endTurn(bucket: Bucket): void {
    bucket.isWaiting = false
    bucket.order = null
    if (this.#inTurn === bucket) this.#inTurn = null
    this.#emptyBuckets -= 1
    if (bucket.held === 0) this.#deleteBucket(bucket)
  }

  // A bucket waits for its time although its timers were deleted, but not when most do.
  #compact(): void {
    const waiting: Timestamp[] = []
    for (const bucket of this.#buckets.values()) {
      if (bucket.size > 0) waiting.push(bucket.at)
      else if (bucket.isWaiting) this.#endTurn(bucket)
    }
    this.#log.times.replace(waiting)
    this.#emptyBuckets = 0
  }
}

const wasSet = (previous: unknown): true | undefined => (previous === undefined ? undefined : true)
const isSetOf = ({ isSet }: HeldTimer): true | undefined => (isSet ? true : undefined)

const timersOf = ({ timers, named }: Bucket, namespace: string): Map<string, HeldTimer> | undefined =>
  namespace === '' ? timers : named.get(namespace)

function* setTimersOf({ timers, named }: Bucket): Generator<HeldTimer> {
  for (const timer of timers.values()) if (timer.isSet) yield timer
  for (const more of named.values()) for (const timer of more.values()) if (timer.isSet) yield timer
}

/** So many bytes of a key and a place among `valuesASlice` are a whole number that a double holds. */
const prefixBytes = 5

/**
 * The timers of a bucket, no more than `valuesASlice`, the last first. The beginnings of their keys are sorted as numbers,
 * each with the place of its timer: so only those that begin alike are compared one by one. Source: the normalized keys
 * of Flink's sorters.
 */
const lastFirst = (bucket: Bucket): HeldTimer[] => {
  const timers: HeldTimer[] = []
  for (const timer of bucket.timers.values()) if (timer.isSet) timers.push(timer)
  for (const named of bucket.named.values()) for (const timer of named.values()) if (timer.isSet) timers.push(timer)
  const keys = new Float64Array(timers.length)
  let place = 0
  for (const { key } of timers) {
    keys[place] = prefixOf(key) * valuesASlice + place
    place += 1
  }
  keys.sort()
  const sorted: HeldTimer[] = []
  for (let end = keys.length, at = end; at > 0; end = at) {
    const prefix = beginningOf(keys[at - 1])
    for (; at > 0 && beginningOf(keys[at - 1]) === prefix; at -= 1) {
      const timer = timers[(keys[at - 1] ?? 0) % valuesASlice]
      if (timer !== undefined) sorted.push(timer)
    }
    if (end - at > 1) {
      const alike = sorted.splice(sorted.length - (end - at)).sort((a, b) => (isBefore(a, b) ? 1 : -1))
      for (const timer of alike) sorted.push(timer)
    }
  }
  return sorted
}
const prefixOf = (key: string): number => {
  let prefix = 0
  for (let at = 0; at < prefixBytes; at += 1) prefix = prefix * 256 + (at < key.length ? key.charCodeAt(at) : 0)
  return prefix
}
const beginningOf = (key: number | undefined): number => Math.floor((key ?? 0) / valuesASlice)

/** A bucket that is being taken gets one more: it comes in its place, or next if that has passed. */
const insert = <T extends Timer>(order: T[], timer: T): void => {
  const at = order.findLastIndex((other) => isBefore(timer, other))
  order.splice(at + 1, 0, timer)
}
