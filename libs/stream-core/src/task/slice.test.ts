import { describe, expect, test } from 'vitest'
import { Slice } from './slice.ts'

const unitsUntilOver = (slice: Slice): number => {
  slice.begin()
  for (let units = 1; ; units += 1) if (slice.isOver()) return units
}

describe('Slice', () => {
  test('default: ends after its units while the clock stands still', () => {
    const slice = new Slice(() => 0, { units: 20, ms: 5 })
    expect(unitsUntilOver(slice)).toBe(20)
    expect(slice.hasEnded).toBe(true)
  })

  test('behavior: ends within eight units of its time, by the clock it is given', () => {
    let now = 100
    const slice = new Slice(() => (now += 1), { units: 1000, ms: 3 })
    // One look when it begins, then one each eighth unit: the third finds 3 ms gone.
    expect(unitsUntilOver(slice)).toBe(24)
    expect(unitsUntilOver(slice)).toBe(24)
  })

  test('behavior: what ran out of work was not told to end', () => {
    const slice = new Slice(() => 0, { units: 20, ms: 5 })
    unitsUntilOver(slice)
    slice.begin()
    slice.isOver()
    expect(slice.hasEnded).toBe(false)
  })
})
