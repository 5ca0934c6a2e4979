import type { Codec } from '../codec.ts'
import { Schedule } from '../schedule.ts'
import type { UndoLog } from '../task/rewind.ts'
import { minTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { keyOf, type CellRef } from './cell-ref.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './checkpointed-table.ts'
import { absent, Generations } from './generations.ts'
import { integerKey, type ByteString } from './key-encoding.ts'
import { ListView, listCodec } from './list-view.ts'
import { integerSubKeys } from './nested-table.ts'
import { decodeEntry, decodePage, encodePage, maxEntriesAPage } from './page.ts'
import { PageWriter } from './slot-log.ts'
import { bytesACell, bytesAByte } from './value-table.ts'
import { decodeVersioned, encodeVersioned } from './versioned.ts'
import { WaitingElements, type Waiting } from './waiting-elements.ts'

/** How the store holds the elements of a key. */
interface StoredPages {
  /** Of the first element. */
  readonly from: Timestamp
  /** Where the pages after the first begin. */
  readonly firsts: readonly Timestamp[]
}

/** What one side has of a key. */
class Row<T> extends WaitingElements<T> {
  readonly key: ByteString
  stored: StoredPages | null
  /** Memory may have another row of the key by now. */
  isDropped = false
  /** What the table of the other side had of the key when it was asked last, and in which of its generations. */
  beside: Row<unknown> | null = null
  besideIn = 0
  /** When it was last said to be looked at, if that is still to come. */
  expiry: Timestamp | null = null
  /** The stretch between two checkpoints in which it last changed, and from when on elements came in it, if any did. */
  changedIn = 0
  changedFrom: Timestamp = Infinity
  /** What the latter was in the stretch before: the checkpoint in hand has still to write it. */
  dueFrom: Timestamp = Infinity

  constructor(key: ByteString, stored: StoredPages | null) {
    super()
    this.key = key
    this.stored = stored
  }
}

/** What an element takes in memory besides its value's bytes. */
const bytesAnElement = 80
/** Elements go together that nothing can match any more within so small a part of the interval. */
const expiriesAnInterval = 2
/** Encoded by a checkpoint between two looks at the time: some tenths of a millisecond. */
const elementsASlice = 256
/** A rewind puts so many back at once, and counts them as one change. */
const elementsAChange = 16

/**
 * The elements of one side of a join, by key and time, until nothing of the other side can match them any more. All
 * elements of a key are in memory, or none.
 *
 * Elements never change, and each has a number in the order of arrival: so what a checkpoint holds of a key is what had
 * arrived by a number and not left. It lies in pages by time, of which those are written that elements came to or left.
 */
export class JoinTable<T> implements CheckpointedTable {
  readonly name: string
  readonly layout = 'pages'
  readonly survivesRewind = false
  /** When which keys have elements that are past. */
  readonly expiries: Schedule
  readonly #rest: DurationMs
  readonly #step: DurationMs
  /** No key is due before. */
  #quietUntil = minTimestamp
  readonly #rows = new Generations<Row<T>>()
  /** Raised when rows may leave memory, or are old until they are looked up again. */
  #generation = 0
  readonly #codec: Codec<ListView<T>>
  readonly #undo: UndoLog
  #stored: StoredTable | null = null
  /** As in `ValueTable`, in keys. */
  #cold = 0
  #size = 0
  #storedSize = 0
  #sizeInCheckpoint = 0
  /** In memory; after an eviction an estimate. */
  #elements = 0
  /** Of the next to arrive. Those of the store arrived before: they count up from far below. */
  #nextArrival = 0
  #nextRead = Number.MIN_SAFE_INTEGER
  /** All that arrived before it, and still waits, can no longer be undone. */
  #finalArrival = 0
  #stretch = 1
  /** In this stretch. */
  #changed: Row<T>[] = []
  /** What these were when the checkpoint in hand began. Null: none is in hand. */
  #due: readonly Row<T>[] | null = null
  #dueArrival = 0
  /** What left since then, or before in what could be undone. */
  #left = new Map<Row<T>, WaitingElements<T>>()
  /** What the checkpoint in hand makes of the pages of a key; null: it has none. */
  #written = new Map<Row<T>, StoredPages | null>()
  #departures = 0
  #seenBytes = 0
  #seenElements = 0

  /** An element waits until the watermark is `rest` past it. `interval` is how far apart its partners may be. */
  constructor(
    name: string,
    codec: Codec<T>,
    undo: UndoLog,
    { rest, interval }: { readonly rest: DurationMs; readonly interval: DurationMs },
  ) {
    this.name = name
    this.#codec = listCodec(codec)
    this.#undo = undo
    this.#rest = rest
    this.#step = Math.max(1, Math.floor(interval / expiriesAnInterval))
    this.expiries = new Schedule(`${name}-expiries`, undo)
    this.expiries.follows(this, (key, time) => this.expiries.add(this.#expiryOf(time), key))
  }

  /** Read only. Those that are past may still be among them. */
  of(key: ByteString): WaitingElements<T> | undefined {
    return this.#find(key)
  }
  /**
   * As `of`, of the key of `row`, which `add` of the other side's table gave. Whoever adds to a key asks for its
   * other side each time: what was found once is found again without a lookup.
   */
  beside(row: Row<unknown>): WaitingElements<T> | undefined {
    const { beside } = row
    // Only this table sets it.
    if (beside !== null && !beside.isDropped && row.besideIn === this.#generation) return beside as Row<T>
    const found = this.#find(row.key)
    if (found !== undefined) {
      row.beside = found
      row.besideIn = this.#generation
    }
    return found
  }
  /** @returns what the table has of the key, for `beside` of the other side's */
  add(key: ByteString, time: Timestamp, value: T): Row<T> {
    const row = this.#find(key) ?? this.#create(key)
    const arrival = this.#nextArrival++
    this.#undo.record(this, row, arrival, time)
    const before = row.size
    row.add(time, arrival, value)
    this.#resized(row, before)
    const expiry = this.#expiryOf(time)
    if (row.expiry === expiry) return row
    row.expiry = expiry
    this.expiries.add(expiry, key)
    if (expiry < this.#quietUntil) this.#quietUntil = minTimestamp
    return row
  }
  /** Lets go what is past of one key. @returns whether it did anything */
  expireNext(watermark: Timestamp): boolean {
    if (watermark < this.#quietUntil) return false
    if (this.expiries.sortNext(watermark)) return true
    const due = this.expiries.take(watermark)
    if (due === undefined) {
      this.#quietUntil = Math.floor(watermark / this.#step + 1) * this.#step
      return false
    }
    const row = this.#find(due.key)
    if (row === undefined) return true
    row.expiry = null
    row.beside = null // it may have left memory since
    const before = row.size
    const left = row.takeUpTo(due.time - this.#rest)
    const max = this.#undo.hasEpochs ? elementsAChange : Infinity
    for (const part of left.inParts(max)) {
      // Each has a name of its own: in an epoch a key may be looked at for the same time again.
      this.#departures += 1
      this.#undo.record(this, row, `${this.#departures}`, part)
    }
    this.#resized(row, before)
    return true
  }
  /** Of what is in memory: all, in a table without a store. */
  *entries(): Generator<readonly [ByteString, readonly Waiting<T>[]]> {
    for (const [key, row] of this.#rows.entries()) {
      const elements = [...between(row, -Infinity, Infinity)]
      if (elements.length > 0) yield [key, elements]
    }
  }

  restore(cell: CellRef, sub: string | number | null, previous: unknown): void {
    this.#quietUntil = minTimestamp
    const row = this.#rowOf(cell)
    const before = row.size
    if (isLeft<T>(previous)) row.putBack(previous)
    else row.remove(previous as Timestamp, sub as number) // both recorded by `add`
    this.#resized(row, before)
  }
  touch(cell: CellRef, sub: string | number | null, previous: unknown): void {
    if (typeof sub === 'number') this.#finalArrival = sub + 1
    if (this.#stored === null) return
    const row = this.#rowOf(cell)
    const hasCome = !isLeft<T>(previous)
    if (!hasCome && this.#due !== null) this.#noteLeft(row, previous)
    if (row.changedIn !== this.#stretch) {
      row.dueFrom = row.changedFrom
      row.changedFrom = Infinity
      row.changedIn = this.#stretch
      this.#changed.push(row)
    }
    if (hasCome && (previous as Timestamp) < row.changedFrom) row.changedFrom = previous as Timestamp // as in `restore`
  }
  note(cell: CellRef, _sub: string | number | null, previous: unknown): void {
    // That one came later its number tells.
    if (isLeft<T>(previous)) this.#noteLeft(this.#rowOf(cell), previous)
  }

  /** Keys, in memory or not. */
  get size(): number {
    return this.#size
  }
  readonly loadedFirst = 'nothing'
  load(): void {
    throw new Error(`Nothing of the table "${this.name}" is loaded first.`)
  }
  attach(stored: StoredTable): void {
    this.#stored = stored
    this.#size = this.#storedSize = this.#sizeInCheckpoint = this.#cold = stored.size
  }

  decodeStored(versioned: Uint8Array): ListView<T> {
    return decodeVersioned(this.#codec, versioned, this.name)
  }
  /** The elements of a time out of their bytes, the version of their codec before them. */
  entryOf(sub: string, versioned: Uint8Array): { readonly sub: Timestamp; readonly value: ListView<T> } {
    return { sub: integerSubKeys.fromBytes(sub), value: this.decodeStored(versioned) }
  }

  get bytesInMemory(): number {
    return this.#rows.size * bytesACell + this.#elements * this.#bytesOfOne()
  }
  get bytesChanged(): number {
    return this.#changed.length * (bytesACell + this.#bytesOfOne())
  }
  startGeneration(): void {
    this.#generation += 1
    this.#rows.start()
  }
  dropUnused(): void {
    this.#generation += 1
    const before = this.#rows.size
    this.#rows.dropOld()
    if (before > 0) this.#elements = Math.round((this.#elements * this.#rows.size) / before)
    this.#cold = Infinity
  }

  beginCheckpoint(): void {
    this.#due = this.#changed
    this.#dueArrival = this.#finalArrival
    this.#changed = []
    this.#stretch += 1
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const row of this.#due ?? []) yield* this.#changedPages(row)
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    const due = this.#due ?? []
    const written = this.#written
    this.#due = null
    this.#left = new Map()
    this.#written = new Map()
    if (!isDurable) {
      this.#sizeInCheckpoint = this.#storedSize
      for (const row of due) {
        if (row.changedIn === this.#stretch) row.changedFrom = Math.min(row.changedFrom, row.dueFrom)
        else {
          row.changedIn = this.#stretch
          this.#changed.push(row)
        }
      }
      return
    }
    this.#storedSize = this.#sizeInCheckpoint
    for (const [row, stored] of written) {
      row.stored = stored
      if (stored === null && row.size === 0 && row.changedIn !== this.#stretch) this.#drop(row)
      yield
    }
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    if (!isLeft<T>(previous)) return integerKey.encode(previous as Timestamp) // as in `restore`
    const page = new PageWriter()
    for (const { time, arrival, value } of previous) {
      const bytes = encodeVersioned(this.#codec, ListView.of([value]))
      const [to, at] = page.reserve(2 * integerBytes + 4 + bytes.length)
      to.set(integerKey.encode(time), at)
      to.set(integerKey.encode(arrival), at + integerBytes)
      to.writeUInt32BE(bytes.length, at + 2 * integerBytes)
      to.set(bytes, at + 2 * integerBytes + 4)
    }
    return page.bytes()
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    if (bytes === null) throw new Error('assertion: a change of a join table has bytes')
    if (bytes.length === integerBytes) return integerKey.decode(bytes)
    const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const left = new WaitingElements<T>()
    for (let at = 0; at < page.length;) {
      const [time, arrival] = [at, at + integerBytes].map((from) =>
        integerKey.decode(page.subarray(from, from + integerBytes)),
      )
      const valueAt = at + 2 * integerBytes + 4
      at = valueAt + page.readUInt32BE(valueAt - 4)
      const [value] = decodeVersioned(this.#codec, page.subarray(valueAt, at), this.name)
      left.add(time as number, arrival as number, value as T) // as written above
    }
    return left
  }

  /** On a grid, so that few times are due. */
  #expiryOf(time: Timestamp): Timestamp {
    return Math.ceil((time + this.#rest) / this.#step) * this.#step
  }
  #find(key: ByteString): Row<T> | undefined {
    const row = this.#rows.get(key)
    if (row === undefined) return this.#cold === 0 ? undefined : this.#read(key)
    return row === absent ? undefined : row
  }
  #create(key: ByteString): Row<T> {
    const row = new Row<T>(key, null)
    this.#rows.set(key, row)
    return row
  }
  #rowOf(cell: CellRef): Row<T> {
    if (cell instanceof Row && !cell.isDropped) return cell as Row<T> // this table recorded it
    const key = keyOf(cell)
    return this.#find(key) ?? this.#create(key)
  }
  #drop(row: Row<T>): void {
    row.isDropped = true
    this.#rows.delete(row.key)
  }
  #noteLeft(row: Row<T>, elements: WaitingElements<T>): void {
    let left = this.#left.get(row)
    if (left === undefined) this.#left.set(row, (left = new WaitingElements()))
    for (const element of elements) if (element.arrival < this.#dueArrival) left.insert(element)
  }
  #resized(row: Row<T>, before: number): void {
    this.#elements += row.size - before
    if (before === 0 && row.size > 0) this.#size += 1
    if (before === 0 || row.size > 0) return
    this.#size -= 1
    // Of a table with a store memory alone knows of it, until a checkpoint does.
    if (this.#stored === null) this.#drop(row)
  }

  /**
   * The pages of `key` to which elements came since the last checkpoint, or from which some left. The fold goes on when
   * this yields, so what the row held at the beginning of the checkpoint is asked for anew each time.
   */
  *#changedPages(row: Row<T>): Generator<EncodedCell | null> {
    const { key, stored: before } = row
    // Elements came from then on.
    const from = row.changedIn === this.#stretch ? row.dueFrom : row.changedFrom
    const then = () => new RowThen(row, this.#left.get(row), this.#dueArrival)
    const { first } = then()
    this.#sizeInCheckpoint += Number(first !== undefined) - Number(before !== null)
    if (first === undefined) {
      this.#written.set(row, null)
      yield null
      for (const start of before === null ? [] : [null, ...before.firsts]) yield cellOf(key, start, null)
      return
    }
    const storedFrom = before?.from ?? Infinity
    const starts = [-Infinity, ...(before?.firsts ?? [])]
    const firsts: Timestamp[] = []
    let onFirst: readonly Waiting<T>[] | null = null
    for (const [page, start] of starts.entries()) {
      const end = starts[page + 1] ?? Infinity
      const hasLost = storedFrom < first.time && storedFrom < end && start < first.time
      if (!hasLost && end <= from) {
        if (page > 0) firsts.push(start)
        continue
      }
      // The first part keeps the name of its page, although what it is named by may have left.
      let name = start
      for (let part = then().page(start, end); ; part = then().page(name, end)) {
        const { elements, next }: PagePart<T> = part
        if (page === 0 && name === start) onFirst = elements
        else if (elements.length === 0) yield cellOf(key, start, null)
        else {
          firsts.push(name)
          yield cellOf(key, name, yield* this.#encodePage([], elements))
        }
        if (next === undefined) break
        name = next
        yield null
      }
    }
    this.#written.set(row, { from: first.time, firsts })
    const isSame = firsts.length === before?.firsts.length && firsts.every((each, at) => each === before.firsts[at])
    if (onFirst === null && isSame) {
      yield null
      return
    }
    const elements = onFirst ?? then().page(-Infinity, starts[1] ?? Infinity).elements
    yield cellOf(key, null, yield* this.#encodePage(firsts, elements))
  }
  /** Elements never change, so that they can be encoded in slices. */
  *#encodePage(firsts: readonly Timestamp[], elements: readonly Waiting<T>[]): Generator<null, Uint8Array> {
    const entries: (readonly [string, Uint8Array])[] = []
    let left = elementsASlice
    for (let start = 0; start < elements.length;) {
      const { time } = elements[start] as Waiting<T> // below the length
      const parts: Uint8Array[] = [] // a list is what its parts are, one after the other
      let end = start
      while (elements[end]?.time === time) {
        const values: T[] = []
        for (; values.length < left && elements[end]?.time === time; end += 1)
          values.push((elements[end] as Waiting<T>).value)
        parts.push(this.#codec.encode(ListView.of(values)))
        left -= values.length
        if (left > 0) continue
        yield null
        left = elementsASlice
      }
      const [bytes = noBytes] = parts.length === 1 ? parts : [Buffer.concat(parts)]
      this.#seenBytes += bytes.length
      entries.push([integerSubKeys.toBytes(time), bytes])
      start = end
    }
    this.#seenElements += elements.length
    return encodePage({ firsts: firsts.map((first) => integerSubKeys.toBytes(first)), entries }, this.#codec.version)
  }

  #read(key: ByteString): Row<T> | undefined {
    const stored = this.#stored
    const page = stored?.read(key, null)
    if (stored === null || page === undefined) {
      this.#rows.set(key, absent)
      return undefined
    }
    const elements: Waiting<T>[] = []
    const firsts = this.#readPage(page, elements)
    for (const first of firsts) {
      const next = stored.read(key, first)
      if (next === undefined) throw new Error(`A page of a key of "${this.name}" is missing from the store.`)
      this.#readPage(next, elements)
    }
    const row = new Row<T>(key, {
      from: elements[0]?.time ?? Infinity,
      firsts: firsts.map((first) => integerSubKeys.fromBytes(first)),
    })
    for (const { time, arrival, value } of elements) row.add(time, arrival, value)
    this.#rows.set(key, row)
    this.#elements += row.size
    this.#cold -= 1
    return row
  }
  #readPage(bytes: Uint8Array, into: Waiting<T>[]): readonly string[] {
    const { version, firsts, entries } = decodePage(bytes)
    for (const [sub, list] of entries) {
      const time = integerSubKeys.fromBytes(sub)
      for (const value of decodeEntry(this.#codec, list, version, this.name)) {
        into.push({ time, arrival: this.#nextRead++, value })
        this.#seenElements += 1
      }
      this.#seenBytes += list.length
    }
    return firsts
  }
  #bytesOfOne(): number {
    return bytesAnElement + bytesAByte * (this.#seenElements === 0 ? 0 : this.#seenBytes / this.#seenElements)
  }
}

const integerBytes = 8

/** Of what is recorded: elements that left, or the time of one that came. */
const isLeft = <T>(previous: unknown): previous is WaitingElements<T> => typeof previous === 'object'

const noBytes = new Uint8Array()
const cellOf = (key: ByteString, start: Timestamp | null, value: Uint8Array | null): EncodedCell => ({
  key,
  sub: start === null ? null : integerSubKeys.toBytes(start),
  value,
})

/** What fits into a page, and where the next begins; undefined: there is none. */
interface PagePart<T> {
  readonly elements: readonly Waiting<T>[]
  readonly next: Timestamp | undefined
}

/** Of a row when the checkpoint in hand began: what had arrived by then, whether it left since or not. */
class RowThen<T> {
  readonly #row: WaitingElements<T>
  readonly #left: WaitingElements<T> | undefined
  /** What left since left in order; some of it may be back. */
  readonly #leftUpTo: Timestamp
  readonly #arrival: number

  constructor(row: WaitingElements<T>, left: WaitingElements<T> | undefined, arrival: number) {
    this.#row = row
    this.#left = left
    this.#leftUpTo = left?.lastTime ?? -Infinity
    this.#arrival = arrival
  }

  get first(): Waiting<T> | undefined {
    const row = this.#row
    let index = row.indexFrom(this.#leftUpTo + 1)
    let element = row.at(index)
    while (element !== undefined && !this.#hadCome(element)) element = row.at((index += 1))
    return this.#left?.first ?? element
  }
  /** Of those in `[from, to)` the first, as many times as a page holds, those of a time together. */
  page(from: Timestamp, to: Timestamp): PagePart<T> {
    const elements: Waiting<T>[] = []
    let times = 0
    for (const element of this.#between(from, to)) {
      if (elements.at(-1)?.time !== element.time) {
        if (times === maxEntriesAPage) return { elements, next: element.time }
        times += 1
      }
      elements.push(element)
    }
    return { elements, next: undefined }
  }
  *#between(from: Timestamp, to: Timestamp): Generator<Waiting<T>> {
    if (this.#left !== undefined) yield* between(this.#left, from, to)
    for (const element of between(this.#row, Math.max(from, this.#leftUpTo + 1), to)) {
      if (this.#hadCome(element)) yield element
    }
  }
  #hadCome(element: Waiting<T>): boolean {
    return element.arrival < this.#arrival
  }
}

/** In `[from, to)`. */
function* between<T>(elements: WaitingElements<T>, from: Timestamp, to: Timestamp): Generator<Waiting<T>> {
  for (let index = elements.indexFrom(from); ; index += 1) {
    const element = elements.at(index)
    if (element === undefined || element.time >= to) return
    yield element
  }
}
