import { DueTimes } from '../due-times.ts'
import type { Timestamp } from '../time.ts'
import type { EncodedCell, StoredTable } from './checkpointed-table.ts'
import { byteStringsOf, integerKey, stringKey } from './key-encoding.ts'
import type { StateStore } from './state-store.ts'

/** What the log of a slot says of a time: a key is due then, is no longer, or none is any more. */
export type DueChange = 'added' | 'removed' | 'cleared'
const kinds: readonly DueChange[] = ['added', 'removed', 'cleared']

export interface DueEntry {
  readonly change: DueChange
  readonly at: Timestamp
  readonly namespace: string
  readonly key: string
}

/** What the store holds of a slot. */
interface Slot {
  /** Cells of its log, numbered from 0. */
  readonly cells: number
  readonly entries: number
  /** What of it still stands, in the unit of whoever writes the log. */
  readonly live: number
}
const noSlot: Slot = { cells: 0, entries: 0, live: 0 }

/** What a checkpoint adds to a slot. */
interface Addition {
  readonly cells: Uint8Array[]
  page: PageWriter
  entries: number
  live: number
}

/** Entries of a log that are read between two looks at the time: about a millisecond. */
export const entriesASlice = 1024

/** Of event time, ms: a week is some nine thousand slots. */
const slotLength = 2 ** 16
export const slotOf = (at: Timestamp): number => Math.floor(at / slotLength)

const integers = byteStringsOf(integerKey)
const texts = byteStringsOf(stringKey)
const pageBytes = 1 << 15
/** A log this much longer than what stands of it is written anew. */
const maxWaste = 256

/**
 * What is due when, as the store holds it: a log of additions and removals for each slot of time. So a checkpoint writes
 * what came and went since the last, packed; a restore reads a list of slots, and each slot's log when its time comes;
 * and when nothing of a slot stands any more, its log is deleted whole.
 */
export class DueLog {
  readonly #table: string
  readonly #isCompacted: boolean
  #stored: StoredTable | null = null
  /** All that the store holds. */
  readonly #slots = new Map<number, Slot>()
  /** Those of them that are not in memory. */
  readonly #cold = new Set<number>()
  readonly #coldTimes = new DueTimes()
  readonly #additions = new Map<number, Addition>()
  #written = new Map<number, Slot>()
  #liveCold = 0
  /** Of slots whose logs are read in part: the rest. */
  readonly #thawing = new Map<number, Iterator<DueEntry>>()

  /** `isCompacted`: where what is live are entries, a log that is mostly waste is written anew. */
  constructor(table: string, isCompacted: boolean) {
    this.#table = table
    this.#isCompacted = isCompacted
  }

