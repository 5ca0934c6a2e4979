import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Codec, KeyCodec } from '../codec.ts'
import { bigintKey, integerKey, KeyEncodingError, stringKey, tupleKey } from './key-encoding.ts'
import { bigintCodec, jsonStateCodec, numberCodec, StateValueError } from './value-codecs.ts'

const bytewise = (a: Uint8Array, b: Uint8Array) => Math.sign(Buffer.compare(a, b))
const byCodePoint = (a: string, b: string) => {
  const [left, right] = [Array.from(a), Array.from(b)].map((chars) => chars.map((char) => char.codePointAt(0) ?? 0))
  for (const [index, point] of (left ?? []).entries()) {
    const other = right?.[index]
    if (other === undefined) return 1
    if (point !== other) return Math.sign(point - other)
  }
  return (left?.length ?? 0) < (right?.length ?? 0) ? -1 : 0
}

/** A shrunk pair that does not come back, or whose bytes sort otherwise than the values do. */
const brokenBy = <T>(codec: KeyCodec<T>, values: fc.Arbitrary<T>, compare: (a: T, b: T) => number) => {
  const law = fc.property(values, values, (a, b) => {
    expect(codec.decode(codec.encode(a))).toEqual(a)
    return bytewise(codec.encode(a), codec.encode(b)) === Math.sign(compare(a, b))
  })
  return fc.check(law, { numRuns: 500 }).counterexample
}

const text = fc.string({ unit: 'grapheme' }).filter((one) => one.isWellFormed())
const integer = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -300, max: 300 }))
const big = fc.oneof(
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n }),
  fc.bigInt({ min: -300n, max: 300n }),
)
const byValue = <T>(a: T, b: T) => (a < b ? -1 : a > b ? 1 : 0)

describe('key codecs', () => {
  test('property: strings come back and sort by code point', () => {
    expect(brokenBy(stringKey, text, byCodePoint)).toBeNull()
  })
  test('property: integers come back and sort by value', () => {
    expect(brokenBy(integerKey, integer, byValue)).toBeNull()
  })
  test('property: bigints come back and sort by value', () => {
    expect(brokenBy(bigintKey, big, byValue)).toBeNull()
  })
  test('property: tuples come back and sort part by part', () => {
    const zeros = fc.array(fc.constantFrom('\0', '\x01', 'a', 'ÿ'), { maxLength: 4 }).map((all) => all.join(''))
    const pairs = fc.tuple(zeros, integer)
    const codec = tupleKey<[string, number]>(stringKey, integerKey)
    expect(brokenBy(codec, pairs, ([a, m], [b, n]) => byCodePoint(a, b) || byValue(m, n))).toBeNull()
  })
  test('error: half a surrogate pair has no bytes of its own', () => {
    expect(() => stringKey.encode('\ud800')).toThrow(KeyEncodingError)
  })
  test('error: a number beyond 2^53 is no key', () => {
    expect(() => integerKey.encode(2 ** 60)).toThrow(KeyEncodingError)
  })
})

describe('state codecs', () => {
  test('property: numbers and bigints come back as they were', () => {
    const comesBack =
      <T>(codec: Codec<T>) =>
      (value: T) =>
        Object.is(codec.decode(codec.encode(value)), value)
    expect(fc.check(fc.property(fc.double(), comesBack(numberCodec))).failed).toBe(false)
    expect(fc.check(fc.property(fc.bigInt(), comesBack(bigintCodec))).failed).toBe(false)
  })
  test('property: JSON with bigints comes back, and equal values have equal bytes', () => {
    const codec = jsonStateCodec<unknown>()
    const leaf = fc.oneof(fc.bigInt(), fc.double(), fc.string(), fc.boolean(), fc.constant(null))
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value')),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('$n', '$f', '$$', '__proto__')), tie('value')),
      ),
    }))
    fc.assert(
      fc.property(value, (one) => {
        const back = codec.decode(codec.encode(one))
        expect(back).toEqual(toPlain(one))
        expect(codec.encode(back)).toEqual(codec.encode(one))
      }),
    )
  })
  test('default: the order of fields does not show', () => {
    const codec = jsonStateCodec<unknown>()
    expect(codec.encode({ a: 1n, b: [2] })).toEqual(codec.encode({ b: [2], a: 1n }))
  })
  test('error: a Map is no value of state', () => {
    expect(() => jsonStateCodec<unknown>().encode(new Map())).toThrow(StateValueError)
  })
})

// fast-check makes some dictionaries without a prototype.
const toPlain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(toPlain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toPlain(field)]))
}
