import { describe, expect, test } from 'vitest'
import { CommitPace } from './commit-pace.ts'

const after = (durations: readonly number[], intervalMs = 25): CommitPace => {
  const pace = new CommitPace(intervalMs)
  for (const duration of durations) pace.took(duration)
  return pace
}
const often = (duration: number) => Array.from({ length: 100 }, () => duration)

describe('CommitPace', () => {
  test('default: live it is the interval, whatever commits cost', () => {
    expect(after([]).intervalMs(false)).toBe(25)
    expect(after(often(500)).intervalMs(false)).toBe(25)
  })

  test('behavior: behind its inputs it grows until commits take a tenth of the time', () => {
    expect(after([]).intervalMs(true)).toBe(25)
    expect(after(often(2)).intervalMs(true)).toBe(25)
    expect(after(often(20)).intervalMs(true)).toBeCloseTo(180)
    expect(after([...often(2), 20]).intervalMs(true)).toBeCloseTo(9 * (2 + 0.2 * 18))
  })

  test('behavior: at most forty intervals; an interval of nothing stays nothing', () => {
    expect(after(often(500)).intervalMs(true)).toBe(1000)
    expect(after(often(500), 0).intervalMs(true)).toBe(0)
  })
})
