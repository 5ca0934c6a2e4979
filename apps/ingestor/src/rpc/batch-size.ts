const largest = 64

/**
 * How many calls an endpoint takes in one request, learned from its answers: a batch that is too large halves it, each
 * full batch that is answered adds one again.
 */
export class BatchSize {
  #limit = largest

  get limit(): number {
    return this.#limit
  }

  tooLarge(sent: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, Math.floor(sent / 2)))
  }

  answered(sent: number): void {
    if (sent >= this.#limit) this.#limit = Math.min(largest, this.#limit + 1)
  }
}
