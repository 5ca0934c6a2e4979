import type { Timestamp } from '../time.ts'

/** An element, and its number in the order of arrival. */
export interface Waiting<T> {
  readonly time: Timestamp
  readonly arrival: number
  readonly value: T
}

/**
 * Elements by time, then by arrival. They come almost in that order and leave in it, so they are a list that grows at its
 * end and whose head moves on. It is packed as columns: an element has no object of its own, and times lie side by side.
 */
export class WaitingElements<T> {
  #times: Timestamp[] = []
  #arrivals: number[] = []
  #values: T[] = []
  /** Before it is what left; it may come back. */
  #head = 0

  get size(): number {
    return this.#times.length - this.#head
  }
  get first(): Waiting<T> | undefined {
    return this.at(this.#head)
  }
  /** Of use from an index that `indexFrom` tells, until something changes; so are `values` and `at`. */
  get times(): readonly Timestamp[] {
    return this.#times
  }
  get values(): readonly T[] {
    return this.#values
  }
  at(index: number): Waiting<T> | undefined {
    const time = this.#times[index]
    const arrival = this.#arrivals[index]
    if (time === undefined || arrival === undefined) return undefined
    return { time, arrival, value: this.#values[index] as T } // the columns are of one length
  }
  /** Of the first at or after `time`. */
  indexFrom(time: Timestamp): number {
    const times = this.#times
    let low = this.#head
    let high = times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = times[middle]
      if (at !== undefined && at < time) low = middle + 1
      else high = middle
    }
    return low
  }
  /** Of the last, if any is there. */
  get lastTime(): Timestamp | undefined {
    return this.size === 0 ? undefined : this.#times[this.#times.length - 1]
  }
  *[Symbol.iterator](): Generator<Waiting<T>> {
    for (let index = this.#head; ; index += 1) {
      const element = this.at(index)
      if (element === undefined) return
      yield element
    }
  }

  /** Behind those of its time: it arrived last. */
  add(time: Timestamp, arrival: number, value: T): void {
    const last = this.lastTime
    if (last === undefined || last <= time) this.#push(time, arrival, value)
    else this.#splice(this.indexFrom(time + 1), time, arrival, value)
  }
  /** In its place by arrival too; nothing comes of it where it is there already. */
  insert({ time, arrival, value }: Waiting<T>): void {
    let at = this.#times.length
    // Most come in order. Of the others most are there, or not far from the end of their time.
    while (at > this.#head && this.#isAfter(at - 1, time, arrival)) at = Math.min(at - 1, this.indexFrom(time + 1))
    if (at > this.#head && this.#times[at - 1] === time && this.#arrivals[at - 1] === arrival) return
    if (at === this.#times.length) this.#push(time, arrival, value)
    else this.#splice(at, time, arrival, value)
  }
  remove(time: Timestamp, arrival: number): void {
    const arrivals = this.#arrivals
    if (arrivals[arrivals.length - 1] === arrival) {
      this.#times.pop()
      arrivals.pop()
      this.#values.pop()
      return
    }
    for (let at = this.indexFrom(time); this.#times[at] === time; at += 1) {
      if (arrivals[at] !== arrival) continue
      this.#times.splice(at, 1)
      arrivals.splice(at, 1)
      this.#values.splice(at, 1)
      return
    }
  }
  /** Those up to `time` leave. */
  takeUpTo(time: Timestamp): WaitingElements<T> {
    const head = this.#head
    this.#head = this.indexFrom(time + 1)
    const taken = this.#slice(head, this.#head)
    if (this.#head > this.size) {
      this.#times = this.#times.slice(this.#head)
      this.#arrivals = this.#arrivals.slice(this.#head)
      this.#values = this.#values.slice(this.#head)
      this.#head = 0
    }
    return taken
  }
  /** Those that left last come back. */
  putBack(taken: WaitingElements<T>): void {
    const { first, size } = taken
    if (first === undefined) return
    if (this.#head < size) {
      // As much room as there are elements: it lasts, should more come back.
      const room = Math.max(this.size, size)
      const filled = <U>(column: readonly U[], any: U): U[] =>
        Array.from({ length: room }, () => any).concat(column.slice(this.#head))
      this.#times = filled(this.#times, first.time)
      this.#arrivals = filled(this.#arrivals, first.arrival)
      this.#values = filled(this.#values, first.value)
      this.#head = room
    }
    this.#head -= size
    let at = this.#head
    for (const { time, arrival, value } of taken) {
      this.#times[at] = time
      this.#arrivals[at] = arrival
      this.#values[at] = value
      at += 1
    }
  }
  /** Itself, or several of at most `max` elements each. */
  *inParts(max: number): Generator<WaitingElements<T>> {
    if (this.size <= max) {
      if (this.size > 0) yield this
      return
    }
    for (let at = this.#head; at < this.#times.length; at += max) yield this.#slice(at, at + max)
  }

  #push(time: Timestamp, arrival: number, value: T): void {
    this.#times.push(time)
    this.#arrivals.push(arrival)
    this.#values.push(value)
  }
  #splice(at: number, time: Timestamp, arrival: number, value: T): void {
    this.#times.splice(at, 0, time)
    this.#arrivals.splice(at, 0, arrival)
    this.#values.splice(at, 0, value)
  }
  #slice(from: number, to: number): WaitingElements<T> {
    const slice = new WaitingElements<T>()
    slice.#times = this.#times.slice(from, to)
    slice.#arrivals = this.#arrivals.slice(from, to)
    slice.#values = this.#values.slice(from, to)
    return slice
  }
  /** The element at `index` comes after one of `time` and `arrival`. */
  #isAfter(index: number, time: Timestamp, arrival: number): boolean {
    const other = this.#times[index] ?? -Infinity
    return other > time || (other === time && (this.#arrivals[index] ?? -Infinity) > arrival)
  }
}
