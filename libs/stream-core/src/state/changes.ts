/** Where a cell in memory keeps the stretch between two checkpoints in which it last changed; 0 if it need not be known. */
interface ChangeMarks<Cell> {
  changedIn(cell: Cell): number
  setChangedIn(cell: Cell, stretch: number): void
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
  #stretch = 1
  #cells: Cell[] = []
  #before: (V | undefined)[] = []
  /** What these were when the checkpoint in hand began. */
  #due: Cell[] = []
  #dueBefore: (V | undefined)[] = []
  /** Of those that are due and changed since: what they were. Null: no checkpoint is in hand. */
  #notes: Map<Cell, V | undefined> | null = null

  constructor(marks: ChangeMarks<Cell>) {
    this.#marks = marks
  }

  get size(): number {
    return this.#cells.length
  }
  /** The next checkpoint has to look at it. */
  has(cell: Cell): boolean {
    return this.#marks.changedIn(cell) === this.#stretch
  }
  /** That one, or the one in hand. */
  isDue(cell: Cell): boolean {
    return this.has(cell) || (this.#notes !== null && this.#marks.changedIn(cell) === this.#stretch - 1)
  }
  /** As `Journaled.touch`. */
  touch(cell: Cell, previous: V | undefined): void {
    if (this.has(cell)) return
    this.note(cell, previous)
    this.#marks.setChangedIn(cell, this.#stretch)
    this.#cells.push(cell)
    this.#before.push(previous)
  }
  /** As `Journaled.note`. */
  note(cell: Cell, previous: V | undefined): void {
    const notes = this.#notes
    if (notes === null || this.#marks.changedIn(cell) !== this.#stretch - 1 || notes.has(cell)) return
    notes.set(cell, previous)
  }

  /** Of the changed those that `isSame`: they are again what the last checkpoint holds, and nothing can be undone. */
  forget(isSame: (cell: Cell, before: V | undefined) => boolean): Cell[] {
    const cells = this.#cells
    const before = this.#before
    const forgotten: Cell[] = []
    this.#cells = []
    this.#before = []
    for (const [index, cell] of cells.entries()) {
      if (isSame(cell, before[index])) {
        this.#marks.setChangedIn(cell, 0)
        forgotten.push(cell)
      } else {
        this.#cells.push(cell)
        this.#before.push(before[index])
      }
    }
    return forgotten
  }

  begin(): void {
    this.#due = this.#cells
    this.#dueBefore = this.#before
    this.#cells = []
    this.#before = []
    this.#stretch += 1
    this.#notes = new Map()
  }
  /** `valueOf` says what a cell is now. Once it is taken, what becomes of a cell is no longer noted. */
  *due(valueOf: (cell: Cell) => V | undefined): Generator<DueCell<V, Cell>> {
    for (const [index, cell] of this.#due.entries()) {
      const value = this.#notes?.has(cell) === true ? this.#notes.get(cell) : valueOf(cell)
      if (!this.has(cell)) this.#marks.setChangedIn(cell, 0)
      yield { cell, before: this.#dueBefore[index], value }
    }
  }
  /** What is not durable is due again. */
  end(isDurable: boolean): void {
    const due = this.#due
    const before = this.#dueBefore
    this.#due = []
    this.#dueBefore = []
    this.#notes = null
    if (isDurable) return
    const isDue = new Set(due)
    for (const cell of due) this.#marks.setChangedIn(cell, this.#stretch)
    for (const [index, cell] of this.#cells.entries()) {
      if (isDue.has(cell)) continue
      due.push(cell)
      before.push(this.#before[index])
    }
    this.#cells = due
    this.#before = before
  }
}
