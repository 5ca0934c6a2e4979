import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { childTag, compareStamps, controlTag, nodeTag, Stamper, type Stamp } from './stamp.ts'

describe('childTag', () => {
  test('property: tags sort as paths of numbers do, and none begins another of the same length', () => {
    const path = fc.array(fc.oneof(fc.nat(300), fc.nat(2 ** 40)), { minLength: 3, maxLength: 3 })
    const tagOf = (numbers: readonly number[]) => numbers.reduce(childTag, '')
    fc.assert(
      fc.property(path, path, (a, b) => {
        const at = a.findIndex((number, index) => number !== b[index])
        const [tagA, tagB] = [tagOf(a), tagOf(b)]
        expect(tagA < controlTag).toBe(true)
        if (at === -1) return
        expect(tagA < tagB).toBe((a[at] ?? 0) < (b[at] ?? 0))
        expect(tagA.startsWith(tagB)).toBe(false)
      }),
    )
  })
})

describe('Stamper', () => {
  test('property: stamps never go back, and one that comes in order stays as it is', () => {
    const step = fc.record({
      section: fc.constant(0),
      place: fc.nat(9),
      input: fc.nat(2),
      offset: fc.nat(9),
      ordinal: fc.constant(0),
    })
    const stamp: fc.Arbitrary<Stamp> = fc.record({ step, phase: fc.nat(3), tag: fc.nat(9).map(nodeTag) })
    fc.assert(
      fc.property(fc.array(stamp), (stamps) => {
        const stamper = new Stamper()
        let before = stamper.last
        for (const one of stamps) {
          const given = stamper.enter(one)
          expect(compareStamps(given, before)).toBeGreaterThanOrEqual(0)
          if (compareStamps(one, before) >= 0) expect(given).toBe(one)
          before = given
        }
      }),
    )
  })
})
