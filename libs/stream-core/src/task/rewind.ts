/** What can be put back: a table of cells, each named by a key and, in nested tables, a second key. */
export interface Journaled {
  /** Puts the cell back to `previous` (`undefined`: absent) without recording it. */
  restore(key: string, sub: string | number | null, previous: unknown): void
  /**
   * A change of the cell, which was `previous` before, is no longer subject to undo: a checkpoint to come must write it.
   * Changes come in order, so the first since a checkpoint says what that checkpoint holds.
   */
  touch(key: string, sub: string | number | null, previous: unknown): void
  /** A sink's memory of revisions: what was sent cannot be unsent, so a rewind leaves it, and a checkpoint dates it. */
  readonly survivesRewind: boolean
}

interface Change {
  readonly table: Journaled
  readonly key: string
  readonly sub: string | number | null
  readonly previous: unknown
}

/** The stretch of the fold after a mark, until the next; an epoch once it is sealed. */
export class Segment {
  epoch: number | null = null
  isReverted = false
  changes: Change[] = []
}

/** First previous value of each cell since a mark: what it was then. */
export type ValuesAsOf = ReadonlyMap<Journaled, ReadonlyMap<string, ReadonlyMap<string | number | null, unknown>>>

/**
 * The previous values of cells, newest last, by segment. Values are immutable, so a previous value is a reference.
 * It serves three ways: an element that fails is rolled back, a reverted epoch is rewound, and a checkpoint takes the
 * values as of its mark although the fold has gone on. Without epochs nothing outlives the element.
 */
export class UndoLog {
  readonly #hasEpochs: boolean
  readonly #segments: Segment[] = [new Segment()]
  #open: Segment

  constructor(hasEpochs: boolean) {
    this.#hasEpochs = hasEpochs
    this.#open = this.#segments[0] ?? new Segment()
  }

  get open(): Segment {
    return this.#open
  }
  get sealedSegments(): number {
    return this.#segments.length - 1
  }
  get position(): number {
    return this.#open.changes.length
  }
  get size(): number {
    return this.#segments.reduce((size, { changes }) => size + changes.length, 0)
  }

  record(table: Journaled, key: string, sub: string | number | null, previous: unknown): void {
    this.#open.changes.push({ table, key, sub, previous })
  }

  /** Puts back all that changed since `position` of the open segment, newest first: what one element did. */
  rollback(position: number): void {
    const { changes } = this.#open
    while (changes.length > position) {
      const change = changes.pop()
      change?.table.restore(change.key, change.sub, change.previous)
    }
  }

  /** The element is done. Without epochs it can no longer be undone. */
  settle(): void {
    if (this.#hasEpochs) return
    const { changes } = this.#open
    if (changes.length === 0) return
    for (const { table, key, sub, previous } of changes) table.touch(key, sub, previous)
    changes.length = 0
  }

  /** Ends the open segment as `epoch` and opens the next. */
  seal(epoch: number): void {
    this.#open.epoch = epoch
    const earlier = this.#segments.at(-2)
    if (earlier !== undefined) earlier.changes = firstChanges(earlier.changes)
    this.#open = new Segment()
    this.#segments.push(this.#open)
  }

  /** Puts back everything from segment `index` on, newest first, and opens it anew. */
  rewind(index: number): void {
    const undone = this.#segments.splice(index)
    const kept: Change[] = []
    for (const segment of undone.reverse()) {
      segment.isReverted = true
      for (const change of segment.changes.reverse()) {
        if (change.table.survivesRewind) kept.push(change)
        else change.table.restore(change.key, change.sub, change.previous)
      }
      segment.changes = []
    }
    this.#open = new Segment()
    this.#open.changes = kept.reverse()
    this.#segments.push(this.#open)
  }

  /** The first `count` segments are final: their undo is dropped and their cells are due for the next checkpoint. */
  finalize(count: number): void {
    for (const { changes } of this.#segments.splice(0, count)) {
      for (const { table, key, sub, previous } of changes) table.touch(key, sub, previous)
    }
  }

  /** What the cells changed since the oldest mark were then. */
  valuesAsOfBase(): ValuesAsOf {
    const tables = new Map<Journaled, Map<string, Map<string | number | null, unknown>>>()
    for (const { changes } of this.#segments) {
      for (const { table, key, sub, previous } of changes) {
        const keys = getOrAdd(tables, table, () => new Map<string, Map<string | number | null, unknown>>())
        const subs = getOrAdd(keys, key, () => new Map<string | number | null, unknown>())
        if (!subs.has(sub)) subs.set(sub, previous)
      }
    }
    return tables
  }
}

// Only the first change of a cell in an epoch tells what it was before: memory grows with the keys, not with updates.
const firstChanges = (changes: readonly Change[]): Change[] => {
  const seen = new Map<Journaled, Map<string, Set<string | number | null>>>()
  return changes.filter(({ table, key, sub }) => {
    const keys = getOrAdd(seen, table, () => new Map<string, Set<string | number | null>>())
    const subs = getOrAdd(keys, key, () => new Set<string | number | null>())
    return subs.size !== subs.add(sub).size
  })
}

const getOrAdd = <K, V>(map: Map<K, V>, key: K, create: () => V): V => {
  const existing = map.get(key)
  if (existing !== undefined) return existing
  const created = create()
  map.set(key, created)
  return created
}
