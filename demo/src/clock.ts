import { setTimeout as wait } from 'node:timers/promises'

/** The clock of the demo, handed in: a test's clock can run a thousand times as fast. */
export interface DemoClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Waits until `time` (ms). False if the signal was aborted before. */
  until(time: number, signal: AbortSignal): Promise<boolean>
}

/** The machine's clock. */
export const systemClock: DemoClock = {
  now: () => Date.now(),
  until: (time, signal) => wait(Math.max(0, time - Date.now()), true, { signal }).catch(() => false),
}
