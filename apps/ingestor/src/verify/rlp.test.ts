import { encodeRlp } from 'ethers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RlpWriter } from './rlp.ts'

/** Hex bytes, or a list of items, as ethers takes them. */
type Item = string | Item[]

function write(rlp: RlpWriter, item: Item): void {
  if (typeof item === 'string') {
    expect(rlp.hex(item)).toBe(true)
    return
  }
  const end = rlp.length
  for (const one of item.toReversed()) write(rlp, one)
  rlp.list(end)
}

const hexOf = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`

describe('RlpWriter', () => {
  test('property: it writes what ethers writes, of items of any size and depth, one after the other', () => {
    const lengths = [0, 1, 1, 2, 54, 55, 56, 57, 255, 256, 300]
    const bytes = fc
      .tuple(fc.constantFrom(...lengths), fc.constantFrom('00', '7f', '80', 'ff'))
      .map(([length, byte]): Item => `0x${byte.repeat(length)}`)
    const list = (of: fc.Arbitrary<Item>) => fc.array(of, { maxLength: 6 })
    const items = fc.oneof(bytes, list(bytes), list(fc.oneof(bytes, list(list(bytes)))))
    const rlp = new RlpWriter()
    fc.assert(
      fc.property(items, (item) => {
        write(rlp, item)
        expect(hexOf(rlp.take())).toBe(encodeRlp(item))
      }),
      { numRuns: 300 },
    )
  })

  test('behavior: it grows with what is written', () => {
    const rlp = new RlpWriter()
    const item = [`0x${'ab'.repeat(200_000)}`, `0x${'cd'.repeat(70_000)}`]
    write(rlp, item)
    expect(hexOf(rlp.take())).toBe(encodeRlp(item))
  })

  test('default: a quantity has no leading zeros, and zero is the empty string', () => {
    const rlp = new RlpWriter()
    const written = ['0x0', '0x00', '0x7f', '0x80', '0x0400', '0x12345'].map((value) => {
      expect(rlp.quantity(value)).toBe(true)
      return hexOf(rlp.take())
    })
    expect(written).toEqual(['0x80', '0x80', '0x7f', '0x8180', '0x820400', '0x83012345'])
  })

  test('error: what is no hex writes nothing', () => {
    const rlp = new RlpWriter()
    for (const wrong of [undefined, null, 7, '', '12', '0x1', '0xzz', '0x12zz', '0x12 4'])
      expect([wrong, rlp.hex(wrong), rlp.length]).toEqual([wrong, false, 0])
    for (const wrong of [undefined, null, 7, '', '12', '0x', '0xz', '0x12zz'])
      expect([wrong, rlp.quantity(wrong), rlp.length]).toEqual([wrong, false, 0])
  })
})
