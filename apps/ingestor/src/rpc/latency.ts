const remembered = 64
const fewest = 8

/** How long something took of late. */
export class Latency {
  readonly #recent: number[] = []
  #next = 0

  record(ms: number): void {
    this.#recent[this.#next] = ms
    this.#next = (this.#next + 1) % remembered
  }

  /** What 19 of 20 stay below, in ms; null while too few were seen to say. */
  get p95(): number | null {
    if (this.#recent.length < fewest) return null
    const sorted = this.#recent.toSorted((a, b) => a - b)
    return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? null
  }
}
