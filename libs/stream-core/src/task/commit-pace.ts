/** At most this part of the time goes into commits while there is more to fold than time to fold it. */
const commitShare = 0.1
/** And outputs never wait longer than so many intervals. */
const longestIntervals = 40
/** How fast the measure follows: about the last five commits count. */
const smoothing = 0.2

/**
 * When outputs are committed. Live, when the task has caught up with its inputs, `intervalMs` after the last commit was
 * begun, or at once if that is over: what comes while a commit is on its way does not wait for it and then for a whole
 * interval, and what comes alone waits for nothing. Under load a record waits in the log far longer than for its commit,
 * and a commit costs about the same for ten outputs as for ten thousand; so outputs wait until commits take a tenth of the
 * time, at most forty intervals.
 */
export class CommitPace {
  readonly #intervalMs: number
  #beganAt: number
  #durationMs = 0

  /** `now`: when the task was opened, as if it had committed then. */
  constructor(intervalMs: number, now: number) {
    this.#intervalMs = intervalMs
    this.#beganAt = now
  }

  /** A commit is begun. */
  began(now: number): void {
    this.#beganAt = now
  }
  /** A commit took so long. */
  took(durationMs: number): void {
    this.#durationMs += smoothing * (durationMs - this.#durationMs)
  }

  /** When outputs that wait since `pendingSince` are due. `isBehind`: there is more to fold than has been folded. */
  dueAt(pendingSince: number, isBehind: boolean): number {
    if (!isBehind) return Math.min(this.#beganAt, pendingSince) + this.#intervalMs
    const paying = this.#durationMs * (1 / commitShare - 1)
    return pendingSince + Math.min(Math.max(paying, this.#intervalMs), longestIntervals * this.#intervalMs)
  }
}
