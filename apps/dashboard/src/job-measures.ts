import { formatCount, formatDuration } from './format.ts'
import { listOf, numberOf, objectOf } from './json.ts'

/** Durations that a job counted in buckets, as stream-core's `DurationSummary` tells them. */
export interface CountedDurations {
  readonly count: number
  readonly maxMs: number
  /** `count` took at most `leMs`; ascending. */
  readonly buckets: readonly { readonly leMs: number; readonly count: number }[]
}

/** Null if the value is something else. */
export function countedDurationsOf(value: unknown): CountedDurations | null {
  const of = objectOf(value)
  const [count, maxMs] = [numberOf(of['count']), numberOf(of['maxMs'])]
  if (count === null || maxMs === null || !Array.isArray(of['buckets'])) return null
  const buckets = listOf(of['buckets'])
    .map(objectOf)
    .map((bucket) => ({ leMs: numberOf(bucket['leMs']) ?? 0, count: numberOf(bucket['count']) ?? 0 }))
  return { count, maxMs, buckets }
}

/** The least bucket that holds the quantile, and never more than was seen: `p50 up to 2 ms, p99 up to 10 ms`. */
export function durationsText({ count, maxMs, buckets }: CountedDurations): string | null {
  if (count === 0) return null
  const upTo = (quantile: number) => {
    const bound = buckets.find((bucket) => bucket.count >= quantile * count)?.leMs ?? Infinity
    return formatDuration(Math.ceil(Math.min(bound, maxMs)))
  }
  return `p50 up to ${upTo(0.5)}, p99 ${upTo(0.99)}, at most ${upTo(1)} (${formatCount(count)})`
}

/** What a job does with a second, in shares that are 1 together: stream-core's `TimeShares`. Null if it is not that. */
export function timeSharesOf(value: unknown): readonly { readonly use: string; readonly share: number }[] | null {
  const of = objectOf(value)
  const shares = (['busy', 'backPressured', 'idle'] as const).map((use) => ({
    use,
    share: numberOf(of[`${use}TimeMsPerSecond`]),
  }))
  if (shares.some(({ share }) => share === null)) return null
  const total = shares.reduce((sum, { share }) => sum + (share ?? 0), 0)
  return shares.map(({ use, share }) => ({ use, share: total === 0 ? 0 : (share ?? 0) / total }))
}
