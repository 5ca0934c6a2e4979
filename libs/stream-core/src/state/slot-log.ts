import type { EncodedCell, StoredTable } from './checkpointed-table.ts'
import { byteStringsOf, integerKey } from './key-encoding.ts'
import type { StateStore } from './state-store.ts'

/** What a log of slots holds, and how. */
export interface SlotEntries<Entry> {
  write(page: PageWriter, entry: Entry, slot: number): void
  read(page: Buffer, slot: number): Iterable<Entry>
  /** Nothing stands yet. */
  standing(): Standing<Entry>
  /** How many more stand by an entry that is read, if it tells. */
  liveBy(entry: Entry): number
}

/** What of a log still holds. */
export interface Standing<Entry> {
  apply(entry: Entry): void
  entries(): Iterable<Entry>
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

const integers = byteStringsOf(integerKey)
const pageBytes = 1 << 15
/** A log this much longer than what stands of it is written anew. */
const maxWaste = 256

/**
 * A log for each slot of time, as the store holds it. So a checkpoint writes what came and went since the last, packed; a
 * restore reads a list of slots, and each slot's log when it is needed; and when nothing of a slot stands any more, its
 * log is deleted whole.
 */
export class SlotLog<Entry> {
  readonly #table: string
  readonly #entries: SlotEntries<Entry>
  readonly #isCompacted: boolean
  #stored: StoredTable | null = null
  /** All that the store holds. */
  readonly #slots = new Map<number, Slot>()
  /** Those of them that are not in memory. */
  readonly #cold = new Set<number>()
  readonly #additions = new Map<number, Addition>()
  #written = new Map<number, Slot>()
  #liveCold = 0
  /** Of slots whose logs are read in part: the rest. */
  readonly #thawing = new Map<number, { readonly entries: Iterator<Entry>; live: number }>()

  /** `isCompacted`: where what is live are entries, a log that is mostly waste is written anew. */
  constructor(table: string, entries: SlotEntries<Entry>, isCompacted: boolean) {
    this.#table = table
    this.#entries = entries
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
  /** A slot of the store, in the order of slots. @returns its number; undefined: the cell is none. */
  load({ key, sub, value }: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }) {
    if (key !== '' || sub === null) return undefined
    const number = integers.from(sub)
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    const slot = { cells: view.getUint32(0), entries: view.getUint32(4), live: view.getUint32(8) }
    this.#slots.set(number, slot)
    this.freeze(number)
    return number
  }

