import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RateLimit } from './rate-limit.ts'

describe('RateLimit', () => {
  test('default: it pauses as long as it is told, else 1, 2, 4 … 60 s, and anew after an answer', () => {
    const rate = new RateLimit()
    rate.refused(0, 7_000)
    expect([rate.pauseMs(0), rate.pauseMs(7_000)]).toEqual([7_000, 0])
    const pauses = Array.from({ length: 7 }, (_, at) => {
      const now = 100_000 * (at + 1)
      rate.refused(now, null)
      return rate.pauseMs(now)
    })
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    rate.answered()
    rate.refused(10_000_000, null)
    expect(rate.pauseMs(10_000_000)).toBe(1_000)
  })

  test('property: against a node that takes so many calls a second, the calls settle close below that', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 200 }), (takes) => {
        const rate = new RateLimit()
        let now = 0
        let [sent, refusals] = [[] as number[], 0]
        while (now < 120_000) {
          const waitMs = rate.waitMs(now)
          if (waitMs > 0) {
            now += waitMs
            continue
          }
          sent = sent.filter((at) => at > now - 1_000)
          rate.sent(now, 1)
          sent.push(now)
          if (sent.length <= takes) rate.answered()
          else {
            refusals++
            rate.refused(now, null)
          }
          now += 1
        }
        // Without learning, each second would have its refusal.
        expect(refusals).toBeLessThan(30)
        expect(refusals).toBeGreaterThan(0)
      }),
      { numRuns: 30 },
    )
  })
})
