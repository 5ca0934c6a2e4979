import { setTimeout as sleep } from 'node:timers/promises'

export interface BackOff {
  /** Before the second attempt, in ms. Default 100. */
  readonly initialDelayMs?: number
  /** No delay is longer. Default 30 s. */
  readonly maxDelayMs?: number
  /** Each delay is this many times the one before. Default 2. */
  readonly factor?: number
}

export interface RetryOptions extends BackOff {
  /** In [0, 1): spreads clients that failed together. */
  readonly random: () => number
  /** Ends the waiting; the attempt itself must look at it too. */
  readonly signal: AbortSignal
  /** How many attempts in all. Default no limit: until the cause goes away or the signal is aborted. */
  readonly maxAttempts?: number
  /** Default: errors whose `handling` is `retry`. All others are thrown at once. */
  readonly shouldRetry?: (error: unknown) => boolean
  /** Told before each wait: log and count it here. */
  readonly onRetry?: (error: unknown, next: { readonly attempt: number; readonly delayMs: number }) => void
  /** Waits; for tests. */
  readonly wait?: (delayMs: number, signal: AbortSignal) => Promise<void>
}

/**
 * The wait before attempt `attempt` (2 is the first retry), in ms: exponential, of which `jitter` in [0, 1) takes up to
 * a half. With the defaults: 50 to 100, 100 to 200, 200 to 400 … 15,000 to 30,000.
 */
export function backOffDelay(attempt: number, jitter: number, backOff: BackOff = {}): number {
  const { initialDelayMs = 100, maxDelayMs = 30_000, factor = 2 } = backOff
  const full = Math.min(maxDelayMs, initialDelayMs * factor ** Math.max(0, attempt - 2))
  return Math.round(full * (1 - jitter / 2))
}

/**
 * The one retry with back-off. Throws the last error when attempts run out or it is none to retry, and the signal's
 * reason when aborted while waiting.
 */
export async function retry<T>(attempt: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { random, signal, maxAttempts = Infinity, shouldRetry = isRetryable, onRetry, wait = waitFor } = options
  for (let number = 1; ; number++) {
    signal.throwIfAborted()
    try {
      return await attempt(number)
    } catch (error) {
      if (signal.aborted || number >= maxAttempts || !shouldRetry(error)) throw error
      const delayMs = backOffDelay(number + 1, random(), options)
      onRetry?.(error, { attempt: number + 1, delayMs })
      await wait(delayMs, signal)
    }
  }
}

/** Whether the error says of itself that doing it again may help. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'handling' in error && error.handling === 'retry'
}

async function waitFor(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal })
  } catch {
    // Node's own AbortError hides the reason.
    signal.throwIfAborted()
  }
}
