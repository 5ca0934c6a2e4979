import type { PriceTick } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { outlierMarker } from './outliers.ts'

const tick = (price8: bigint, time = 0, maxAge: number | null = 60_000): PriceTick => ({
  ...{ type: 'price', chainId: 1, asset: 'native', price8, source: 'test', time, maxAge },
})
const marks = (ticks: readonly PriceTick[]) => ticks.map(outlierMarker()).map(({ outlier }) => outlier === true)

describe('outlierMarker', () => {
  const usual = Array.from({ length: 5 }, (_, time) => tick(10_000n, time))

  test('default: more than a tenth from the median of the ones before is marked, a tenth is not', () => {
    const next = [11_000n, 9_000n, 11_001n, 8_999n].map((price) => tick(price, 5))
    expect(marks([...usual, ...next])).toEqual([...usual.map(() => false), false, false, true, true])
  })

  test('behavior: nothing is marked before there are five to compare with, nor after those grew too old', () => {
    expect(marks([...usual.slice(1), tick(1n, 5)])).toEqual([false, false, false, false, false])
    expect(marks([...usual, tick(1n, 60_004)])).toEqual([false, false, false, false, false, false])
  })

  test('behavior: a new level is the usual one once it is the most of the 21 newest', () => {
    const [before, after] = [Array(21).fill(tick(10_000n)), Array(21).fill(tick(20_000n))] as const
    expect(marks([...before, ...after] as PriceTick[]).lastIndexOf(true)).toBe(31)
  })

  test('property: every price comes out as it went in, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 20n }), fc.nat({ max: 100_000 }))), (prices) => {
        const ticks = prices.map(([price8, time]) => tick(price8, time))
        expect(ticks.map(outlierMarker()).map(({ outlier: _, ...rest }) => rest)).toEqual(ticks)
      }),
      { numRuns: 200 },
    )
  })
})
