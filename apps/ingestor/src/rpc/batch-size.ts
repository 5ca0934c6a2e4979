const largest = 64
/** Full batches at the largest size that is known to work, before one more is tried. */
const firstPatience = 32
const longestPatience = 4096

/**
 * How many calls an endpoint takes in one request, learned from its answers. A batch that is too large halves it; each
 * full batch that is answered adds one again, up to just below the size that was refused. That size is tried again after
 * 32 full batches, and after twice as many each time it is refused anew: one answer may have been too large for what was
 * in it, while a node that takes 20 calls at once takes no more tomorrow.
 */
export class BatchSize {
  #limit = largest
  /** The smallest size that was refused, as far as it is still believed. */
  #refused = Infinity
  #patience = firstPatience
  #full = 0

  get limit(): number {
    return this.#limit
  }

  tooLarge(sent: number): void {
    // Others of the same size may still be under way: only the one that was tried on purpose says something new.
    if (sent === this.#limit && sent === this.#refused) this.#patience = Math.min(longestPatience, this.#patience * 2)
    this.#refused = Math.max(2, Math.min(this.#refused, sent))
    this.#limit = Math.max(1, Math.min(this.#limit, Math.floor(sent / 2)))
    this.#full = 0
  }

  /** All of so many were answered in one request; a call alone is a batch of one. */
  answered(sent: number): void {
    if (sent < this.#limit || this.#limit === largest) return
    if (sent >= this.#refused) {
      this.#refused = Infinity
      this.#patience = firstPatience
    }
    if (this.#limit + 1 >= this.#refused && ++this.#full < this.#patience) return
    this.#full = 0
    this.#limit++
  }
}
