const halfLifeMs = 30_000
/** What each failure takes. A lie is dearer than silence: silence costs time only. */
const penalties = { unavailable: 0.2, 'wrong-answer': 0.35, distrusted: 0.6 } as const
/** An answer leaves so much of what was taken. */
const forgiven = 0.9
const unwellBelow = 0.5
const wellFrom = 0.9

export type Failing = keyof typeof penalties

/**
 * How far an endpoint is to be trusted with the next question, 1 at best and 0 at worst. Failures take from it, answers
 * and time give it back (half of what is missing in 30 s), so that an endpoint that was left aside is tried again.
 */
export class HealthScore {
  #missing = 0
  #at = 0
  #isUnwell = false

  at(now: number): number {
    return 1 - this.#missingAt(now)
  }

  /** Whether others are asked first. */
  isLow(now: number): boolean {
    return this.at(now) < unwellBelow
  }

  /** Goes below a half before it is so, and above nine tenths before it is over: what an operator is told once. */
  isUnwell(now: number): boolean {
    if (this.isLow(now)) this.#isUnwell = true
    if (this.at(now) >= wellFrom) this.#isUnwell = false
    return this.#isUnwell
  }

  answered(now: number): void {
    this.#set(now, this.#missingAt(now) * forgiven)
  }

  failed(now: number, how: Failing): void {
    this.#set(now, Math.min(1, this.#missingAt(now) + penalties[how]))
    this.isUnwell(now)
  }

  #missingAt(now: number): number {
    return this.#missing * 2 ** (-Math.max(0, now - this.#at) / halfLifeMs)
  }

  #set(now: number, missing: number): void {
    this.#missing = missing
    this.#at = now
  }
}
