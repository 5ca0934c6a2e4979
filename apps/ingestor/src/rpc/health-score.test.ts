import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HealthScore } from './health-score.ts'

describe('HealthScore', () => {
  test('default: a lie costs more than silence, two lies leave it aside, and a minute brings it back', () => {
    const [silent, liar] = [new HealthScore(), new HealthScore()]
    silent.failed(0, 'unavailable')
    liar.failed(0, 'wrong-answer')
    expect([silent.at(0), liar.at(0)]).toEqual([0.8, 0.65])
    liar.failed(0, 'wrong-answer')
    expect([liar.isLow(0), liar.isLow(60_000)]).toEqual([true, false])
    expect(liar.at(30_000)).toBeCloseTo(0.65)
  })

  test('behavior: it is unwell below a half and until above nine tenths, so an operator is told once', () => {
    const score = new HealthScore()
    score.failed(0, 'distrusted')
    expect([score.isUnwell(0), score.isUnwell(30_000), score.isUnwell(90_000)]).toEqual([true, true, false])
  })

  const step = fc.record({
    afterMs: fc.nat({ max: 120_000 }),
    what: fc.constantFrom('answered' as const, 'unavailable' as const, 'wrong-answer' as const, 'distrusted' as const),
  })

  test('property: it stays in [0, 1], only failures lower it, and time alone heals it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const score = new HealthScore()
        let now = 0
        for (const { afterMs, what } of steps) {
          const earlier = score.at(now)
          now += afterMs
          const before = score.at(now)
          expect(before).toBeGreaterThanOrEqual(earlier)
          if (what === 'answered') score.answered(now)
          else score.failed(now, what)
          const after = score.at(now)
          expect(after >= 0 && after <= 1).toBe(true)
          expect(what === 'answered' ? after >= before : after <= before).toBe(true)
        }
        expect(score.at(now + 600_000)).toBeGreaterThan(0.99)
      }),
      { numRuns: 200 },
    )
  })
})