  /** The store holds something of it. */
  has(slot: number): boolean {
    return this.#slots.has(slot)
  }
  /** What of it stands in the store. */
  liveOf(slot: number): number {
    return (this.#slots.get(slot) ?? noSlot).live
  }
  isCold(slot: number): boolean {
    return this.#cold.size > 0 && this.#cold.has(slot)
  }
  get hasCold(): boolean {
    return this.#cold.size > 0
  }
  /** All that the store holds of it is in memory no more. */
  freeze(slot: number): void {
    this.#cold.add(slot)
    this.#liveCold += this.liveOf(slot)
  }
  /**
   * Reads of a slot's log what is left of it, at most `max` entries, into `take`, in its order. Once it is done the slot
   * is in memory; until then it is still cold. @returns whether more is left
   */
  thaw(slot: number, take: (entry: Entry) => void, max = Infinity): boolean {
    // Nothing changes a slot that is cold, so no checkpoint writes its log meanwhile.
    let thawing = this.#thawing.get(slot)
    if (thawing === undefined) {
      const { cells, live } = this.#slots.get(slot) ?? noSlot
      this.#thawing.set(slot, (thawing = { entries: this.#read(slot, cells), live }))
    }
    for (let left = max; left > 0; left -= 1) {
      const next = thawing.entries.next()
      if (next.done === true) {
        this.#liveCold -= thawing.live
        this.#thawing.delete(slot)
        this.#cold.delete(slot)
        return false
      }
      take(next.value)
      const live = this.#entries.liveBy(next.value)
      thawing.live -= live
      this.#liveCold -= live
    }
    return true
  }

  /** Part of the checkpoint in hand. `live`: how many more stand. */
  appendTo(slot: number, entry: Entry, live: number): void {
    const addition = this.#additionTo(slot)
    addition.entries += 1
    addition.live += live
    this.#entries.write(addition.page, entry, slot)
    if (addition.page.length < pageBytes) return
    addition.cells.push(addition.page.bytes())
    addition.page = new PageWriter()
  }
  /** Part of the checkpoint in hand: nothing of the slot stands, and nothing is appended to it. */
  drop(slot: number): void {
    this.#additionTo(slot).live = -this.liveOf(slot)
  }
  #additionTo(slot: number): Addition {
    let addition = this.#additions.get(slot)
    if (addition === undefined) {
      this.#additions.set(slot, (addition = { cells: [], page: new PageWriter(), entries: 0, live: 0 }))
    }
    return addition
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
    const standing = this.#entries.standing()
    for (const entry of this.#read(number, before.cells)) {
      standing.apply(entry)
      yield null
    }
    for (const bytes of addition.cells) {
      for (const entry of this.#entries.read(asBuffer(bytes), number)) standing.apply(entry)
      yield null
    }
    let cells = 0
    let entries = 0
    let page = new PageWriter()
    for (const entry of standing.entries()) {
      this.#entries.write(page, entry, number)
      entries += 1
      if (page.length < pageBytes) continue
      yield { ...cellOf(number, cells), value: page.bytes() }
      cells += 1
      page = new PageWriter()
    }
    if (page.length > 0) {
      yield { ...cellOf(number, cells), value: page.bytes() }
      cells += 1
    }
    for (let cell = cells; cell < before.cells; cell += 1) yield { ...cellOf(number, cell), value: null }
    yield this.#head(number, { cells, entries, live })
  }

  *#read(slot: number, cells: number): Generator<Entry> {
    for (let cell = 0; cell < cells; cell += 1) {
      const { key, sub } = cellOf(slot, cell)
      const bytes = this.#stored?.read(key, sub)
      if (bytes === undefined) throw new Error(`A page of "${this.#table}" is missing from the store.`)
      yield* this.#entries.read(asBuffer(bytes), slot)
    }
  }
}

// Apart from the heads, which are read when the store is opened: all of these may be much.
const cellOf = (slot: number, cell: number): { readonly key: string; readonly sub: string } => ({
  key: integers.of(slot),
  sub: integers.of(cell),
})

const asBuffer = (page: Uint8Array): Buffer => Buffer.from(page.buffer, page.byteOffset, page.byteLength)

/** What stands of the logs of a table, slot by slot. */
export async function* standingEntries<Entry>(
  store: StateStore,
  table: string,
  entries: SlotEntries<Entry>,
): AsyncGenerator<{ readonly slot: number; readonly entry: Entry }> {
  let slot: number | null = null
  let standing = entries.standing()
  function* settled() {
    for (const entry of standing.entries()) yield { slot: slot ?? 0, entry }
  }
  for await (const { key, value } of store.cells(table)) {
    if (key === '') continue // a head
    const number = integers.from(key)
    if (number !== slot) {
      yield* settled()
      standing = entries.standing()
      slot = number
    }
    for (const entry of entries.read(asBuffer(value), number)) standing.apply(entry)
  }
  yield* settled()
}

/** Bytes that are written one after the other. */
export class PageWriter {
  #bytes = Buffer.allocUnsafe(256)
  #length = 0

  get length(): number {
    return this.#length
  }
  /** Room for so many more; write them at the answer's second part. */
  reserve(bytes: number): readonly [page: Buffer, at: number] {
    const at = this.#length
    const end = at + bytes
    if (end > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(2 * end)
      this.#bytes.copy(grown, 0, 0, at)
      this.#bytes = grown
    }
    this.#length = end
    return [this.#bytes, at]
  }
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
