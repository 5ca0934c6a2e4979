import { describe, expect, test } from 'vitest'
import { defaultRestartStrategy, RestartBackoff, type RestartStrategy } from './restart-strategy.ts'

const waitsOf = (strategy: RestartStrategy, failures: readonly number[], random = 0.5) => {
  const backoff = new RestartBackoff(strategy, () => random)
  return failures.map((ranMs) => backoff.next(ranMs))
}
const soon = (times: number) => Array.from({ length: times }, () => 0)

describe('RestartBackoff', () => {
  test('default: waits grow from a second by half each time, up to a minute', () => {
    const waits = waitsOf(defaultRestartStrategy, soon(13))
    expect(waits.slice(0, 4)).toEqual([1000, 1500, 2250, 3375])
    expect(waits.slice(-2)).toEqual([60_000, 60_000])
  })

  test('behavior: after an hour without a failure waits begin anew', () => {
    expect(waitsOf(defaultRestartStrategy, [0, 0, 3_599_999, 3_600_000, 0])).toEqual([1000, 1500, 2250, 1000, 1500])
  })

  test('behavior: jitter makes a wait a tenth longer or shorter, never past its bounds', () => {
    expect(waitsOf(defaultRestartStrategy, soon(3), 0)).toEqual([1000, 1350, 2025])
    expect(waitsOf(defaultRestartStrategy, soon(3), 1)).toEqual([1100, 1650, 2475])
    expect(waitsOf(defaultRestartStrategy, soon(13), 1).at(-1)).toBe(60_000)
  })

  test('behavior: fixed delays end after their attempts', () => {
    expect(waitsOf({ type: 'fixed-delay', attempts: 2, delayMs: 70 }, soon(4))).toEqual([70, 70, null, null])
  })

  test('behavior: without a strategy the first failure is the last', () => {
    expect(waitsOf({ type: 'none' }, soon(1))).toEqual([null])
  })
})
