import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lowerCaseHex } from './hex-digits.ts'

describe('lowerCaseHex', () => {
  test('default: bytes of hex, in lower case', () => {
    expect(lowerCaseHex('0xAb01')).toBe('0xab01')
    expect(lowerCaseHex('0XFF')).toBe('0xff')
    expect(lowerCaseHex('0x')).toBe('0x')
    expect([lowerCaseHex('0xab', 2), lowerCaseHex('0xab', 4)]).toEqual(['0xab', undefined])
  })

  test('property: it takes what the pattern takes, and nothing else', () => {
    const characters = '0123456789abcdefABCDEFgGxX/:@`~ é€'.split('')
    const texts = fc.oneof(
      fc.array(fc.constantFrom(...characters), { maxLength: 8 }).map((some) => `0x${some.join('')}`),
      fc.array(fc.constantFrom(...characters.slice(0, 22)), { maxLength: 70 }).map((some) => `0x${some.join('')}`),
      fc.anything(),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const isHex = typeof text === 'string' && /^0[xX](?:[0-9a-fA-F]{2})*$/.test(text)
        expect(lowerCaseHex(text)).toBe(isHex ? text.toLowerCase() : undefined)
      }),
      { numRuns: 500 },
    )
  })
})
