import { describe, expect, test } from 'vitest'
import { CommitPace } from './commit-pace.ts'

const after = (durations: readonly number[], intervalMs = 25): CommitPace => {
  const pace = new CommitPace(intervalMs, 0)
  for (const duration of durations) pace.took(duration)
  return pace
}
const often = (duration: number) => Array.from({ length: 100 }, () => duration)
/** How long outputs wait that were made at 1,000. */
const behind = (pace: CommitPace) => pace.dueAt(1000, true) - 1000

describe('CommitPace', () => {
  test('default: live an interval is between the beginnings of two commits, whatever they cost', () => {
    for (const pace of [after([]), after(often(500))]) {
      pace.began(1000)
      expect(pace.dueAt(1001, false)).toBe(1025)
      expect(pace.dueAt(1024, false)).toBe(1025)
    }
  })

  test('behavior: live what comes later than that is due at once', () => {
    const pace = after([])
    pace.began(1000)
    expect(pace.dueAt(1030, false)).toBeLessThanOrEqual(1030)
    // Opened at 0, and with an interval that never ends: the first commit is that of the end.
    expect(after([], 1e9).dueAt(1000, false)).toBe(1e9)
  })

  test('behavior: behind its inputs they wait until commits take a tenth of the time', () => {
    expect(behind(after([]))).toBe(25)
    expect(behind(after(often(2)))).toBe(25)
    expect(behind(after(often(20)))).toBeCloseTo(180)
    expect(behind(after([...often(2), 20]))).toBeCloseTo(9 * (2 + 0.2 * 18))
  })

  test('behavior: at most forty intervals; an interval of nothing stays nothing', () => {
    expect(behind(after(often(500)))).toBe(1000)
    expect(behind(after(often(500), 0))).toBe(0)
  })
})
