import type { CellRef } from '../state/cell-ref.ts'
import { UndoSpill, type SpillStore } from './undo-spill.ts'

/** What can be put back: a table of cells, each named by a key and, in nested tables, a second key. */
export interface Journaled {
  /** A previous value as bytes and back. `undefined` is null. */
  encodePrevious(previous: unknown): Uint8Array | null
  decodePrevious(bytes: Uint8Array | null): unknown
  /** Puts the cell back to `previous` (`undefined`: absent) without recording it. */
  restore(cell: CellRef, sub: string | number | null, previous: unknown): void
  /**
   * A change of the cell, which was `previous` before, is no longer subject to undo: a checkpoint to come must write it.
   * Changes come in order, so the first since a checkpoint says what that checkpoint holds.
   */
  touch(cell: CellRef, sub: string | number | null, previous: unknown): void
  /**
   * All that changed is told by `touch`, and nothing of it can be undone: if the cell is absent, and was when the last
   * checkpoint began, none need know that it was ever there.
   */
  forget?(cell: CellRef): void
  /** While a checkpoint is being written: the cell was `previous` at its point, unless that is known already. */
  note(cell: CellRef, sub: string | number | null, previous: unknown): void
  /** A sink's memory of revisions: what was sent cannot be unsent, so a rewind leaves it, and a checkpoint dates it. */
  readonly survivesRewind: boolean
}

export interface Change {
  readonly table: Journaled
  readonly cell: CellRef
  readonly sub: string | number | null
  readonly previous: unknown
}

/** A change whose place is used again once its element is done. */
type Recorded = { -readonly [Name in keyof Change]: Change[Name] }

/** The stretch of the fold after a mark, until the next; an epoch once it is sealed. */
export class Segment {
  epoch: number | null = null
  isReverted = false
  changes: Change[] = []
  /** How many of `changes`, or of `pages`, the tables have noted for the checkpoint in hand. */
  noted = 0
  /** Instead of `changes`: names of the pages in the store that hold them, oldest first. */
  pages: readonly string[] | null = null
}

/**
 * The previous values of cells, newest last, by segment. Values are immutable, so a previous value is a reference.
 * It serves three ways: an element that fails is rolled back, a reverted epoch is rewound, and a checkpoint takes the
 * values as of its mark although the fold has gone on. Without epochs nothing outlives the element.
 */
export class UndoLog {
  readonly #hasEpochs: boolean
  readonly redoesUnits: boolean
  readonly #segments: Segment[] = [new Segment()]
  #open: Segment
  /** Without epochs, instead of the open segment's changes: the first `#recorded` are of the element in hand. */
  readonly #ofElement: Recorded[] = []
  #recorded = 0
  /** What `rewind` has still to put back, newest first, and what of it stays. */
  readonly #undone: Undone[] = []
  readonly #kept: Change[] = []
  /** What `finalize` has still to tell its tables, oldest first; of the first segment from `#finalAt` on. */
  readonly #final: Undone[] = []
  #finalAt = 0
  #compaction: Compaction | null = null
  #isNoting = false
  readonly #spill = new UndoSpill()
  #spilledSegments = 0

  /** `redoesUnits`: a unit that lacks an answer is undone whole, and done again. */
  constructor(hasEpochs: boolean, { redoesUnits = false }: { readonly redoesUnits?: boolean } = {}) {
    this.#hasEpochs = hasEpochs
    this.redoesUnits = redoesUnits
    this.#open = this.#segments[0] ?? new Segment()
  }

  /** Without, nothing can be undone once its element is done. */
  get hasEpochs(): boolean {
    return this.#hasEpochs
  }
  get open(): Segment {
    return this.#open
  }
  get sealedSegments(): number {
    return this.#segments.length - 1
  }
  /** Of them, those that lie in the store. */
  get spilledSegments(): number {
    return this.#spilledSegments
  }
  get position(): number {
    return this.#hasEpochs ? this.#open.changes.length : this.#recorded
  }
  get size(): number {
    return this.#segments.reduce((size, { changes }) => size + changes.length, this.#recorded)
  }

