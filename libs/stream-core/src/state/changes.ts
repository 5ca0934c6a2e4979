/**
 * Where a cell in memory keeps its mark: its place in a list of changed cells, and which of the two lists it is, so that
 * nothing but the cell need be looked at; 0 where it is in none.
 */
interface ChangeMarks<Cell> {
  markOf(cell: Cell): number
  setMark(cell: Cell, mark: number): void
}

/** What a checkpoint has to look at of a cell. */
interface DueCell<V, Cell> {
  readonly cell: Cell
  /** What the checkpoint before holds of it. */
  readonly before: V | undefined
  /** What it was at the beginning of this one. */
  readonly value: V | undefined
}

/**
 * The cells of a table that changed since the last checkpoint, each with what that checkpoint holds of it. Marks lie in
 * the cells, so that the hundredth change of a cell costs no lookup.
 */
export class Changes<V, Cell> {
  readonly #marks: ChangeMarks<Cell>
  #cells: Cell[] = []
  #before: (V | undefined)[] = []
  /** The last bit of the marks of these; those that are due have the other. */
  #list = 0
  /** What these were when the checkpoint in hand began. */
  #due: Cell[] = []
  #dueBefore: (V | undefined)[] = []
  /** Of those that are due and changed since: what they were. Null: no checkpoint is in hand. */
  #notes: Map<Cell, V | undefined> | null = null
  /** That the checkpoint in hand does not hold: until it is durable only memory says so. */
  #gone = new Set<Cell>()

  constructor(marks: ChangeMarks<Cell>) {
    this.#marks = marks
  }

  get size(): number {
    return this.#cells.length
  }
  /** The next checkpoint has to look at it. */
  has(cell: Cell): boolean {
    return this.#isIn(this.#list, this.#marks.markOf(cell))
  }
  /** That one, or the one in hand. */
  isDue(cell: Cell): boolean {
    return this.#marks.markOf(cell) !== 0
  }
  /** As `Journaled.touch`. */
  touch(cell: Cell, previous: V | undefined): void {
    if (this.has(cell)) return
    this.note(cell, previous)
    this.#before.push(previous)
    this.#marks.setMark(cell, this.#markAt(this.#cells.push(cell) - 1))
  }
  /** As `Journaled.note`. */
  note(cell: Cell, previous: V | undefined): void {
    const notes = this.#notes
    if (notes === null || !this.#isIn(this.#list ^ 1, this.#marks.markOf(cell)) || notes.has(cell)) return
    notes.set(cell, previous)
  }

  /** Of a cell that is absent: it came and went since the last checkpoint, so that none comes upon it any more. */
  forget(cell: Cell): boolean {
    const mark = this.#marks.markOf(cell)
    const place = (mark >> 1) - 1
    if (!this.#isIn(this.#list, mark) || this.#before[place] !== undefined) return false
    if (this.#notes !== null && (this.#notes.has(cell) || this.#gone.has(cell))) return false // there is a checkpoint in hand
    this.#marks.setMark(cell, 0)
    const last = this.#cells.pop()
    const before = this.#before.pop()
    if (last === undefined || last === cell) return true
    this.#cells[place] = last
    this.#before[place] = before
    this.#marks.setMark(last, mark)
    return true
  }

  begin(): void {
    this.#due = this.#cells
    this.#dueBefore = this.#before
    this.#cells = []
    this.#before = []
    this.#list ^= 1
    this.#notes = new Map()
  }
  /** `valueOf` says what a cell is now. Once it is taken, what becomes of a cell is no longer noted. */
  *due(valueOf: (cell: Cell) => V | undefined): Generator<DueCell<V, Cell>> {
    let at = 0
    for (const cell of this.#due) {
      const value = this.#notes?.has(cell) === true ? this.#notes.get(cell) : valueOf(cell)
      if (!this.has(cell)) this.#marks.setMark(cell, 0)
      if (value === undefined) this.#gone.add(cell)
      yield { cell, before: this.#dueBefore[at], value }
      at += 1
    }
  }
  /** What is not durable is due again; what is was all taken. @returns the cells that what is durable does not hold */
  end(isDurable: boolean): Iterable<Cell> {
    const due = this.#due
    const before = this.#dueBefore
    const gone = this.#gone
    this.#due = []
    this.#dueBefore = []
    this.#notes = null
    this.#gone = new Set()
    if (isDurable) return gone
    const isDue = new Set(due)
    for (const [index, cell] of this.#cells.entries()) {
      if (isDue.has(cell)) continue
      due.push(cell)
      before.push(this.#before[index])
    }
    for (const [index, cell] of due.entries()) this.#marks.setMark(cell, this.#markAt(index))
    this.#cells = due
    this.#before = before
    return []
  }

  #markAt(place: number): number {
    return ((place + 1) << 1) | this.#list
  }
  #isIn(list: number, mark: number): boolean {
    return mark !== 0 && (mark & 1) === list
  }
}
