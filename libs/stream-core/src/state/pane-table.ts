import type { Codec } from '../codec.ts'
import type { UndoLog } from '../task/rewind.ts'
import type { Timestamp } from '../time.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './checkpointed-table.ts'
import type { ByteString } from './key-encoding.ts'
import { integerSubKeys } from './nested-table.ts'
import { OrderedMap } from './ordered-map.ts'
import { entriesASlice, PageWriter, SlotLog, type SlotEntries } from './slot-log.ts'
import { bytesACell, bytesAByte } from './value-table.ts'
import { decodeVersioned, encodeVersioned } from './versioned.ts'

/** A value of a key, the version of its codec before it; null: it has none any more. */
export interface PaneEntry {
  readonly key: ByteString
  readonly value: Uint8Array | null
}
const noValue = 0xffff_ffff

/** An entry: key and value, each with its length in four bytes before it. The last of a key stands. */
export const paneEntries: SlotEntries<PaneEntry> = {
  write(page, { key, value }) {
    const [bytes, start] = page.reserve(8 + key.length + (value?.length ?? 0))
    let at = bytes.writeUInt32BE(key.length, start)
    at += bytes.write(key, at, 'latin1')
    at = bytes.writeUInt32BE(value?.length ?? noValue, at)
    if (value !== null) bytes.set(value, at)
  },
  *read(bytes) {
    for (let at = 0; at < bytes.length;) {
      const valueAt = at + 4 + bytes.readUInt32BE(at)
      const length = bytes.readUInt32BE(valueAt)
      const end = valueAt + 4 + (length === noValue ? 0 : length)
      const value = length === noValue ? null : bytes.subarray(valueAt + 4, end)
      yield { key: bytes.toString('latin1', at + 4, valueAt), value }
      at = end
    }
  },
  standing() {
    const byKey = new Map<ByteString, PaneEntry>()
    return {
      apply: (entry) => (entry.value === null ? byKey.delete(entry.key) : byKey.set(entry.key, entry)),
      entries: () => byKey.values(),
    }
  },
  liveBy: () => 0, // one of a key that is there already adds none
}

/** Of keys. */
type Cells<V> = Map<ByteString, V>

interface Pane<V> {
  readonly start: Timestamp
  /** Null: not all of it is in memory. */
  cells: Cells<V> | null
  /** What is read of it so far. */
  thawed: Cells<V>
  wasUsed: boolean
}

/** Cells of a pane that went. */
class Dropped<V> {
  readonly cells: ReadonlyMap<ByteString, V>
  constructor(cells: ReadonlyMap<ByteString, V>) {
    this.cells = cells
  }
}

/** Keys that changed, and whether the last checkpoint lacks them. Null: it has nothing of the pane, so all did. */
type Changed = Map<ByteString, boolean> | null

/** A pane that a checkpoint in hand writes: its cells were those of `cells`, save for what is noted. */
interface Due<V> {
  readonly keys: Changed
  readonly cells: ReadonlyMap<ByteString, V> | null
  readonly notes: Map<ByteString, V | undefined>
}

/** A rewind puts so many back at once, and counts them as one change. */
const cellsAChange = 16
/** Of those, between two looks at the time. */
const changesASlice = 64
/** In place of the version of a codec: cells of a pane that went. */
const droppedVersion = 0xffff

/**
 * Values by pane of time, then by key: those of a pane lie together, in memory as in the store. So a window goes through
 * the keys of its panes and no others, and a pane that is of no more use goes at once, with all its keys. A pane is in
 * memory or in the store as a whole.
 */
export class PaneTable<V> implements CheckpointedTable {
  readonly name: string
  readonly layout = 'panes'
  readonly survivesRewind = false
  readonly #codec: Codec<V>
  readonly #undo: UndoLog
  readonly #log: SlotLog<PaneEntry>
  readonly #panes = new OrderedMap<Timestamp, Pane<V>>()
  /** What was asked for last: elements of a block share their pane. */
  #recent: Pane<V> | null = null
  /** In memory. */
  #cells = 0
  #restores = 0
  #sizeInCheckpoint = 0
  #storedSize = 0
  #changed = new Map<Timestamp, Changed>()
  /** Panes that went since the last checkpoint. */
  #dropped = new Set<Timestamp>()
  #due: Map<Timestamp, Due<V>> | null = null
  #dueDropped = new Set<Timestamp>()
  #seenBytes = 0
  #seenCells = 0

