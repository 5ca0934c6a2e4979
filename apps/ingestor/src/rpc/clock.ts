import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

/** The time at the edge: a process's, or a simulation's own. */
export interface Clock {
  /** In ms. */
  now(): number
  /** Resolves after so many ms; rejects with the signal's reason when it is aborted. 0 lets others go first. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export async function systemWait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await (ms === 0 ? turn(undefined, { signal }) : sleep(ms, undefined, { signal }))
  } catch (error) {
    signal.throwIfAborted() // Node's own AbortError hides the reason
    throw error
  }
}

export const systemClock: Clock = { now: Date.now, wait: systemWait }
