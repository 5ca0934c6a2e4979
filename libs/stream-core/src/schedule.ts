import { SlicedSort, valuesASlice } from './sliced-sort.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './state/checkpointed-table.ts'
import { DueLog, slotOf, type DueEntry } from './state/due-log.ts'
import { joinParts, splitParts } from './state/key-encoding.ts'
import { entriesASlice } from './state/slot-log.ts'
import type { UndoLog } from './task/rewind.ts'
import type { Timestamp } from './time.ts'

/** The keys of a time, in the order of their bytes. */
interface Taken {
  readonly time: Timestamp
  readonly keys: readonly string[]
  next: number
}

/** A table of entries, each with the version of its codec before it. */
interface StoredEntries<Sub, V> {
  readonly name: string
  entryOf(sub: string, versioned: Uint8Array): { readonly sub: Sub; readonly value: V }
}

/** A table of the same operator, and what one of its entries, as it is stored, makes due. */
export interface Followed {
  readonly table: string
  add(key: string, sub: string, value: Uint8Array): void
}

/** What a time takes in memory, and a key of it, about. */
const bytesATime = 200
const bytesAKey = 60

/**
 * When an operator must look at which keys. It may name keys that turn out to have nothing due; it must never miss one.
 * So what is added is not undone, and what was taken comes back by a rewind, a whole time at once. It follows from the
 * operator's state, and is checkpointed all the same: to derive it a restore would have to read all keys. What a
 * checkpoint holds is at least what was due at its point, and nothing of a time that was taken before for good.
 */
export class Schedule implements CheckpointedTable {
  readonly name: string
  readonly layout = 'schedule'
  readonly survivesRewind = false
  readonly #due = new Map<Timestamp, Set<string>>()
  readonly #followed: Followed[] = []
  readonly #undo: UndoLog
  readonly #log: DueLog
  /** The time that is being put in order, then taken key by key. */
  #sorting: SlicedSort<string> | null = null
  #taken: Taken | null = null
  /** How often a time was taken in what may yet be undone. */
  readonly #open = new Map<Timestamp, number>()
  /** Of keys taken, so far. */
  #records = 0
  /** What was read of slots that are not wholly read yet. */
  #thawed = new Map<Timestamp, Set<string>>()
  /** Times that the store's logs name, of the slots in memory. */
  readonly #logged = new Set<Timestamp>()
  /** Since the last checkpoint: the keys added by time; empty for a time that was taken for good. */
  #changed = new Map<Timestamp, string[]>()
  #dueChanges: Map<Timestamp, string[]> | null = null
  /** Taken, or taken for good, since the checkpoint in hand began: at its point they were due. */
  #takenSince = new Set<Timestamp>()
  #newlyLogged: { readonly time: Timestamp; readonly isLogged: boolean }[] = []
  #keys = 0
  /** What was asked for last: keys of a time come one after the other. */
  #recent: Set<string> | null = null
  #recentTime: Timestamp = 0

  /** `name` is the state's own within its operator, and begins with `#`. */
  constructor(name: string, undo: UndoLog) {
    this.name = name
    this.#undo = undo
    this.#log = new DueLog(name, false)
  }