  constructor(name: string, codec: Codec<V>, undo: UndoLog) {
    this.name = name
    this.#codec = codec
    this.#undo = undo
    this.#log = new SlotLog(name, paneEntries, true)
  }

  /** Where the first pane at or after `time` begins that holds something. */
  startFrom(time: Timestamp): Timestamp | undefined {
    return this.#panes.ceiling(time)
  }
  /** Where the first pane after the one at `start` begins. Beyond 2^53 there is no `start + 1` to look from. */
  startAfter(start: Timestamp): Timestamp | undefined {
    return this.#panes.higher(start)
  }
  /** How often something was put back: what follows from the table may then follow no more. */
  get restores(): number {
    return this.#restores
  }
  get(start: Timestamp, key: ByteString): V | undefined {
    return this.of(start)?.get(key)
  }
  /** The values of a pane; read only: changes go through `set` and `drop`. */
  of(start: Timestamp): ReadonlyMap<ByteString, V> | undefined {
    const pane = this.#find(start)
    return pane === undefined ? undefined : this.#cellsOf(pane)
  }
  set(start: Timestamp, key: ByteString, value: V | undefined): void {
    const pane = this.#find(start) ?? this.#create(start)
    const cells = this.#cellsOf(pane)
    this.#undo.record(this, key, start, cells.get(key))
    this.#put(pane, cells, key, value)
  }

