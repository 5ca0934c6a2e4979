import { severities, type Alert, type Severity } from '@tocsin/chain-model'

/** Alerts of one minute of event time, by severity. */
export interface Minute {
  readonly start: number
  readonly counts: Readonly<Record<Severity, number>>
  readonly total: number
  /** False where older alerts of this minute may not have been read yet. */
  readonly complete: boolean
}

const minute = 60_000

/**
 * The last `minutes` minutes up to and including that of `end`, oldest first. Retracted alerts don't count: their
 * blocks are not part of the chain. `completeFrom` is the event time from which every alert is among `alerts`.
 */
export function alertTimeline(
  alerts: readonly Alert[],
  end: number,
  minutes: number,
  completeFrom: number,
): readonly Minute[] {
  const newest = end - (((end % minute) + minute) % minute)
  const oldest = newest - (minutes - 1) * minute
  const buckets = Array.from({ length: minutes }, (_, index) => {
    const start = oldest + index * minute
    return { start, counts: emptyCounts(), total: 0, complete: start >= completeFrom }
  })
  for (const { eventTime, severity, status } of alerts) {
    const bucket = buckets[Math.floor((eventTime - oldest) / minute)]
    if (bucket === undefined || status === 'retracted') continue
    bucket.counts[severity] += 1
    bucket.total += 1
  }
  return buckets
}

/**
 * Where the timeline ends: now on a living chain; on recorded history the newest alert, since now would be years away.
 */
export function timelineEnd(newest: Alert | undefined, now: number, minutes: number): number {
  if (newest === undefined) return now
  return Math.abs(now - newest.eventTime) < minutes * minute ? Math.max(now, newest.eventTime) : newest.eventTime
}

const emptyCounts = () => Object.fromEntries(severities.map((severity) => [severity, 0])) as Record<Severity, number>
