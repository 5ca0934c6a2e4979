import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SlicedSort } from './sliced-sort.ts'

const slicesOf = <T>(values: readonly T[], isAfter: (a: T, b: T) => boolean) => {
  const sort = new SlicedSort(values, isAfter)
  let slices = 1
  while (sort.next()) slices += 1
  return { sorted: sort.sorted, slices }
}

describe('SlicedSort', () => {
  test('property: gives the order of a stable sort, for any number of values', () => {
    fc.assert(
      fc.property(fc.nat(9000), fc.integer({ min: 1, max: 100_000 }), fc.nat(), (length, range, seed) => {
        const values = Array.from({ length }, (_, index) => ({ rank: ((index + seed) * 7919) % range, index }))
        const { sorted } = slicesOf(values, (a, b) => a.rank > b.rank)
        expect(sorted).toEqual(values.toSorted((a, b) => a.rank - b.rank))
      }),
      { numRuns: 60 },
    )
  })

  test('default: strings in the order of their bytes', () => {
    expect(slicesOf(['b', 'ab', 'a', ''], (a, b) => a > b)).toEqual({ sorted: ['', 'a', 'ab', 'b'], slices: 1 })
  })

  test('behavior: 100,000 values take several hundred slices of about 1,000', () => {
    const values = Array.from({ length: 100_000 }, (_, index) => `${(index * 7919) % 100_003}`)
    const { sorted, slices } = slicesOf(values, (a, b) => a > b)
    expect(sorted).toEqual(values.toSorted())
    expect(slices).toBe(98 * 8)
  })
})
