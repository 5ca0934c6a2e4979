import { PerformanceObserver } from 'node:perf_hooks'
import { rounded } from './measure.ts'

/** What collecting garbage took of a span, ms; incremental marking counts where it stopped the thread. */
export interface CollectionsMeasure {
  readonly gcMs: number
  readonly longestGcMs: number
}

/** Begins to watch; the answer ends it. */
export const watchCollections = (): (() => Promise<CollectionsMeasure>) => {
  let gcMs = 0
  let longestGcMs = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gcMs += duration
      longestGcMs = Math.max(longestGcMs, duration)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return async () => {
    await new Promise(setImmediate) // entries are told in a turn of their own
    observer.disconnect()
    return { gcMs: rounded(gcMs), longestGcMs: rounded(longestGcMs) }
  }
}