  record(table: Journaled, cell: CellRef, sub: string | number | null, previous: unknown): void {
    if (this.#hasEpochs) {
      this.#open.changes.push({ table, cell, sub, previous })
      return
    }
    const place = this.#ofElement[this.#recorded]
    if (place === undefined) this.#ofElement.push({ table, cell, sub, previous })
    else {
      place.table = table
      place.cell = cell
      place.sub = sub
      place.previous = previous
    }
    this.#recorded += 1
  }

  /** Puts back all that changed since `position` of the open segment, newest first: what one element did. */
  rollback(position: number): void {
    const { changes } = this.#open
    while (this.#recorded > position) {
      this.#recorded -= 1
      const change = this.#ofElement[this.#recorded]
      change?.table.restore(change.cell, change.sub, change.previous)
    }
    while (changes.length > position) {
      const change = changes.pop()
      change?.table.restore(change.cell, change.sub, change.previous)
    }
    this.#open.noted = Math.min(this.#open.noted, this.position)
  }

  /** The element is done. Without epochs it can no longer be undone. */
  settle(): void {
    if (this.#recorded === 0) return
    const changes = this.#ofElement
    for (let at = 0; at < this.#recorded; at += 1) {
      const change = changes[at]
      change?.table.touch(change.cell, change.sub, change.previous)
    }
    while (this.#recorded > 0) {
      this.#recorded -= 1
      const change = changes[this.#recorded]
      change?.table.forget?.(change.cell)
    }
    if (changes.length > mostPlaces) changes.length = mostPlaces
    this.#open.noted = 0
  }

  /** Ends the open segment as `epoch` and opens the next. Repeat `compactNext` after it until it says no. */
  seal(epoch: number): void {
    this.#open.epoch = epoch
    const earlier = this.#segments.at(-2)
    if (earlier !== undefined && earlier.changes.length > 0) this.#compaction = new Compaction(earlier)
    this.#open = new Segment()
    this.#segments.push(this.#open)
  }
  /** A slice of it, so that a large epoch does not hold the event loop. @returns whether more is left */
  compactNext(): boolean {
    if (this.#compaction?.next() === true) return true
    this.#compaction = null
    return false
  }

  /**
   * Everything from segment `index` on is reverted, and a new segment is open in its place. Repeat `rewindNext` after it
   * until it says no: that puts the cells back.
   */
  rewind(index: number): void {
    this.#noteAll()
    for (const segment of this.#segments.splice(index)) {
      segment.isReverted = true
      this.#undone.push(this.#take(segment))
    }
    this.#open = new Segment()
    this.#segments.push(this.#open)
  }
  /** Puts a slice of the reverted cells back, newest first. @returns whether more is left */
  rewindNext(): boolean {
    for (let left = changesASlice; left > 0; left -= 1) {
      const undone = this.#undone.at(-1)
      if (undone === undefined) break
      const change = undone.changes.pop()
      const page = change === undefined ? undone.pages.pop() : undefined
      if (page !== undefined) undone.changes = this.#spill.take(page)
      else if (change === undefined) this.#undone.pop()
      else if (change.table.survivesRewind) this.#kept.push(change)
      else change.table.restore(change.cell, change.sub, change.previous)
    }
    if (this.#undone.length > 0) return true
    for (let change = this.#kept.pop(); change !== undefined; change = this.#kept.pop()) this.#open.changes.push(change)
    return false
  }

  /**
   * The first `count` segments are final. Repeat `finalizeNext` after it until it says no: that makes their cells due for
   * the next checkpoint.
   */
  finalize(count: number): void {
    this.#noteAll()
    this.#compaction = null
    for (const segment of this.#segments.splice(0, count)) this.#final.push(this.#take(segment))
  }
  /** Tells a slice of the final cells to their tables and drops its undo. @returns whether more is left */
  finalizeNext(): boolean {
    const [final] = this.#final
    if (final === undefined) return false
    const { changes, pages } = final
    const end = Math.min(this.#finalAt + changesASlice, changes.length)
    for (; this.#finalAt < end; this.#finalAt += 1) {
      const change = changes[this.#finalAt]
      change?.table.touch(change.cell, change.sub, change.previous)
    }
    if (end < changes.length) return true
    this.#finalAt = 0
    const page = pages.shift()
    if (page === undefined) this.#final.shift()
    else final.changes = this.#spill.take(page)
    return this.#final.length > 0
  }

  /**
   * Moves the changes of the oldest segments to the store until at most `max` sealed ones are in memory. Call it between
   * steps, and fold on only when it is done.
   */
  async spill(max: number, store: SpillStore): Promise<void> {
    const excess = this.#segments.slice(this.#spilledSegments, Math.max(this.sealedSegments - max, 0))
    for (const segment of excess) {
      const pages = await this.#spill.write(segment.changes, store)
      // Noted again it would hold the event loop: who has noted all before goes on without a turn.
      segment.noted = isNoted(segment) ? pages.length : 0
      segment.pages = pages
      segment.changes = []
      this.#spilledSegments += 1
    }
    if (this.#spill.hasStale) await this.#spill.dropStale(store)
  }
  attach(readSpill: SpillStore['readSpill']): void {
    this.#spill.attach(readSpill)
  }
  /** What a segment that leaves the log held. */
  #take(segment: Segment): Undone {
    const { changes, pages } = segment
    if (pages !== null) this.#spilledSegments -= 1
    segment.changes = []
    segment.pages = null
    return { changes, pages: [...(pages ?? [])] }
  }

  /**
   * A checkpoint of the state as of the oldest mark begins. What its cells were then is told to their tables by
   * `noteNext`, which must have said that nothing is left before a cell is taken, and again after the fold has gone on.
   */
  beginNotes(): void {
    this.#isNoting = true
    for (const segment of this.#segments) segment.noted = 0
  }
  /** A slice of it. @returns whether more is left */
  noteNext(): boolean {
    let left = changesASlice
    for (const segment of this.#segments) {
      const { changes, pages } = segment
      if (pages !== null) {
        for (; segment.noted < pages.length; segment.noted += 1) {
          if (left <= 0) return true
          const page = this.#spill.read(pages[segment.noted] ?? '')
          left -= page.length
          for (const { table, cell, sub, previous } of page) table.note(cell, sub, previous)
        }
        continue
      }
      for (; segment.noted < changes.length; segment.noted += 1) {
        if (left <= 0) return true
        left -= 1
        const change = changes[segment.noted]
        change?.table.note(change.cell, change.sub, change.previous)
      }
    }
    for (; this.#open.noted < this.#recorded; this.#open.noted += 1) {
      const change = this.#ofElement[this.#open.noted]
      change?.table.note(change.cell, change.sub, change.previous)
    }
    return false
  }
  endNotes(): void {
    this.#isNoting = false
  }
  // What leaves the segments is no longer found by `noteNext`.
  #noteAll(): void {
    while (this.#isNoting && this.noteNext());
  }
}

/** The checkpoint in hand knows all of a segment that is in memory. */
const isNoted = ({ noted, changes }: Segment): boolean => noted === changes.length

/** What is put back, or told to be final: the changes in hand, and the pages that come before or after them. */
interface Undone {
  changes: Change[]
  readonly pages: string[]
}

/** An element seldom changes more: places for them that are kept hold on to what it changed. */
const mostPlaces = 64

/** Changes handled between two looks at the time: some tenths of a millisecond. */
const changesASlice = 500

/** Only the first change of a cell in an epoch tells what it was before: memory grows with the keys, not with updates. */
class Compaction {
  readonly #segment: Segment
  readonly #first: Change[] = []
  readonly #seen = new Map<Journaled, Map<CellRef, Set<string | number | null>>>()
  #at = 0

  constructor(segment: Segment) {
    this.#segment = segment
  }

  next(): boolean {
    const { changes } = this.#segment
    const end = Math.min(this.#at + changesASlice, changes.length)
    for (; this.#at < end; this.#at += 1) {
      const change = changes[this.#at]
      if (change === undefined) break
      const cells = getOrAdd(this.#seen, change.table, () => new Map<CellRef, Set<string | number | null>>())
      const subs = getOrAdd(cells, change.cell, () => new Set<string | number | null>())
      if (subs.size !== subs.add(change.sub).size) this.#first.push(change)
    }
    if (end < changes.length) return true
    this.#segment.noted = isNoted(this.#segment) ? this.#first.length : 0 // that a cell is noted again changes nothing
    this.#segment.changes = this.#first
    return false
  }
}

const getOrAdd = <K, V>(map: Map<K, V>, key: K, create: () => V): V => {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const created = create()
  map.set(key, created)
  return created
}