  /** Of a savepoint, the version of its codec before it: cannot be undone, and is due for the next checkpoint. */
  add(key: ByteString, start: Timestamp, versioned: Uint8Array): void {
    this.restore(key, start, this.#decode(key, versioned))
    this.touch(key, start, undefined)
  }

  /** Reads a slice of a pane from the store, if it is not in memory. @returns whether more is to be read */
  thaw(start: Timestamp, max: number): boolean {
    const pane = this.#panes.get(start)
    return pane !== undefined && pane.cells === null && this.#thaw(pane, max)
  }

  /** The pane goes, with all its keys. Yields between slices of the work. */
  *drop(start: Timestamp): Generator<void> {
    while (this.thaw(start, entriesASlice)) yield
    const pane = this.#panes.get(start)
    if (pane === undefined) return
    const cells = this.#cellsOf(pane)
    // What may be put back is, like any other work, in slices. Each has a name of its own in its epoch.
    const max = this.#undo.hasEpochs ? cellsAChange : Infinity
    let changes = 0
    let part = new Map<ByteString, V>()
    if (cells.size <= max) part = cells
    else {
      for (const [key, value] of cells) {
        if (part.size === max) {
          this.#undo.record(this, `${changes}`, `${start}`, new Dropped(part))
          part = new Map()
          changes += 1
          if (changes % changesASlice === 0) yield
        }
        part.set(key, value)
      }
    }
    this.#undo.record(this, `${changes}`, `${start}`, new Dropped(part))
    this.#remove(pane)
  }

  /** Reads all that is not in memory: for tests. */
  *all(): Generator<readonly [key: ByteString, start: Timestamp, value: V]> {
    for (const start of this.#panes.keys()) for (const [key, value] of this.of(start) ?? []) yield [key, start, value]
  }

  restore(key: string, sub: string | number | null, previous: unknown): void {
    this.#restores += 1
    const start = Number(sub) // recorded above
    const pane = this.#find(start) ?? this.#create(start)
    const cells = this.#cellsOf(pane)
    if (!(previous instanceof Dropped))
      this.#put(pane, cells, key, previous as V | undefined) // as above
    else for (const [each, value] of previous.cells as Cells<V>) this.#put(pane, cells, each, value)
  }
  touch(key: string, sub: string | number | null, previous: unknown): void {
    if (!this.#log.isAttached) return
    const start = Number(sub) // as in `restore`
    if (previous instanceof Dropped) {
      this.#changed.delete(start)
      this.#dropped.add(start)
    } else {
      let changed = this.#changed.get(start)
      if (changed === undefined) {
        const isStored = this.#log.has(start) || this.#due?.has(start) === true
        this.#changed.set(start, (changed = isStored ? new Map<ByteString, boolean>() : null))
      }
      if (changed !== null && !changed.has(key)) changed.set(key, previous === undefined)
    }
    if (this.#due !== null) this.note(key, sub, previous)
  }
  note(key: string, sub: string | number | null, previous: unknown): void {
    const due = this.#due?.get(Number(sub))
    if (due === undefined) return
    const { notes, cells } = due
    if (!(previous instanceof Dropped)) {
      if (!notes.has(key)) notes.set(key, previous as V | undefined) // as in `restore`
    } else if (cells === null) {
      // It went before the checkpoint began, and may come back. Where it goes later, `cells` stays what it was.
      for (const [each, value] of previous.cells as Cells<V>) if (!notes.has(each)) notes.set(each, value)
    }
  }

  get size(): number {
    return this.#cells + this.#log.liveCold
  }
  readonly loadedFirst = { key: '' }
  attach(stored: StoredTable): void {
    this.#log.attach(stored)
    this.#storedSize = this.#sizeInCheckpoint = stored.size
  }
  load(cell: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void {
    const start = this.#log.load(cell)
    if (start !== undefined) this.#panes.set(start, newPane(start, null))
  }

  decodeStored(versioned: Uint8Array): V {
    return decodeVersioned(this.#codec, versioned, this.name)
  }
  /** An entry out of its bytes, the version of its codec before them. */
  entryOf(sub: string, versioned: Uint8Array): { readonly sub: Timestamp; readonly value: V } {
    return { sub: integerSubKeys.fromBytes(sub), value: this.decodeStored(versioned) }
  }

  get bytesInMemory(): number {
    return this.#cells * this.#bytesOfOne()
  }
  get bytesChanged(): number {
    let cells = 0
    for (const [start, keys] of this.#changed) cells += keys?.size ?? this.#panes.get(start)?.cells?.size ?? 0
    return cells * this.#bytesOfOne()
  }
  startGeneration(): void {
    for (const [, pane] of this.#panes.unordered()) pane.wasUsed = false
    this.#recent = null
  }
  dropUnused(): void {
    for (const [start, pane] of this.#panes.unordered()) {
      if (pane.wasUsed || pane.cells === null || !this.#log.has(start)) continue
      this.#cells -= pane.cells.size
      pane.cells = null
      this.#log.freeze(start)
    }
    this.#recent = null
  }

  beginCheckpoint(): void {
    this.#due = new Map()
    for (const [start, keys] of this.#changed) {
      this.#due.set(start, { keys, cells: this.#panes.get(start)?.cells ?? null, notes: new Map() })
    }
    this.#changed = new Map()
    this.#dueDropped = this.#dropped
    this.#dropped = new Set()
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const start of this.#dueDropped) {
      if (!this.#log.has(start)) continue
      this.#sizeInCheckpoint -= this.#log.liveOf(start)
      this.#log.drop(start)
    }
    for (const [start, due] of this.#due ?? []) {
      for (const [key, isNew] of keysOf(due)) {
        const value = due.notes.has(key) ? due.notes.get(key) : due.cells?.get(key)
        const bytes = value === undefined ? null : encodeVersioned(this.#codec, value)
        const live = Number(isNew) - Number(bytes === null)
        if (bytes !== null) this.#see(key, bytes)
        this.#sizeInCheckpoint += live
        // What came and went, or came later, the store need not hear of.
        if (bytes !== null || !isNew) this.#log.appendTo(start, { key, value: bytes }, live)
        yield null
      }
    }
    yield* this.#log.changedCells()
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  endCheckpoint(isDurable: boolean): Iterable<void> {
    const due = this.#due ?? new Map<Timestamp, Due<V>>()
    this.#due = null
    this.#log.endCheckpoint(isDurable)
    if (isDurable) {
      this.#storedSize = this.#sizeInCheckpoint
      this.#dueDropped.clear()
      return []
    }
    this.#sizeInCheckpoint = this.#storedSize
    for (const start of this.#dueDropped) this.#dropped.add(start)
    this.#dueDropped.clear()
    for (const [start, { keys }] of due) {
      if (this.#dropped.has(start)) continue
      const since = keys === null ? undefined : this.#changed.get(start)
      for (const [key, isNew] of since ?? []) if (keys?.has(key) === false) keys.set(key, isNew)
      this.#changed.set(start, keys)
    }
    return []
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    if (previous === undefined) return null
    if (!(previous instanceof Dropped)) return encodeVersioned(this.#codec, previous as V) // as in `restore`
    const page = new PageWriter()
    const [bytes, at] = page.reserve(2)
    bytes.writeUInt16BE(droppedVersion, at)
    for (const [key, value] of previous.cells as Cells<V>) {
      paneEntries.write(page, { key, value: encodeVersioned(this.#codec, value) }, 0)
    }
    return page.bytes()
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    if (bytes === null) return undefined
    const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (page.readUInt16BE(0) !== droppedVersion) return decodeVersioned(this.#codec, bytes, this.name)
    const cells: Cells<V> = new Map()
    for (const { key, value } of paneEntries.read(page.subarray(2), 0)) {
      if (value !== null) cells.set(key, this.#decode(key, value))
    }
    return new Dropped(cells)
  }

  #find(start: Timestamp): Pane<V> | undefined {
    if (this.#recent?.start === start) return this.#recent
    const pane = this.#panes.get(start)
    if (pane === undefined) return undefined
    pane.wasUsed = true
    this.#recent = pane
    return pane
  }
  #create(start: Timestamp): Pane<V> {
    const pane = newPane(start, new Map<ByteString, V>())
    this.#panes.set(start, pane)
    this.#recent = pane
    return pane
  }
  #put(pane: Pane<V>, cells: Cells<V>, key: ByteString, value: V | undefined): void {
    const before = cells.size
    if (value !== undefined) cells.set(key, value)
    else cells.delete(key)
    this.#cells += cells.size - before
    if (cells.size === 0) this.#remove(pane)
  }
  #remove(pane: Pane<V>): void {
    this.#panes.delete(pane.start)
    this.#recent = null
    this.#cells -= pane.cells?.size ?? 0
  }
  #cellsOf(pane: Pane<V>): Cells<V> {
    if (pane.cells === null) this.#thaw(pane, Infinity)
    return pane.cells ?? pane.thawed
  }
  /** @returns whether more of it is left */
  #thaw(pane: Pane<V>, max: number): boolean {
    const { start, thawed } = pane
    const take = ({ key, value }: PaneEntry) => {
      if (value === null) thawed.delete(key)
      else thawed.set(key, this.#decode(key, value))
    }
    if (this.#log.thaw(start, take, max)) return true
    pane.cells = thawed
    pane.thawed = new Map()
    this.#cells += thawed.size
    return false
  }

  #decode(key: ByteString, bytes: Uint8Array): V {
    this.#see(key, bytes)
    return decodeVersioned(this.#codec, bytes, this.name)
  }
  #see(key: ByteString, bytes: Uint8Array): void {
    this.#seenBytes += key.length + bytes.length
    this.#seenCells += 1
  }
  #bytesOfOne(): number {
    return bytesACell + bytesAByte * (this.#seenCells === 0 ? 0 : this.#seenBytes / this.#seenCells)
  }
}

const newPane = <V>(start: Timestamp, cells: Cells<V> | null): Pane<V> => ({
  start,
  cells,
  thawed: new Map(),
  wasUsed: cells !== null,
})

/** Those that a checkpoint writes of a pane, and whether the one before lacks them. */
function* keysOf<V>({ keys, cells, notes }: Due<V>): Generator<readonly [ByteString, boolean]> {
  if (keys !== null) {
    yield* keys
    return
  }
  // The fold goes on meanwhile: what is there first may be gone, and noted, later.
  const told = new Set<ByteString>()
  for (const key of cells?.keys() ?? []) {
    told.add(key)
    yield [key, true]
  }
  for (const key of notes.keys()) if (!told.has(key)) yield [key, true]
}
