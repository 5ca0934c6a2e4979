import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { rounded } from './measure.ts'

/** How late the event loop was over a span, ms, and what collecting garbage took of it. */
export interface EventLoopMeasure {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Time in collections, and the longest of them; incremental marking counts where it stopped the thread. */
  readonly gcMs: number
  readonly longestGcMs: number
}

const resolutionMs = 1

/** Begins to watch; the answer ends it. Delays are over the timer's own period of 1 ms. */
export const watchEventLoop = (): (() => Promise<EventLoopMeasure>) => {
  let gcMs = 0
  let longestGcMs = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gcMs += duration
      longestGcMs = Math.max(longestGcMs, duration)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  const ms = (nanoseconds: number): number => rounded(Math.max(0, nanoseconds / 1e6 - resolutionMs))
  return async () => {
    delay.disable()
    await new Promise(setImmediate) // entries are told in a turn of their own
    observer.disconnect()
    return {
      p50: ms(delay.percentile(50)),
      p99: ms(delay.percentile(99)),
      max: ms(delay.max),
      gcMs: rounded(gcMs),
      longestGcMs: rounded(longestGcMs),
    }
  }
}
