import { retry, type Outage } from '@tocsin/service-kit'

export interface WaitOutOptions {
  /** Shared by all that waits for the same thing, so that it is told once. */
  readonly outage: Outage
  readonly signal: AbortSignal
  /** In [0, 1), for the spread of the waits. */
  readonly random: () => number
}

/**
 * Does `work` again until it succeeds, waiting out what passes by itself: at most 5 s between attempts, said once when
 * it begins and once when it is over. Errors that waiting does not mend go to the caller, as does the signal's.
 */
export async function waitOut<T>(work: () => Promise<T>, { outage, signal, random }: WaitOutOptions): Promise<T> {
  let waited = false
  const onRetry = (error: unknown) => {
    outage.failing(error)
    waited = true
  }
  const result = await retry(work, { random, signal, maxDelayMs: 5_000, onRetry })
  if (waited) outage.over()
  return result
}
