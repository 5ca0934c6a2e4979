import type { Logger, Outage } from '@tocsin/service-kit'
import { newestSequence, transitionsAfter, type Transition } from '../alert-store.ts'
import type { Queryable } from '../database.ts'
import { waitOut } from '../wait-out.ts'

/** How many of the newest transitions are kept in memory for streams that are near the end: nearly all of them. */
const keptTransitions = 1_000
const pageSize = 200
/** How often the database is asked unasked: another process may have stored something. */
const idleMs = 2_000

/**
 * The transitions as they are stored, for any number of streams. Each stream keeps its own place, a sequence, and asks
 * for what follows; those near the end are answered from memory, the others from the database. Nothing queues for a
 * slow client, whose place simply stays behind.
 */
export interface AlertFeed {
  /** Up to 200 transitions after `sequence`, in order; waits for the first until the signal is aborted, then `[]`. */
  after(sequence: number, signal: AbortSignal): Promise<readonly Transition[]>
  /** The newest sequence. */
  newest(): Promise<number>
  /** Something was stored. */
  wake(): void
  close(): Promise<void>
}

export interface AlertFeedOptions {
  readonly database: Queryable
  readonly logger: Logger
  readonly outage: Outage
  readonly random: () => number
}

export function startAlertFeed({ database, logger, outage, random }: AlertFeedOptions): AlertFeed {
  const closing = new AbortController()
  /** Contiguous up to `end`: everything after `start` is here. */
  let kept: readonly Transition[] = []
  let start = Number.POSITIVE_INFINITY
  let end = Number.NEGATIVE_INFINITY
  let woken = false
  let sleeper: () => void = () => {}
  const waiting = new Set<() => void>()

  const release = () => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  const follow = async () => {
    const found = await transitionsAfter(database, end, pageSize)
    const last = found.at(-1)
    if (last === undefined) return false
    const all = [...kept, ...found]
    const dropped = all.slice(0, Math.max(0, all.length - keptTransitions)).at(-1)
    kept = all.slice(-keptTransitions)
    if (dropped !== undefined) start = dropped.sequence
    end = last.sequence
    release()
    return true
  }
  const run = async () => {
    const options = { outage, random, signal: closing.signal }
    end = start = await waitOut(() => newestSequence(database), options)
    release()
    while (!closing.signal.aborted) {
      woken = false
      const more = await waitOut(follow, options)
      if (more || woken) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, idleMs)
        sleeper = () => {
          clearTimeout(timer)
          resolve()
        }
        if (closing.signal.aborted) sleeper()
      })
    }
  }
  const wake = () => {
    woken = true
    sleeper()
  }
  const done = run().catch((error: unknown) => {
    if (!closing.signal.aborted) logger.error(error)
  })

  return {
    wake,
    newest: () => newestSequence(database),
    after: async (sequence, signal) => {
      while (!signal.aborted && !closing.signal.aborted) {
        if (sequence < start) {
          const page = await transitionsAfter(database, sequence, pageSize)
          if (page.length > 0) return page
          if (sequence < end) continue // stored since
        } else if (sequence < end) {
          return kept.filter((transition) => transition.sequence > sequence).slice(0, pageSize)
        }
        await new Promise<void>((resolve) => {
          const finish = () => {
            waiting.delete(finish)
            signal.removeEventListener('abort', finish)
            resolve()
          }
          waiting.add(finish)
          signal.addEventListener('abort', finish, { once: true })
          if (signal.aborted || closing.signal.aborted) finish()
        })
      }
      return []
    },
    close: async () => {
      closing.abort()
      sleeper()
      release()
      await done
    },
  }
}
