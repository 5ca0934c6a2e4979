import type { Journaled, UndoLog } from './task/rewind.ts'
import { SlicedSort, valuesASlice } from './sliced-sort.ts'
import type { Timestamp } from './time.ts'
import { DueTimes } from './due-times.ts'

interface Due {
  /** Added in ascending order, as an operator does that walks a time's keys and moves them on to the next. */
  readonly ascending: string[]
  readonly others: Set<string>
}

/**
 * When an operator must look at which keys: what follows from its state, so no checkpoint holds it. It may name keys
 * that turn out to have nothing due; it must never miss one. So what is added is not undone, and what was taken comes
 * back by a rewind, a whole time at once.
 */
export class Schedule implements Journaled {
  readonly survivesRewind = false
  readonly #due = new Map<Timestamp, Due>()
  readonly #times = new DueTimes()
  readonly #undo: UndoLog
  /** The time that is being put in order, then taken key by key. */
  #sorting: SlicedSort<string> | null = null
  #taken: { readonly time: Timestamp; readonly keys: readonly string[]; next: number } | null = null

  constructor(undo: UndoLog) {
    this.#undo = undo
  }

  add(time: Timestamp, key: string): void {
    this.#at(time).others.add(key)
  }
  /** As `add`, and cheaper where keys are added in ascending order. */
  addNext(time: Timestamp, key: string): void {
    const { ascending, others } = this.#at(time)
    const last = ascending.at(-1)
    if (last === undefined || last < key) ascending.push(key)
    else if (last !== key) others.add(key)
  }

  /**
   * Puts a slice of the keys that are due next in order. @returns whether more is to be done before `take` finds them in
   * order, which otherwise does all of it at once
   */
  sortNext(watermark: Timestamp): boolean {
    if (this.#taken !== null) return false
    const time = this.#times.first
    if (time === undefined || time > watermark) return false
    const { others } = this.#at(time)
    if (others.size <= valuesASlice) return false
    this.#sorting ??= new SlicedSort([...others], isAfter)
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
        taken.next += 1
        if (taken.next === taken.keys.length) this.#taken = null
        return { time: taken.time, key }
      }
      const time = this.#times.first
      if (time === undefined || time > watermark) return undefined
      while (this.sortNext(watermark));
      const { ascending, others } = this.#at(time)
      const keys = merged(ascending, this.#sorting?.sorted ?? [...others].sort())
      this.#sorting = null
      this.#times.takeFirst()
      this.#due.delete(time)
      for (let at = 0; at < keys.length; at += keysAChange) {
        // The second name tells the slices of a time apart.
        this.#undo.record(this, `${at}`, time, keys.slice(at, at + keysAChange))
      }
      this.#taken = { time, keys, next: 0 }
    }
  }

  restore(_key: string, time: string | number | null, keys: unknown): void {
    this.#taken = null // what was left of it comes back
    for (const key of keys as readonly string[]) this.add(time as Timestamp, key) // recorded by `take`
  }
  touch(): void {
    return
  }

  #at(time: Timestamp): Due {
    const existing = this.#due.get(time)
    if (existing !== undefined) return existing
    const created = { ascending: [], others: new Set<string>() }
    this.#due.set(time, created)
    this.#times.add(time)
    return created
  }
}

/** A rewind puts so many back at once, and counts them as one change. */
const keysAChange = 16

const isAfter = (a: string, b: string): boolean => a > b

/** Two ascending lists as one, without repeats. */
const merged = (a: readonly string[], b: readonly string[]): readonly string[] => {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const keys: string[] = []
  let atA = 0
  for (const key of b) {
    for (let other = a[atA]; other !== undefined && other <= key; other = a[atA]) {
      if (other !== key) keys.push(other)
      atA += 1
    }
    keys.push(key)
  }
  for (let other = a[atA]; other !== undefined; other = a[atA]) {
    keys.push(other)
    atA += 1
  }
  return keys
}