  get isAttached(): boolean {
    return this.#stored !== null
  }
  /** What stands of the entries that are not in memory, where `live` counts entries. */
  get liveCold(): number {
    return this.#liveCold
  }
  attach(stored: StoredTable): void {
    this.#stored = stored
  }
  /** A slot of the store, in the order of slots. */
  load({ key, sub, value }: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void {
    if (key !== '' || sub === null) return
    const number = integers.from(sub)
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    const slot = { cells: view.getUint32(0), entries: view.getUint32(4), live: view.getUint32(8) }
    this.#slots.set(number, slot)
    this.#cold.add(number)
    this.#coldTimes.add(number)
    this.#liveCold += slot.live
  }

  /** The first slot that must be in memory before what is due at or before `time` can be told; undefined: none. */
  coldSlotUpTo(time: Timestamp): number | undefined {
    if (this.#cold.size === 0) return undefined
    for (let slot = this.#coldTimes.first; slot !== undefined; slot = this.#coldTimes.first) {
      if (this.#cold.has(slot)) return slot * slotLength <= time ? slot : undefined
      this.#coldTimes.takeFirst()
    }
    return undefined
  }
  isCold(at: Timestamp): boolean {
    return this.#cold.size > 0 && this.#cold.has(slotOf(at))
  }
  /**
   * Reads of a slot's log what is left of it, at most `max` entries, into `take`, in its order. Once it is done the slot
   * is in memory; until then it is still cold. @returns whether more is left
   */
  thaw(slot: number, take: (entry: DueEntry) => void, max = Infinity): boolean {
    // Nothing changes a slot that is cold, so no checkpoint writes its log meanwhile.
    const entries = this.#thawing.get(slot) ?? this.#read(slot, (this.#slots.get(slot) ?? noSlot).cells)
    this.#thawing.set(slot, entries)
    for (let left = max; left > 0; left -= 1) {
      const next = entries.next()
      if (next.done !== true) {
        take(next.value)
        this.#liveCold += next.value.change === 'removed' ? 1 : -1
      } else {
        this.#thawing.delete(slot)
        this.#cold.delete(slot)
        return false
      }
    }
    return true
  }

  /** Part of the checkpoint in hand. `live`: how many more stand. */
  append(entry: DueEntry, live: number): void {
    const slot = slotOf(entry.at)
    let addition = this.#additions.get(slot)
    if (addition === undefined) {
      this.#additions.set(slot, (addition = { cells: [], page: new PageWriter(slot), entries: 0, live: 0 }))
    }
    addition.entries += 1
    addition.live += live
    addition.page.write(entry)
    if (addition.page.length < pageBytes) return
    addition.cells.push(addition.page.bytes())
    addition.page = new PageWriter(slot)
  }
  /** What the checkpoint in hand changes. */
  *changedCells(): Generator<EncodedCell | null> {
    for (const [number, addition] of this.#additions) {
      if (addition.page.length > 0) addition.cells.push(addition.page.bytes())
      const before = this.#slots.get(number) ?? noSlot
      const live = before.live + addition.live
      const entries = before.entries + addition.entries
      if (live === 0) {
        for (let cell = 0; cell < before.cells; cell += 1) yield { ...cellOf(number, cell), value: null }
        if (before.cells > 0) yield { key: '', sub: integers.of(number), value: null }
        this.#written.set(number, noSlot)
      } else if (this.#isCompacted && entries > 2 * live + maxWaste)
        yield* this.#compact(number, before, addition, live)
      else {
        for (const [index, value] of addition.cells.entries()) {
          yield { ...cellOf(number, before.cells + index), value }
        }
        yield this.#head(number, { cells: before.cells + addition.cells.length, entries, live })
      }
    }
  }
  endCheckpoint(isDurable: boolean): void {
    if (isDurable) {
      for (const [number, slot] of this.#written) {
        if (slot.cells === 0) this.#slots.delete(number)
        else this.#slots.set(number, slot)
      }
    }
    this.#additions.clear()
    this.#written = new Map()
  }

  #head(number: number, slot: Slot): EncodedCell {
    this.#written.set(number, slot)
    const value = Buffer.alloc(12)
    value.writeUInt32BE(slot.cells, 0)
    value.writeUInt32BE(slot.entries, 4)
    value.writeUInt32BE(slot.live, 8)
    return { key: '', sub: integers.of(number), value }
  }
  /** Only what stands is written. Takes as long as the log is, but comes only when half of that is waste. */
  *#compact(number: number, before: Slot, addition: Addition, live: number): Generator<EncodedCell | null> {
    const standing = new Standing()
    for (const entry of this.#read(number, before.cells)) {
      standing.apply(entry)
      yield null
    }
    for (const bytes of addition.cells) {
      for (const entry of readPage(bytes, number)) standing.apply(entry)
      yield null
    }
    let cells = 0
    let entries = 0
    let page = new PageWriter(number)
    for (const entry of standing.entries()) {
      page.write(entry)
      entries += 1
      if (page.length < pageBytes) continue
      yield { ...cellOf(number, cells), value: page.bytes() }
      cells += 1
      page = new PageWriter(number)
    }
    if (page.length > 0) {
      yield { ...cellOf(number, cells), value: page.bytes() }
      cells += 1
    }
    for (let cell = cells; cell < before.cells; cell += 1) yield { ...cellOf(number, cell), value: null }
    yield this.#head(number, { cells, entries, live })
  }

  *#read(slot: number, cells: number): Generator<DueEntry> {
    for (let cell = 0; cell < cells; cell += 1) {
      const { key, sub } = cellOf(slot, cell)
      const bytes = this.#stored?.read(key, sub)
      if (bytes === undefined) throw new Error(`A page of "${this.#table}" is missing from the store.`)
      yield* readPage(bytes, slot)
    }
  }
}

// Apart from the heads, which are read when the store is opened: all of these may be much.
const cellOf = (slot: number, cell: number): { readonly key: string; readonly sub: string } => ({
  key: integers.of(slot),
  sub: integers.of(cell),
})

/** What of a log still holds. */
class Standing {
  readonly #byTime = new Map<Timestamp, Map<string, DueEntry>>()

