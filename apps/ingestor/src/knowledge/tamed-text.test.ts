import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { tamedText } from './tamed-text.ts'

const tamed = (text: string, max = 32) => tamedText(Buffer.from(text), max)

describe('tamedText', () => {
  test('default: ordinary text stays as it is, of any script', () => {
    for (const text of ['USDC', 'USD₮0', '龙 token', 'aUSDC.e', 'ΞETH']) expect(tamed(text)).toBe(text)
  })

  test('behavior: what shows nothing or turns the text around is taken out', () => {
    expect(tamed('US\u200bDC\u200d')).toBe('USDC')
    expect(tamed('\ufeffUSDC\u202e')).toBe('USDC')
    expect(tamed('U\u0000S\u001b[31mDC\r\n')).toBe('US[31mDC')
    expect(tamed(' US   DC ')).toBe('US DC')
    expect(tamed('\u3164\u200b')).toBeNull()
    expect(tamed('')).toBeNull()
  })

  test('behavior: a letter that looks like another stays, and is shown as what it is', () => {
    expect(tamed('UЅDC')).toBe('UЅDC') // U+0405, Cyrillic
  })

  test('behavior: a huge text is cut, never through a character; no UTF-8 is no text', () => {
    expect(tamed('x'.repeat(1 << 20))).toBe('x'.repeat(32))
    expect(tamed(`${'x'.repeat(31)}🚀`)).toBe('x'.repeat(31))
    expect(tamed('€'.repeat(1 << 20))).toBe('€'.repeat(32))
    expect(tamedText(Uint8Array.of(0xff, 0xfe), 32)).toBeNull()
  })

  test('property: at most so long, nothing deceptive in it, and the same when tamed again', () => {
    const law = fc.property(fc.string({ unit: 'binary' }), (text) => {
      const once = tamed(text)
      return once === null || (once.length <= 32 && !/[\p{Cc}\p{Cf}]/u.test(once) && tamed(once) === once)
    })
    expect(() => fc.assert(law, { numRuns: 200 })).not.toThrow()
  })
})
