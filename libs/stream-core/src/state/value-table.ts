import type { Codec } from '../codec.ts'
import type { UndoLog } from '../task/rewind.ts'
import { keyOf, type CellRef } from './cell-ref.ts'
import { Changes } from './changes.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './checkpointed-table.ts'
import { Row, Rows, type Column } from './rows.ts'
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
  readonly #rows: Rows
  readonly #column: Column
  readonly #changes: Changes<V, Row>
  readonly #codec: Codec<V>
  readonly #undo: UndoLog
  readonly #isLoadedFirst: boolean
  #stored: StoredTable | null = null
  /** Values of the checkpoint that are not in memory; after an eviction it is not known how many. */
  #cold = 0
  /** In memory, absent ones too; after an eviction an estimate. */
  #cells = 0
  #size = 0
  #storedSize = 0
  #sizeInCheckpoint = 0
  #seenBytes = 0
  #seenCells = 0

  /**
   * `isLoadedFirst`: all of it stays in memory, for what is derived from it. `rows`: of tables with the same keys, which
   * stay in memory, and leave it, together.
   */
  constructor(
    name: string,
    codec: Codec<V>,
    undo: UndoLog,
    options: { readonly survivesRewind?: boolean; readonly isLoadedFirst?: boolean; readonly rows?: Rows } = {},
  ) {
    this.name = name
    this.#codec = codec
    this.#undo = undo
    this.survivesRewind = options.survivesRewind ?? false
    this.#isLoadedFirst = options.isLoadedFirst ?? false
    this.#rows = options.rows ?? new Rows()
    this.#column = this.#rows.addColumn()
    this.#changes = new Changes(this.#column)
  }

  get size(): number {
    return this.#size
  }
  get(key: string): V | undefined {
    const row = this.#rows.find(key)
    if (row !== undefined && this.#column.isKnown(row)) return this.#valueIn(row)
    return this.#cold === 0 ? undefined : this.#read(row ?? this.#rows.add(key))
  }
  set(key: string, value: V | undefined): void {
    let row = this.#rows.find(key)
    let previous: V | undefined
    if (row !== undefined && this.#column.isKnown(row)) previous = this.#valueIn(row)
    else if (this.#cold !== 0) previous = this.#read((row ??= this.#rows.add(key)))
    if (previous === undefined && value === undefined) return
    row ??= this.#rows.add(key)
    this.#undo.record(this, row, null, previous)
    this.#put(row, value)
  }
  /** Of what is in memory: all, in a table without a store. */
  *entries(): Generator<[string, V]> {
    for (const row of this.#rows) {
      const held = this.#valueIn(row)
      if (held !== undefined) yield [row.key, held]
    }
  }
  /** A value came, went, or was put back: for what is derived from it. */
  protected onPut(_key: string, _value: V | undefined): void {
    return
  }

  restore(cell: CellRef, _sub: string | number | null, previous: unknown): void {
    this.#put(this.#rowAt(cell), previous as V | undefined) // recorded by `set`, which took it from this table
  }
  touch(cell: CellRef, _sub: null, previous: unknown): void {
    if (this.#stored === null) return
    this.#changes.touch(this.#rowAt(cell), previous as V | undefined) // as in `restore`
  }
  forget(cell: CellRef): void {
    // With values that are not in memory, that this one is absent would have to be asked for again.
    if (!(cell instanceof Row) || this.#cold !== 0 || !this.#isAbsent(cell)) return
    if (this.#changes.forget(cell)) this.#drop(cell)
  }
  note(cell: CellRef, _sub: null, previous: unknown): void {
    this.#changes.note(this.#rowAt(cell), previous as V | undefined) // as in `restore`
  }

  get loadedFirst(): 'nothing' | 'everything' {
    return this.#isLoadedFirst ? 'everything' : 'nothing'
  }
  attach(stored: StoredTable): void {
    this.#stored = stored
    this.#size = this.#storedSize = this.#sizeInCheckpoint = this.#cold = stored.size
  }
  load({ key, value }: { readonly key: string; readonly value: Uint8Array }): void {
    this.#hold(this.#rows.find(key) ?? this.#rows.add(key), value)
  }

  get bytesInMemory(): number {
    return this.#isLoadedFirst ? 0 : this.#cells * this.#bytesOfOne()
  }
  get bytesChanged(): number {
    return this.#changes.size * this.#bytesOfOne()
  }
  startGeneration(): void {
    if (!this.#isLoadedFirst) this.#rows.startGeneration(this.#column)
  }
  dropUnused(): void {
    if (this.#isLoadedFirst) return
    this.#cells = Math.round(this.#cells * this.#rows.dropUnused(this.#column))
    this.#cold = Infinity
  }

  beginCheckpoint(): void {
    this.#changes.begin()
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const { cell: row, before, value } of this.#changes.due(this.#valueIn)) {
      if (value === before) {
        yield null
        continue
      }
      const { key } = row
      const bytes = value === undefined ? null : encodeVersioned(this.#codec, value)
      this.#see(key, bytes)
      this.#sizeInCheckpoint += Number(value !== undefined) - Number(before !== undefined)
      yield { key, sub: null, value: bytes }
    }
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    if (isDurable) this.#storedSize = this.#sizeInCheckpoint
    else this.#sizeInCheckpoint = this.#storedSize
    for (const row of this.#changes.end(isDurable)) {
      // The checkpoint does not hold them either: nothing need say that they are absent.
      if (this.#isAbsent(row) && !this.#changes.has(row)) this.#drop(row)
      yield
    }
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    return previous === undefined ? null : encodeVersioned(this.#codec, previous as V) // as in `restore`
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    return bytes === null ? undefined : this.decodeStored(bytes)
  }
  decodeStored(versioned: Uint8Array): V {
    return decodeVersioned(this.#codec, versioned, this.name)
  }

  readonly #valueIn = (row: Row): V | undefined => this.#column.valueOf(row) as V | undefined // this table alone writes there
  /** Memory knows that it has nothing of the key. */
  #isAbsent(row: Row): boolean {
    return this.#column.isKnown(row) && this.#valueIn(row) === undefined
  }
  /** The row that a change was of: by now memory may have another one of its key, or nothing of it. */
  #rowAt(cell: CellRef): Row {
    const isHere = cell instanceof Row && !cell.isDropped
    const row = isHere ? cell : (this.#rows.find(keyOf(cell)) ?? this.#rows.add(keyOf(cell)))
    if (!this.#column.isKnown(row)) this.#read(row)
    return row
  }
  #put(row: Row, value: V | undefined): void {
    if (!this.#column.isKnown(row)) this.#cells += 1
    this.#size += Number(value !== undefined) - Number(this.#valueIn(row) !== undefined)
    this.#column.setValue(row, value)
    if (value === undefined && this.#stored === null) this.#drop(row)
    this.onPut(row.key, value)
  }
  #drop(row: Row): void {
    if (!this.#column.isKnown(row)) return
    this.#column.forget(row)
    this.#cells -= 1
    this.#rows.dropEmpty(row)
  }

  #read(row: Row): V | undefined {
    const bytes = this.#cold === 0 ? undefined : this.#stored?.read(row.key, null)
    if (bytes !== undefined) return this.#hold(row, bytes)
    this.#cells += 1
    this.#column.setValue(row, undefined) // asked for once, it is often asked for again
    return undefined
  }
  #hold(row: Row, bytes: Uint8Array): V {
    const { key } = row
    this.#see(key, bytes)
    const value = decodeVersioned(this.#codec, bytes, this.name)
    this.#column.setValue(row, value)
    this.#cells += 1
    this.#cold -= 1
    this.onPut(key, value)
    return value
  }
  #see(key: string, bytes: Uint8Array | null): void {
    this.#seenBytes += key.length + (bytes?.length ?? 0)
    this.#seenCells += 1
  }
  #bytesOfOne(): number {
    return bytesACell + bytesAByte * (this.#seenCells === 0 ? 0 : this.#seenBytes / this.#seenCells)
  }
}
