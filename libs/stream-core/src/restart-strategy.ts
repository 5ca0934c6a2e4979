import type { DurationMs } from './time.ts'

/**
 * What a job does when it fails with an error that may pass: it is closed, and after a wait restored from its last
 * checkpoint and commit. Errors with `handling: 'stop'` (a replay that differs, state that does not match or is lost, a
 * newer owner) end it for good under any strategy. Source: Flink's restart-strategy options and their defaults.
 */
export type RestartStrategy =
  | {
      readonly type: 'exponential-delay'
      /** Wait before the first restart. Default 1 s. */
      readonly initialBackoffMs?: DurationMs
      /** Default 1 min. */
      readonly maxBackoffMs?: DurationMs
      /** Each wait is so many times the one before. Default 1.5. */
      readonly backoffMultiplier?: number
      /** After running so long without a failure, waits begin anew. Default 1 h. */
      readonly resetBackoffThresholdMs?: DurationMs
      /** Part of a wait by which it is made longer or shorter at random. Default 0.1. */
      readonly jitterFactor?: number
    }
  | {
      readonly type: 'fixed-delay'
      /** Restarts before the job fails for good. */
      readonly attempts: number
      readonly delayMs: DurationMs
    }
  | { readonly type: 'none' }

export const defaultRestartStrategy: RestartStrategy = { type: 'exponential-delay' }

const second = 1000
const hour = 3600 * second

/** How a strategy decides, failure by failure. */
export class RestartBackoff {
  readonly #strategy: RestartStrategy
  readonly #random: () => number
  #attempts = 0
  #backoff: DurationMs | null = null

  /** `random` gives numbers in [0, 1). */
  constructor(strategy: RestartStrategy, random: () => number) {
    this.#strategy = strategy
    this.#random = random
  }

  /** Restarts that were granted, since the waits last began anew. */
  get attempts(): number {
    return this.#attempts
  }

  /** It failed after it had run for `ranMs`. @returns how long to wait before the restart; null: not again */
  next(ranMs: DurationMs): DurationMs | null {
    const strategy = this.#strategy
    if (strategy.type === 'none') return null
    if (strategy.type === 'fixed-delay') {
      if (this.#attempts >= strategy.attempts) return null
      this.#attempts += 1
      return strategy.delayMs
    }
    const { initialBackoffMs = second, maxBackoffMs = 60 * second, backoffMultiplier = 1.5 } = strategy
    const { resetBackoffThresholdMs = hour, jitterFactor = 0.1 } = strategy
    if (ranMs >= resetBackoffThresholdMs) {
      this.#attempts = 0
      this.#backoff = null
    }
    this.#attempts += 1
    this.#backoff = Math.min(
      this.#backoff === null ? initialBackoffMs : this.#backoff * backoffMultiplier,
      maxBackoffMs,
    )
    // Jobs that fail together do not come back together.
    const jitter = this.#backoff * jitterFactor * (2 * this.#random() - 1)
    return Math.min(Math.max(this.#backoff + jitter, initialBackoffMs), maxBackoffMs)
  }
}
