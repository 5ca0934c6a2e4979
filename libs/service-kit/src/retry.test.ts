import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backOffDelay, retry, type RetryOptions } from './retry.ts'

class AwayError extends Error {
  readonly handling = 'retry'
}

function waits() {
  const delays: number[] = []
  const options: RetryOptions = {
    random: () => 0,
    signal: new AbortController().signal,
    wait: async (delayMs) => void delays.push(delayMs),
  }
  return { delays, options }
}

describe('retry', () => {
  test('default: goes on with growing delays until it works', async () => {
    const { delays, options } = waits()
    const answer = await retry(
      async (attempt) => {
        if (attempt < 5) throw new AwayError()
        return attempt
      },
      { ...options, maxDelayMs: 300 },
    )
    expect({ answer, delays }).toEqual({ answer: 5, delays: [100, 200, 300, 300] })
  })

  test('behavior: each wait is told first', async () => {
    const { options } = waits()
    const told: unknown[] = []
    await retry(
      async (attempt) => {
        if (attempt < 2) throw new AwayError('away')
      },
      { ...options, onRetry: (error, next) => told.push([String(error), next]) },
    )
    expect(told).toEqual([['Error: away', { attempt: 2, delayMs: 100 }]])
  })

  test('error: what cannot be helped by trying again is thrown at once', async () => {
    const { delays, options } = waits()
    await expect(retry(() => Promise.reject(new TypeError('ours')), options)).rejects.toThrow('ours')
    expect(delays).toEqual([])
  })

  test('error: attempts run out', async () => {
    const { delays, options } = waits()
    await expect(retry(() => Promise.reject(new AwayError('away')), { ...options, maxAttempts: 3 })).rejects.toThrow(
      'away',
    )
    expect(delays).toEqual([100, 200])
  })

  test('error: aborted while it waits, the reason is thrown', async () => {
    const controller = new AbortController()
    const running = retry(() => Promise.reject(new AwayError()), {
      random: () => 0,
      signal: controller.signal,
      initialDelayMs: 3_600_000,
      maxDelayMs: 3_600_000,
      onRetry: () => queueMicrotask(() => controller.abort(new Error('asked to stop'))),
    })
    await expect(running).rejects.toThrow('asked to stop')
  })
})

describe('backOffDelay', () => {
  test('property: between half and all of the exponential delay, never above the limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 500 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, jitter) => {
          const full = Math.min(30_000, 100 * 2 ** (attempt - 2))
          const delay = backOffDelay(attempt, jitter)
          expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2))
          expect(delay).toBeLessThanOrEqual(full)
        },
      ),
    )
  })
})
