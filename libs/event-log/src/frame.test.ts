import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogRecord } from './event-log.ts'
import { decodeFrame, encodeFrame } from './frame.ts'

const bytes = fc.uint8Array({ maxLength: 60 })
const ascii = fc.string({ unit: 'binary-ascii', maxLength: 60 }).map((text) => Uint8Array.from(Buffer.from(text)))
const anyText = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Uint8Array.from(Buffer.from(text)))
const frames = (value: fc.Arbitrary<Uint8Array>) =>
  fc.array(fc.record({ key: fc.option(bytes), value }), { minLength: 1, maxLength: 20 })

const framed = (records: readonly { readonly key: Uint8Array | null; readonly value: Uint8Array }[]) =>
  encodeFrame(records.map((record) => ({ topic: 't', partition: 0, ...record })))
const decoded = (last: number, frame: Uint8Array, from: number) => {
  const records: LogRecord[] = []
  decodeFrame(last, frame, from, records)
  return records
}
/** As hex, four bytes a word. */
const wordsOf = (frame: Uint8Array) =>
  Buffer.from(frame)
    .toString('hex')
    .match(/.{1,8}/g)
    ?.join(' ')
const plain = ({ key, value }: Pick<LogRecord, 'key' | 'value'>) => ({ key: key && [...key], value: [...value] })

describe('encodeFrame', () => {
  test('default: values lie in one stretch behind where each of them ends', () => {
    const frame = framed([
      { key: null, value: Buffer.from('ab') },
      { key: null, value: Buffer.from('cde') },
    ])
    expect(wordsOf(frame)).toBe('03010000 00000002 00000002 00000005 61626364 65')
  })
  test('behavior: keys lie before the values, and what is not ASCII is not said to be', () => {
    const frame = framed([
      { key: Buffer.from('k'), value: Buffer.from([0xff]) },
      { key: null, value: Buffer.from([]) },
    ])
    expect(wordsOf(frame)).toBe('03020000 00000002 00000001 00000001 00000002 00000000 6bff')
  })
})

describe('decodeFrame', () => {
  test('property: what was encoded comes back from any offset on', () => {
    const anyFrame = fc.oneof(frames(bytes), frames(ascii), frames(anyText))
    fc.assert(
      fc.property(anyFrame, fc.nat(2 ** 40), fc.nat(30), (records, first, skipped) => {
        const got = decoded(first + records.length - 1, framed(records), first + skipped)
        expect(got.map(plain)).toEqual(records.slice(skipped).map(plain))
        expect(got.map(({ offset }) => offset)).toEqual(records.slice(skipped).map((_, i) => first + skipped + i))
      }),
      { numRuns: 500 },
    )
  })
  test('property: text is that of the bytes in whatever order it is asked for, and null for what is none', () => {
    const anyFrame = fc.oneof(frames(bytes), frames(ascii), frames(anyText))
    fc.assert(
      fc.property(anyFrame, fc.array(fc.nat(19)), (records, order) => {
        const got = decoded(records.length - 1, framed(records), 0)
        for (const index of [...order, ...records.keys()]) {
          const record = got[index]
          if (record === undefined) continue
          const text = Buffer.from(record.value).toString()
          expect([record.text, record.size]).toEqual([text.includes('\ufffd') ? null : text, record.value.length])
        }
      }),
      { numRuns: 500, examples: [[[{ key: null, value: Buffer.from('a\ufffdb') }], []]] },
    )
  })
  test('behavior: a frame of format 2 is read', () => {
    const frame = Buffer.from('000000030000000000000002616200000002000000016bc30000000100000000', 'hex')
    const records = decoded(8, frame, 6)
    expect(records.map(plain)).toEqual(
      [
        { key: null, value: Buffer.from('ab') },
        { key: Buffer.from('k'), value: Buffer.from([0xc3]) },
        { key: Buffer.from([]), value: Buffer.from([]) },
      ].map(plain),
    )
    expect(records.map(({ offset, text }) => [offset, text])).toEqual([
      [6, 'ab'],
      [7, null],
      [8, ''],
    ])
    expect(decoded(8, frame, 8).map(({ offset }) => offset)).toEqual([8])
  })
})
