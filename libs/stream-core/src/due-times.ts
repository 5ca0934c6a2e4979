import type { Timestamp } from './time.ts'

/** Distinct times, the earliest first: a binary heap of numbers. */
export class DueTimes {
  #heap: Timestamp[] = []

  get first(): Timestamp | undefined {
    return this.#heap[0]
  }

  /** The caller sees to it that a time is added once until it is taken. */
  add(time: Timestamp): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(time)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || above <= time) break
      heap[at] = above
      at = parent
    }
    heap[at] = time
  }

  /** Only these from now on. */
  replace(times: Iterable<Timestamp>): void {
    this.#heap = [...times].sort((a, b) => a - b) // a sorted array is a heap
  }

  takeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      let below = heap[child]
      const right = heap[child + 1]
      if (below !== undefined && right !== undefined && right < below) {
        child += 1
        below = right
      }
      if (below === undefined || below >= last) break
      heap[at] = below
      at = child
    }
    heap[at] = last
  }
}
