import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOf, isAscii } from './scanned-key.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '\u007f', '\u0080', '\u00ff', '\u0100', '💰') })
const isAsciiByChar = (of: string) =>
  Array.from({ length: of.length }, (_, at) => of.charCodeAt(at)).every((c) => c < 128)

describe('isAscii', () => {
  test('property: it is so of each text, whatever was asked before', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.boolean())), (asked) => {
        for (const [of, isHashed] of asked) {
          if (isHashed) hashOf(of)
          expect(isAscii(of)).toBe(isAsciiByChar(of))
        }
      }),
      {
        examples: [
          [
            [
              ['', false],
              ['\u0080', true],
              ['', true],
              ['a', false],
              ['\u0100', false],
            ],
          ],
        ],
      },
    )
  })
})

describe('hashOf', () => {
  test('property: the same key has the same hash, of 31 bits, whatever was asked between', () => {
    fc.assert(
      fc.property(text, fc.array(text), (key, between) => {
        const hash = hashOf(key)
        for (const other of between) hashOf(other)
        expect(hashOf(key)).toBe(hash)
        expect(hash).toBe(hash & 0x7fff_ffff)
      }),
    )
  })

  test('default: keys that differ in one char have others', () => {
    const keys = Array.from({ length: 1000 }, (_, number) => `wallet-${number}`)
    expect(new Set(keys.map(hashOf)).size).toBe(keys.length)
  })
})
