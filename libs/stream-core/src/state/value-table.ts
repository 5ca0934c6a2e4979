import type { Codec } from '../codec.ts'
import type { UndoLog } from '../task/rewind.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './checkpointed-table.ts'
import { absent, Generations } from './generations.ts'
import { decodeVersioned, encodeVersioned } from './versioned.ts'

/** What a cell in memory takes besides the bytes of its value: its key, its place in a map, the objects of its value. */
export const bytesACell = 150
/** A decoded value takes about so many times its bytes. */
export const bytesAByte = 3

/** One value a key. */
export class ValueTable<V> implements CheckpointedTable {
  readonly name: string
  readonly layout = 'values'
  readonly survivesRewind: boolean
  readonly #values = new Generations<V>()
  readonly #codec: Codec<V>
  readonly #undo: UndoLog
  readonly #isLoadedFirst: boolean
  #stored: StoredTable | null = null
  /** Values of the checkpoint that are not in memory; after an eviction it is not known how many. */
  #cold = 0
  #size = 0
  #storedSize = 0
  #sizeInCheckpoint = 0
  /** Since the last checkpoint; whether that checkpoint lacks the cell. */
  #changed = new Map<string, boolean>()
  /** What `#changed` was when the checkpoint in hand began. */
  #due: Map<string, boolean> | null = null
  /** What cells that are due were when it began, for those that changed since. */
  #notes = new Map<string, V | undefined>()
  /** Cells that the checkpoint in hand deletes, or that came and went before it. */
  #gone: string[] = []
  #seenBytes = 0
  #seenCells = 0

  /** `isLoadedFirst`: all of it stays in memory, for what is derived from it. */
  constructor(
    name: string,
    codec: Codec<V>,
    undo: UndoLog,
    options: { readonly survivesRewind?: boolean; readonly isLoadedFirst?: boolean } = {},
  ) {
    this.name = name
    this.#codec = codec
    this.#undo = undo
    this.survivesRewind = options.survivesRewind ?? false
    this.#isLoadedFirst = options.isLoadedFirst ?? false
  }

  get size(): number {
    return this.#size
  }
  get(key: string): V | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return this.#cold === 0 ? undefined : this.#read(key)
    return value === absent ? undefined : value
  }
  set(key: string, value: V | undefined): void {
    const previous = this.get(key)
    if (previous === undefined && value === undefined) return
    this.#undo.record(this, key, null, previous)
    if (previous === undefined) this.#size += 1
    else if (value === undefined) this.#size -= 1
    this.put(key, value)
  }
  /** Of what is in memory: all, in a table without a store. */
  entries(): IterableIterator<[string, V]> {
    return this.#values.entries()
  }
  protected put(key: string, value: V | undefined): void {
    if (value !== undefined) this.#values.set(key, value)
    else if (this.#stored !== null) this.#values.set(key, absent)
    else this.#values.delete(key)
  }

  restore(key: string, _sub: string | number | null, previous: unknown): void {
    const value = previous as V | undefined // recorded by `set`, which took it from this table
    this.#size += Number(value !== undefined) - Number(this.get(key) !== undefined)
    this.put(key, value)
  }
  touch(key: string, _sub: null, previous: unknown): void {
    if (this.#stored === null) return
    if (!this.#changed.has(key)) this.#changed.set(key, previous === undefined)
    if (this.#due !== null) this.note(key, _sub, previous)
  }
  note(key: string, _sub: null, previous: unknown): void {
    if (this.#due?.has(key) === true && !this.#notes.has(key)) this.#notes.set(key, previous as V | undefined) // as in `restore`
  }

  get loadedFirst(): 'nothing' | 'everything' {
    return this.#isLoadedFirst ? 'everything' : 'nothing'
  }
  attach(stored: StoredTable): void {
    this.#stored = stored
    this.#size = this.#storedSize = this.#sizeInCheckpoint = this.#cold = stored.size
  }
  load({ key, value }: { readonly key: string; readonly value: Uint8Array }): void {
    this.#cold -= 1
    this.put(key, this.#decode(key, value))
  }

  get bytesInMemory(): number {
    return this.#isLoadedFirst ? 0 : this.#values.size * this.#bytesOfOne()
  }
  get bytesChanged(): number {
    return this.#changed.size * this.#bytesOfOne()
  }
  startGeneration(): void {
    if (!this.#isLoadedFirst) this.#values.start()
  }
  dropUnused(): void {
    if (this.#isLoadedFirst) return
    this.#values.dropOld()
    this.#cold = Infinity
  }

  beginCheckpoint(): void {
    this.#due = this.#changed
    this.#changed = new Map()
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const [key, isNew] of this.#due ?? []) {
      const value = this.#notes.has(key) ? this.#notes.get(key) : this.get(key)
      if (value === undefined) {
        this.#gone.push(key)
        if (isNew) {
          yield null
          continue
        }
      }
      // It went since, and the checkpoint before had said so too: from this one on only memory can.
      if (value !== undefined && this.#values.get(key) === undefined) this.#values.set(key, absent)
      const bytes = value === undefined ? null : encodeVersioned(this.#codec, value)
      this.#see(key, bytes)
      this.#sizeInCheckpoint += Number(isNew) - Number(bytes === null)
      yield { key, sub: null, value: bytes }
    }
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    const due = this.#due ?? new Map<string, boolean>()
    const gone = this.#gone
    this.#due = null
    this.#notes = new Map()
    this.#gone = []
    if (isDurable) {
      this.#storedSize = this.#sizeInCheckpoint
      // The checkpoint does not hold them either: nothing need say that they are absent.
      for (const key of gone) {
        if (this.#values.get(key) === absent) this.#values.delete(key)
        yield
      }
      return
    }
    this.#sizeInCheckpoint = this.#storedSize
    for (const [key, isNew] of this.#changed) {
      if (!due.has(key)) due.set(key, isNew)
    }
    this.#changed = due
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    return previous === undefined ? null : encodeVersioned(this.#codec, previous as V) // as in `restore`
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    return bytes === null ? undefined : decodeVersioned(this.#codec, bytes, this.name)
  }

  #read(key: string): V | undefined {
    const bytes = this.#stored?.read(key, null)
    if (bytes === undefined) {
      this.#values.set(key, absent) // asked for once, it is often asked for again
      return undefined
    }
    const value = this.#decode(key, bytes)
    this.#values.set(key, value)
    this.#cold -= 1
    return value
  }
  #decode(key: string, bytes: Uint8Array): V {
    this.#see(key, bytes)
    return decodeVersioned(this.#codec, bytes, this.name)
  }
  #see(key: string, bytes: Uint8Array | null): void {
    this.#seenBytes += key.length + (bytes?.length ?? 0)
    this.#seenCells += 1
  }
  #bytesOfOne(): number {
    return bytesACell + bytesAByte * (this.#seenCells === 0 ? 0 : this.#seenBytes / this.#seenCells)
  }
}
