import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { valueCodec } from './value-codec.ts'

const plainData = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.bigInt(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value')),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie('value')),
  ),
})).value

describe('valueCodec', () => {
  const codec = valueCodec<unknown>()

  test('default: a bigint lies in JSON as its digits, wherever it is', () => {
    const value = { amount: 5n, via: { type: 'log', index: 3 }, parts: [1, 2n, { of: 3n }], none: null }
    expect(Buffer.from(codec.encode(value)).toString()).toBe(
      '{"amount":{"$n":"5"},"via":{"type":"log","index":3},"parts":[1,{"$n":"2"},{"of":{"$n":"3"}}],"none":null}',
    )
  })

  test('property: what is decoded is what was encoded, which stays as it was', () => {
    fc.assert(
      fc.property(plainData, (value) => {
        const before = structuredClone(value)
        expect(codec.decode(codec.encode(value))).toEqual(value)
        expect(value).toEqual(before)
      }),
      { examples: [[{ a: [1n, { b: 2n }] }]] },
    )
  })
})
