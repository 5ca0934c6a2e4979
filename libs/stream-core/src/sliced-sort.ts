/** Sorted at once, or merged between two looks at the time: some tenths of a millisecond. */
export const valuesASlice = 1024

/**
 * A merge sort that can be left and taken up again, so that very many values do not hold the event loop. Stable; costs
 * about what `Array.sort` does. Repeat `next` until it says no, then read `sorted`.
 */
export class SlicedSort<T> {
  readonly #isAfter: (a: T, b: T) => boolean
  /** Of what is still to be taken up; null when all is. */
  #source: Iterator<T> | null
  #values: T[] = []
  #merged: T[] = []
  /** Length of the stretches that are in order. */
  #run = valuesASlice
  /** Of the two stretches that are being merged: where they begin, and how far each has come. */
  #start = 0
  #left = 0
  #right = 0

  /** `values` are taken up slice by slice, so they must stay as they are until all is sorted. */
  constructor(values: Iterable<T>, isAfter: (a: T, b: T) => boolean) {
    this.#source = values[Symbol.iterator]()
    this.#isAfter = isAfter
  }

  /** The caller's, once `next` has said no. */
  get sorted(): T[] {
    return this.#values
  }

  /** Does a slice. @returns whether more is left */
  next(): boolean {
    if (this.#source !== null) {
      if (!this.#sortSlice(this.#source)) return true
      this.#source = null
      this.#beginAt(0)
      return this.#run < this.#values.length
    }
    const { length } = this.#values
    if (this.#run >= length) return false
    for (let left = valuesASlice; left > 0 && this.#merged.length < length; left -= 1) this.#mergeOne()
    if (this.#merged.length < length) return true
    this.#values = this.#merged
    this.#merged = []
    this.#run = 2 * this.#run
    this.#beginAt(0)
    return this.#run < length
  }

  /** @returns whether it was the last */
  #sortSlice(source: Iterator<T>): boolean {
    const slice: T[] = []
    let isLast = false
    while (!isLast && slice.length < valuesASlice) {
      const next = source.next()
      if (next.done === true) isLast = true
      else slice.push(next.value)
    }
    slice.sort((a, b) => (this.#isAfter(a, b) ? 1 : this.#isAfter(b, a) ? -1 : 0))
    for (const value of slice) this.#values.push(value)
    return isLast
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
