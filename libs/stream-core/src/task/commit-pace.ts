/** At most this part of the time goes into commits while there is more to fold than time to fold it. */
const commitShare = 0.1
/** And outputs never wait longer than so many intervals. */
const longestIntervals = 40
/** How fast the measure follows: about the last five commits count. */
const smoothing = 0.2

/**
 * How long outputs wait for their commit. Live, when the task has caught up with its inputs, `intervalMs`: that is the
 * latency. Under load a record waits in the log far longer than for its commit, and a commit costs about the same for
 * ten outputs as for ten thousand; so the interval grows until commits take a tenth of the time, at most forty-fold.
 */
export class CommitPace {
  readonly #intervalMs: number
  #durationMs = 0

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** A commit took so long. */
  took(durationMs: number): void {
    this.#durationMs += smoothing * (durationMs - this.#durationMs)
  }

  /** `isBehind`: there is more to fold than has been folded. */
  intervalMs(isBehind: boolean): number {
    if (!isBehind) return this.#intervalMs
    const paying = this.#durationMs * (1 / commitShare - 1)
    return Math.min(Math.max(paying, this.#intervalMs), longestIntervals * this.#intervalMs)
  }
}
