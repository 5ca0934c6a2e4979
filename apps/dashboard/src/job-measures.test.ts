import { describe, expect, test } from 'vitest'
import { countedDurationsOf, durationsText, timeSharesOf } from './job-measures.ts'

const counted = (maxMs: number, ...counts: readonly number[]) => ({
  count: counts.at(-1) ?? 0,
  sumMs: 1,
  lastMs: 1,
  maxMs,
  buckets: [1, 2, 5, 10].map((leMs, index) => ({ leMs, count: counts[index] ?? 0 })),
})

describe('durationsText', () => {
  const text = (value: unknown) => {
    const durations = countedDurationsOf(value)
    return durations === null ? 'other' : durationsText(durations)
  }

  test('default: the bucket that holds each quantile', () => {
    expect(text(counted(8.2, 10, 60, 98, 100))).toBe('p50 up to 2 ms, p99 9 ms, at most 9 ms (100)')
    expect(text(counted(5, 100, 100, 100, 100))).toBe('p50 up to 1 ms, p99 1 ms, at most 1 ms (100)')
  })

  test('behavior: beyond the last bucket it is the longest that was seen', () => {
    expect(text({ ...counted(4_000, 0, 0, 0, 50), count: 100 })).toBe('p50 up to 10 ms, p99 4 s, at most 4 s (100)')
  })

  test('behavior: none yet, and another value', () => {
    expect(text(counted(0, 0, 0, 0, 0))).toBeNull()
    for (const value of [null, 3, 'x', {}, { count: 1, maxMs: 2 }]) expect(text(value)).toBe('other')
  })
})

describe('timeSharesOf', () => {
  test('default: shares that are 1 together, busy first', () => {
    const value = { busyTimeMsPerSecond: 250, idleTimeMsPerSecond: 700, backPressuredTimeMsPerSecond: 50 }
    expect(timeSharesOf(value)).toEqual([
      { use: 'busy', share: 0.25 },
      { use: 'backPressured', share: 0.05 },
      { use: 'idle', share: 0.7 },
    ])
  })

  test('behavior: nothing measured yet is nothing used; another value is none', () => {
    const none = { busyTimeMsPerSecond: 0, idleTimeMsPerSecond: 0, backPressuredTimeMsPerSecond: 0 }
    expect(timeSharesOf(none)?.map(({ share }) => share)).toEqual([0, 0, 0])
    expect(timeSharesOf({ busyTimeMsPerSecond: 1 })).toBeNull()
  })
})
