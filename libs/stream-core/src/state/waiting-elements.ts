import type { Timestamp } from '../time.ts'

/** An element, and its number in the order of arrival. */
export interface Waiting<T> {
  readonly time: Timestamp
  readonly arrival: number
  readonly value: T
}

/**
 * Elements by time, then by arrival. They come almost in that order and leave in it, so they are a list that grows at its
 * end and whose head moves on.
 */
export class WaitingElements<T> {
  #items: Waiting<T>[] = []
  /** Before it is what left; it may come back. */
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }
  get first(): Waiting<T> | undefined {
    return this.#items[this.#head]
  }
  /** Of use from an index that `indexFrom` tells, until something changes. */
  get list(): readonly Waiting<T>[] {
    return this.#items
  }
  /** Of the first in `list` at or after `time`. */
  indexFrom(time: Timestamp): number {
    const items = this.#items
    let low = this.#head
    let high = items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const item = items[middle]
      if (item !== undefined && item.time < time) low = middle + 1
      else high = middle
    }
    return low
  }
  /** Of the last, if any is there. */
  get lastTime(): Timestamp | undefined {
    return this.size === 0 ? undefined : this.#items[this.#items.length - 1]?.time
  }

  /** Behind those of its time: it arrived last. */
  add(item: Waiting<T>): void {
    const items = this.#items
    const last = items.length === this.#head ? undefined : items[items.length - 1]
    if (last === undefined || last.time <= item.time) items.push(item)
    else items.splice(this.indexFrom(item.time + 1), 0, item)
  }
  /** In its place by arrival too; nothing comes of it where it is there already. */
  insert(item: Waiting<T>): void {
    const items = this.#items
    const { time, arrival } = item
    let at = items.length
    // Most come in order. Of the others most are there, or not far from the end of their time.
    while (at > this.#head && isAfter(items[at - 1], time, arrival)) at = Math.min(at - 1, this.indexFrom(time + 1))
    const before = at > this.#head ? items[at - 1] : undefined
    if (before?.time === time && before.arrival === arrival) return
    if (at === items.length) items.push(item)
    else items.splice(at, 0, item)
  }
  remove(time: Timestamp, arrival: number): void {
    const items = this.#items
    if (items[items.length - 1]?.arrival === arrival) {
      items.pop()
      return
    }
    for (let at = this.indexFrom(time); items[at]?.time === time; at += 1) {
      if (items[at]?.arrival !== arrival) continue
      items.splice(at, 1)
      return
    }
  }
  /** Those up to `time` leave. */
  takeUpTo(time: Timestamp): readonly Waiting<T>[] {
    const head = this.#head
    this.#head = this.indexFrom(time + 1)
    const taken = this.#items.slice(head, this.#head)
    if (this.#head > this.size) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return taken
  }
  /** Those that left last come back. */
  putBack(taken: readonly Waiting<T>[]): void {
    const [any] = taken
    if (any === undefined) return
    if (this.#head < taken.length) {
      // As much room as there are elements: it lasts, should more come back.
      const room = Math.max(this.size, taken.length)
      this.#items = Array.from({ length: room }, () => any).concat(this.#items.slice(this.#head))
      this.#head = room
    }
    this.#head -= taken.length
    for (const [index, item] of taken.entries()) this.#items[this.#head + index] = item
  }
}

const isAfter = (item: Waiting<unknown> | undefined, time: Timestamp, arrival: number): boolean =>
  item !== undefined && (item.time > time || (item.time === time && item.arrival > arrival))
