interface Due {
  at: number
  readonly order: number
  readonly resolve: () => void
}

/**
 * Time that passes from one event to the next, for everything that waits. Between two events all that the first set off
 * comes to its next wait: so a run depends on nothing but what it was asked to wait, and is the same each time.
 */
export class VirtualTime {
  #now = 0
  #order = 0
  #events = 0
  readonly #due = new Set<Due>()

  /** In ms from 0. */
  get now(): number {
    return this.#now
  }
  /** How many events there were. */
  get events(): number {
    return this.#events
  }

  /** Resolves in `ms`, or at once when `signal` aborts. Of what is due together, the first asked for comes first. */
  after(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const due: Due = { at: signal?.aborted === true ? this.#now : this.#now + ms, order: this.#order++, resolve }
      this.#due.add(due)
      signal?.addEventListener('abort', () => (due.at = this.#now), { once: true })
    })
  }

  /** @returns false when nothing is left that could ever happen, or `maxEvents` have. */
  async runUntil(isDone: () => boolean, maxEvents: number): Promise<boolean> {
    for (let left = maxEvents; ; left -= 1) {
      // What waits for no event, promises alone, is through when Node turns to its immediates; files take longer.
      do await new Promise((resolve) => setImmediate(resolve))
      while (process.getActiveResourcesInfo().some((resource) => /^FS|^CloseReq$/.test(resource)))
      if (isDone()) return true
      const next = this.#earliest()
      if (next === undefined || left <= 0) return false
      this.#due.delete(next)
      this.#now = Math.max(this.#now, next.at)
      this.#events += 1
      next.resolve()
    }
  }

  #earliest(): Due | undefined {
    let first: Due | undefined
    for (const due of this.#due) {
      if (first === undefined || due.at < first.at || (due.at === first.at && due.order < first.order)) first = due
    }
    return first
  }
}
