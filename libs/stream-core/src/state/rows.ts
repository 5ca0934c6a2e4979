import { Generations } from './generations.ts'

/** So many tables share rows: what they have of a key are fields of its row, as each further object is read from far off. */
const tablesARow = 4

/** Of a row that was dropped. */
const noGeneration = -1

/** A key in memory, with what each table has of it and its mark among what changed. What is read together lies together. */
export class Row {
  readonly key: string
  /** Of its rows when it was last found: while that goes on, it is in memory unless it was dropped. */
  generation: number
  /**
   * A bit for each table: memory knows what it has of the key, if only that it has nothing. A value that stands for "not
   * known" would cost a look at each value that is compared with it, and values lie far off.
   */
  known = 0
  value0: unknown = undefined
  mark0 = 0
  value1: unknown = undefined
  mark1 = 0
  value2: unknown = undefined
  mark2 = 0
  value3: unknown = undefined
  mark3 = 0

  constructor(key: string, generation: number) {
    this.key = key
    this.generation = generation
  }
  /** Memory may have another row of the key by now. */
  get isDropped(): boolean {
    return this.generation === noGeneration
  }
  drop(): void {
    this.generation = noGeneration
  }
}

/** What one table has of a row. */
export class Column {
  readonly #number: number
  readonly #bit: number
  constructor(number: number) {
    this.#number = number
    this.#bit = 1 << number
  }

  get isFirst(): boolean {
    return this.#number === 0
  }
  /** Memory knows what the table has of it. */
  isKnown(row: Row): boolean {
    return (row.known & this.#bit) !== 0
  }
  /** Undefined also where that is not known. */
  valueOf(row: Row): unknown {
    switch (this.#number) {
      case 0:
        return row.value0
      case 1:
        return row.value1
      case 2:
        return row.value2
      default:
        return row.value3
    }
  }
  setValue(row: Row, value: unknown): void {
    row.known |= this.#bit
    this.#write(row, value)
  }
  /** Memory does not know it any more. */
  forget(row: Row): void {
    row.known &= ~this.#bit
    this.#write(row, undefined)
  }
  #write(row: Row, value: unknown): void {
    switch (this.#number) {
      case 0:
        row.value0 = value
        break
      case 1:
        row.value1 = value
        break
      case 2:
        row.value2 = value
        break
      default:
        row.value3 = value
    }
  }
  /** As `ChangeMarks`. */
  markOf(row: Row): number {
    switch (this.#number) {
      case 0:
        return row.mark0
      case 1:
        return row.mark1
      case 2:
        return row.mark2
      default:
        return row.mark3
    }
  }
  setMark(row: Row, mark: number): void {
    switch (this.#number) {
      case 0:
        row.mark0 = mark
        break
      case 1:
        row.mark1 = mark
        break
      case 2:
        row.mark2 = mark
        break
      default:
        row.mark3 = mark
    }
  }
}

/** The keys of one or several tables in memory: what is asked of several states of a key costs one lookup. */
export class Rows {
  readonly #rows = new Generations<Row>()
  #generation = 0
  #tables = 0
  /** What part of the rows the last eviction left. */
  #kept = 1

  get isFull(): boolean {
    return this.#tables === tablesARow
  }
  /** For a table that begins to share them. */
  addColumn(): Column {
    if (this.isFull) throw new Error('assertion: the rows have no room for another table')
    this.#tables += 1
    return new Column(this.#tables - 1)
  }
  find(key: string): Row | undefined {
    const row = this.#rows.get(key) as Row | undefined // none is ever set to be absent
    if (row === undefined) return undefined
    if (row.generation !== this.#generation) row.generation = this.#generation // what is only read stays clean
    return row
  }
  /** The row of the key that was asked for last, so that a timer of it can hold it. */
  inHand(key: string): Row | null {
    return (this.#rows.lastOf(key) as Row | undefined) ?? null // as in `find`
  }
  /** The next to be asked for is a row that someone has held: it is found without a lookup, if it is still the key's. */
  recall(row: Row): void {
    if (row.generation === this.#generation) this.#rows.recall(row.key, row)
  }
  add(key: string): Row {
    const row = new Row(key, this.#generation)
    this.#rows.set(key, row)
    return row
  }
  /** If no table has anything of it. */
  dropEmpty(row: Row): void {
    if (row.known !== 0) return
    row.drop()
    this.#rows.delete(row.key)
  }
  *[Symbol.iterator](): Generator<Row> {
    for (const [, row] of this.#rows.entries()) yield row
  }

  /** Each table that shares them says so, and the first is heard. */
  startGeneration(column: Column): void {
    if (!column.isFirst) return
    this.#rows.start()
    this.#generation += 1
  }
  /** Likewise. @returns what part of the rows is left */
  dropUnused(column: Column): number {
    if (column.isFirst) {
      const before = this.#rows.size
      this.#rows.dropOld()
      this.#kept = before === 0 ? 1 : this.#rows.size / before
    }
    return this.#kept
  }
}
