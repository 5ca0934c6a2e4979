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

  test('behavior: calls that were under way when the pause began and are refused too say nothing new', () => {
    const [one, many] = [new RateLimit(), new RateLimit()]
    for (const rate of [one, many]) rate.sent(0, 100)
    one.refused(10, null)
    for (const at of [10, 11, 12, 13]) many.refused(at, null)
    expect([many.pauseMs(13), many.waitMs(20_000)]).toEqual([one.pauseMs(13), one.waitMs(20_000)])
    many.refused(14, 5_000) // what it says is longer is believed
    expect(many.pauseMs(14)).toBe(5_000)
  })

  test('behavior: several that share a node and tell each other of refusals keep the pace that one alone would', () => {
    const callsIn = (seconds: number, rates: readonly RateLimit[]) => {
      const takes = 60
      let sent: number[] = []
      let calls = 0
      for (let now = 0; now < seconds * 1_000; now++)
        for (const rate of rates) {
          if (rate.waitMs(now) > 0) continue
          sent = sent.filter((at) => at > now - 1_000)
          rate.sent(now, 1)
          sent.push(now)
          if (sent.length <= takes) {
            calls++
            rate.answered()
          } else for (const each of rates) each.refused(now, null)
        }
      return calls
    }
    const alone = callsIn(60, [new RateLimit()])
    const together = callsIn(60, [new RateLimit(), new RateLimit(), new RateLimit()])
    expect(together / alone).toBeGreaterThan(0.7)
    expect(together / alone).toBeLessThan(1.3)
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
