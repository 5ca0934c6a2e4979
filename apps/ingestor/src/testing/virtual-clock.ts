import { VirtualTime } from '@tocsin/stream-core/testing'
import type { Clock } from '../rpc/clock.ts'

/** A clock of its own that goes on when all that could happen has happened. */
export function virtualClock(): { readonly clock: Clock; readonly time: VirtualTime } {
  const time = new VirtualTime()
  const clock: Clock = {
    now: () => time.now,
    async wait(ms, signal) {
      signal.throwIfAborted()
      await time.after(ms, signal)
      signal.throwIfAborted()
    },
  }
  return { clock, time }
}

/** What comes of the work when its time has been let pass. */
export async function inVirtualTime<T>(time: VirtualTime, work: Promise<T>): Promise<T> {
  let isDone = false
  const over = () => {
    isDone = true
  }
  work.then(over, over)
  await time.runUntil(() => isDone, 100_000)
  return work
}
