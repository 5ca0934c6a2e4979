/** Sorted at once, or merged between two looks at the time: some tenths of a millisecond. */
export const valuesASlice = 1024

/**
 * A merge sort that can be left and taken up again, so that very many values do not hold the event loop. Stable; costs
 * about what `Array.sort` does. Repeat `next` until it says no, then read `sorted`.
 */
export class SlicedSort<T> {
  readonly #isAfter: (a: T, b: T) => boolean
  #values: readonly T[]
  #merged: T[] = []
  /** Length of the stretches that are in order; 0: none yet. */
  #run = 0
  /** Of the two stretches that are being merged: where they begin, and how far each has come. */
  #start = 0
  #left = 0
  #right = 0

  constructor(values: readonly T[], isAfter: (a: T, b: T) => boolean) {
    this.#values = values
    this.#isAfter = isAfter
  }

  get sorted(): readonly T[] {
    return this.#values
  }

  /** Does a slice. @returns whether more is left */
  next(): boolean {
    const { length } = this.#values
    if (this.#run > 0 && this.#run >= length) return false
    if (this.#run === 0) this.#sortSlice()
    else for (let left = valuesASlice; left > 0 && this.#merged.length < length; left -= 1) this.#mergeOne()
    if (this.#merged.length < length) return true
    this.#values = this.#merged
    this.#merged = []
    this.#run = this.#run === 0 ? valuesASlice : 2 * this.#run
    this.#beginAt(0)
    return this.#run < length
  }

  #sortSlice(): void {
    const from = this.#merged.length
    const slice = this.#values.slice(from, from + valuesASlice)
    slice.sort((a, b) => (this.#isAfter(a, b) ? 1 : this.#isAfter(b, a) ? -1 : 0))
    for (const value of slice) this.#merged.push(value)
  }

  #mergeOne(): void {
    const middle = this.#start + this.#run
    const end = middle + this.#run
    const a = this.#left < middle ? this.#values[this.#left] : undefined
    const b = this.#right < end ? this.#values[this.#right] : undefined
    if (a !== undefined && (b === undefined || !this.#isAfter(a, b))) {
      this.#left += 1
      this.#merged.push(a)
    } else if (b !== undefined) {
      this.#right += 1
      this.#merged.push(b)
    } else throw new Error('A merge went past its end.') // each stretch holds values, and all are counted
    if (this.#merged.length === end) this.#beginAt(end)
  }

  #beginAt(start: number): void {
    this.#start = this.#left = start
    this.#right = start + this.#run
  }
}
