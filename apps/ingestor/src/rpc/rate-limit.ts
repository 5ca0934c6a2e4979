const windowMs = 1000
const firstPauseMs = 1000
const longestPauseMs = 60_000
/** Of the calls that were too many in a second, so many are made in one from then on. */
const backTo = 0.7
/** And each second without a refusal so many more. */
const growth = 1.05

/**
 * How often an endpoint may be asked, learned from its refusals (HTTP 429 and the like). A refusal is a pause: as long
 * as Retry-After says, else 1 s, and twice as long with each one that follows without an answer between. After it, calls
 * are spaced to 70 % of what was too much, and by 5 % a second closer again until the next refusal. All times in ms.
 */
export class RateLimit {
  #pausedUntil = 0
  #pauses = 0
  /** Calls a second; no limit is known at first. */
  #pace = Infinity
  #paceSince = 0
  #nextAt = 0
  #sent: { readonly at: number; readonly calls: number }[] = []

  /** How long the endpoint asked not to be asked; 0 where it may be. */
  pauseMs(now: number): number {
    return Math.max(0, this.#pausedUntil - now)
  }

  /** How long to wait before the next call: a pause, or the pace that was learned. */
  waitMs(now: number): number {
    return Math.max(this.pauseMs(now), Math.ceil(this.#nextAt - now), 0)
  }

  sent(now: number, calls: number): void {
    this.#sent = [...this.#sent.filter(({ at }) => at > now - windowMs), { at: now, calls }]
    const pace = this.#paceAt(now)
    if (Number.isFinite(pace)) this.#nextAt = Math.max(now, this.#nextAt) + (calls * 1000) / pace
  }

  answered(): void {
    this.#pauses = 0
  }

  refused(now: number, retryAfterMs: number | null): void {
    // Of calls that were under way when the pause began: the same refusal, told again.
    if (now < this.#pausedUntil) {
      this.#pausedUntil = Math.max(this.#pausedUntil, now + (retryAfterMs ?? 0))
      this.#nextAt = this.#pausedUntil
      return
    }
    const tooMany = this.#sent.filter(({ at }) => at > now - windowMs).reduce((sum, { calls }) => sum + calls, 0)
    this.#pace = Math.max(1, Math.min(this.#paceAt(now), tooMany) * backTo)
    this.#paceSince = now
    const pause = retryAfterMs ?? Math.min(longestPauseMs, firstPauseMs * 2 ** this.#pauses)
    this.#pauses += 1
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pause)
    this.#nextAt = this.#pausedUntil
  }

  #paceAt(now: number): number {
    return this.#pace * growth ** (Math.max(0, now - this.#paceSince) / 1000)
  }
}