  /**
   * Says what it follows from: each entry of `table` is due as `add` adds it. By that a restore makes it anew where only
   * the state is at hand, as in a savepoint.
   */
  follows<Sub extends string | number, V>(
    table: StoredEntries<Sub, V>,
    add: (key: string, sub: Sub, value: V) => void,
  ): void {
    this.#followed.push({
      table: table.name,
      add: (key, sub, value) => {
        const entry = table.entryOf(sub, value)
        add(key, entry.sub, entry.value)
      },
    })
  }
  get followed(): readonly Followed[] {
    return this.#followed
  }

  add(time: Timestamp, key: string): void {
    const keys = this.#at(time)
    const before = keys.size
    if (keys.add(key).size > before) this.#added(time, key)
  }

  /**
   * Reads a slice of the keys that are due next from the store, or puts one in order. @returns whether more is to be done
   * before `take` finds them in order, which otherwise does all of it at once
   */
  sortNext(watermark: Timestamp): boolean {
    if (this.#taken !== null) return false
    const cold = this.#log.slotToThaw(watermark)
    if (cold !== undefined && this.#thaw(cold, entriesASlice)) return true
    const time = this.#log.firstUpTo(watermark, this.#thaw)
    if (time === undefined) return false
    const keys = this.#at(time)
    if (keys.size <= valuesASlice) return false
    this.#sorting ??= new SlicedSort(keys, isAfter)
    return this.#sorting.next()
  }

  /**
   * Takes the first key at or before `watermark`, by time and then in the order of bytes. All keys of a time are taken
   * before a key that is added meanwhile.
   */
  take(watermark: Timestamp): { readonly time: Timestamp; readonly key: string } | undefined {
    for (;;) {
      const taken = this.#taken
      const key = taken?.keys[taken.next]
      if (taken !== null && key !== undefined) {
        if (this.#undo.redoesUnits) this.#undo.record(this, '', taken.time, taken)
        taken.next += 1
        if (taken.next === taken.keys.length) this.#taken = null
        return { time: taken.time, key }
      }
      const time = this.#log.firstUpTo(watermark, this.#thaw)
      if (time === undefined) return undefined
      while (this.sortNext(watermark));
      const keys = this.#sorting?.sorted ?? [...this.#at(time)].sort()
      this.#sorting = null
      this.#log.times.takeFirst()
      this.#due.delete(time)
      this.#recent = null
      this.#keys -= keys.length
      const keysAChange = this.#undo.hasEpochs ? keysARewind : Math.max(keys.length, 1)
      for (let at = 0; at < keys.length; at += keysAChange) {
        // Each has a name of its own: a time may be taken again in the same epoch, and then both must be told.
        this.#records += 1
        const part = keysAChange >= keys.length ? keys : keys.slice(at, at + keysAChange)
        this.#undo.record(this, `${this.#records}`, time, part)
      }
      this.#open.set(time, (this.#open.get(time) ?? 0) + Math.ceil(keys.length / keysAChange))
      if (this.#dueChanges !== null) this.#takenSince.add(time)
      this.#taken = { time, keys, next: 0 }
    }
  }

  restore(_key: string, at: string | number | null, keys: unknown): void {
    const time = at as Timestamp // both recorded by `take`
    if (keys === undefined) return // one step of many that come back together
    if (isTaken(keys)) {
      keys.next -= 1
      this.#taken = keys
      return
    }
    this.#taken = null // what was left of it comes back
    this.#settled(time)
    for (const key of keys as readonly string[]) this.add(time, key)
  }
  touch(_key: string, at: string | number | null, keys: unknown): void {
    const time = at as Timestamp // as in `restore`
    if (keys === undefined || isTaken(keys)) return
    this.#settled(time)
    if (this.#dueChanges !== null) this.#takenSince.add(time) // at the checkpoint's point it could still come back
    if (this.#log.isAttached && !this.#changed.has(time)) this.#changed.set(time, [])
  }
  note(): void {
    return // `take` says itself what was due
  }

  /** Times in memory. */
  get size(): number {
    return this.#due.size
  }
  get bytesInMemory(): number {
    return this.#due.size * bytesATime + this.#keys * bytesAKey
  }
  get bytesChanged(): number {
    return this.#changed.size * bytesATime
  }
  readonly loadedFirst = { key: '' }
  attach(stored: StoredTable): void {
    this.#log.attach(stored)
  }
  load(cell: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void {
    this.#log.load(cell)
  }
  // As for timers: what is in memory is due soon.
  startGeneration(): void {
    return
  }
  dropUnused(): void {
    return
  }

  beginCheckpoint(): void {
    this.#dueChanges = this.#changed
    this.#changed = new Map()
    this.#takenSince.clear()
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const [time, keys] of this.#dueChanges ?? []) {
      const isDue = this.#due.has(time) || this.#open.has(time) || this.#takenSince.has(time)
      const isLogged = this.#logged.has(time)
      if (isDue) {
        if (!isLogged && keys.length > 0) this.#newlyLogged.push({ time, isLogged: true })
        for (const [index, key] of keys.entries()) {
          this.#log.append({ change: 'added', at: time, namespace: '', key }, isLogged || index > 0 ? 0 : 1)
          yield null
        }
      } else if (isLogged) {
        this.#newlyLogged.push({ time, isLogged: false })
        this.#log.append({ change: 'cleared', at: time, namespace: '', key: '' }, -1)
        yield null
      }
    }
    yield* this.#log.changedCells()
  }
  get sizeInCheckpoint(): number {
    return 0
  }
  endCheckpoint(isDurable: boolean): Iterable<void> {
    const due = this.#dueChanges ?? new Map<Timestamp, string[]>()
    this.#dueChanges = null
    this.#log.endCheckpoint(isDurable)
    if (isDurable) {
      for (const { time, isLogged } of this.#newlyLogged) {
        if (isLogged) this.#logged.add(time)
        else this.#logged.delete(time)
      }
    } else {
      for (const [time, keys] of this.#changed) due.set(time, [...(due.get(time) ?? []), ...keys])
      this.#changed = due
    }
    this.#newlyLogged = []
    return []
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    if (previous === undefined || isTaken(previous)) return null
    return Buffer.from(joinParts(previous as readonly string[]), 'latin1') // as in `restore`
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    if (bytes === null) return undefined
    return splitParts(Buffer.from(bytes).toString('latin1'))
  }

  #at(time: Timestamp): Set<string> {
    if (time === this.#recentTime && this.#recent !== null) return this.#recent
    const due = this.#find(time)
    this.#recentTime = time
    this.#recent = due
    return due
  }
  #find(time: Timestamp): Set<string> {
    const existing = this.#due.get(time)
    if (existing !== undefined) return existing
    if (this.#log.isCold(slotOf(time))) {
      this.#thaw(slotOf(time))
      return this.#find(time)
    }
    const created = new Set<string>()
    this.#due.set(time, created)
    this.#log.times.add(time)
    return created
  }
  #added(time: Timestamp, key: string): void {
    this.#keys += 1
    if (!this.#log.isAttached) return
    const keys = this.#changed.get(time)
    if (keys === undefined) this.#changed.set(time, [key])
    else keys.push(key)
  }
  /** It is no longer of what may be undone that `time` was taken once. */
  #settled(time: Timestamp): void {
    const count = this.#open.get(time) ?? 0
    if (count > 1) this.#open.set(time, count - 1)
    else this.#open.delete(time)
  }

  /** @returns whether more of the slot is left */
  readonly #thaw = (slot: number, max = Infinity): boolean => {
    if (this.#log.thaw(slot, this.#takeEntry, max)) return true
    const thawed = this.#thawed
    this.#thawed = new Map()
    this.#recent = null
    for (const [time, keys] of thawed) {
      if (slotOf(time) !== slot) {
        this.#thawed.set(time, keys)
        continue
      }
      this.#logged.add(time)
      this.#keys += keys.size
      this.#due.set(time, keys)
      this.#log.times.add(time)
    }
    return false
  }
  readonly #takeEntry = ({ change, at, key }: DueEntry): void => {
    const keys = this.#thawed.get(at)
    if (change === 'cleared') this.#thawed.delete(at)
    else if (keys === undefined) this.#thawed.set(at, new Set([key]))
    else keys.add(key)
  }
}

/** A rewind puts so many back at once, and counts them as one change; without epochs there is none. */
const keysARewind = 16

/** Where units are redone each key that is taken is recorded, besides the time: what was taken before stays so. */
const isTaken = (previous: unknown): previous is Taken =>
  typeof previous === 'object' && previous !== null && 'next' in previous

const isAfter = (a: string, b: string): boolean => a > b