  apply(entry: DueEntry): void {
    const name = `${entry.namespace}\0${entry.key}`
    const keys = this.#byTime.get(entry.at)
    if (entry.change === 'cleared') this.#byTime.delete(entry.at)
    else if (entry.change === 'removed') keys?.delete(name)
    else if (keys === undefined) this.#byTime.set(entry.at, new Map([[name, entry]]))
    else keys.set(name, entry)
  }
  *entries(): Generator<DueEntry> {
    for (const keys of this.#byTime.values()) yield* keys.values()
  }
}

/** What the logs of a table say, slot by slot. */
export async function* standingEntries(store: StateStore, table: string): AsyncGenerator<DueEntry> {
  let slot: number | null = null
  let standing = new Standing()
  for await (const { key, value } of store.cells(table)) {
    if (key === '') continue // a head
    const number = integers.from(key)
    if (number !== slot) {
      yield* standing.entries()
      standing = new Standing()
      slot = number
    }
    for (const entry of readPage(value, number)) standing.apply(entry)
  }
  yield* standing.entries()
}

/** An entry: its kind, its time within the slot in two bytes, then namespace and key, each with its length in four. */
class PageWriter {
  readonly #start: Timestamp
  #bytes = Buffer.allocUnsafe(256)
  length = 0

  constructor(slot: number) {
    this.#start = slot * slotLength
  }
  write({ change, at, namespace: text, key }: DueEntry): void {
    const namespace = texts.of(text)
    const end = this.length + 11 + namespace.length + key.length
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(2 * end)
      this.#bytes.copy(grown, 0, 0, this.length)
      this.#bytes = grown
    }
    const bytes = this.#bytes
    let to = bytes.writeUInt8(kinds.indexOf(change), this.length)
    to = bytes.writeUInt16BE(at - this.#start, to)
    to = bytes.writeUInt32BE(namespace.length, to)
    to += bytes.write(namespace, to, 'latin1')
    to = bytes.writeUInt32BE(key.length, to)
    bytes.write(key, to, 'latin1')
    this.length = end
  }
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }
}

function* readPage(page: Uint8Array, slot: number): Generator<DueEntry> {
  const bytes = Buffer.from(page.buffer, page.byteOffset, page.byteLength)
  for (let at = 0; at < bytes.length;) {
    const change = kinds[bytes.readUInt8(at)] ?? 'added'
    const time = slot * slotLength + bytes.readUInt16BE(at + 1)
    const keyAt = at + 7 + bytes.readUInt32BE(at + 3)
    const end = keyAt + 4 + bytes.readUInt32BE(keyAt)
    yield {
      change,
      at: time,
      namespace: texts.from(bytes.toString('latin1', at + 7, keyAt)),
      key: bytes.toString('latin1', keyAt + 4, end),
    }
    at = end
  }
}
