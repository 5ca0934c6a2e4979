import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeFrame, encodeFrame, FrameError, type ExchangeItem } from './frame.ts'
import { controlTag, endStamp, firstStamp, type Stamp } from './stamp.ts'

const whole = fc.nat(2 ** 31).map((value) => value)
const time = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: 3 }))
const step = fc.record({
  section: fc.nat(3),
  place: time,
  input: fc.nat(200),
  offset: fc.oneof(
    fc.constant(-1),
    fc.maxSafeNat().map((value) => value - 1),
  ),
  ordinal: whole,
})
const tag = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const phase = fc.nat(900)

/** Neighbours often share their step, as elements of one record do. */
const items: fc.Arbitrary<readonly ExchangeItem[]> = fc
  .array(
    fc.tuple(step, fc.array(fc.tuple(phase, tag, fc.nat(8), fc.nat(300), time, fc.uint8Array()), { maxLength: 5 })),
  )
  .map((steps) =>
    steps.flatMap(([of, parts]) =>
      parts.map(([at, name, kind, number, when, value]): ExchangeItem => {
        const stamp: Stamp = { step: of, phase: at, tag: controlTag }
        const bytes = Buffer.from(value)
        switch (kind) {
          case 1:
            return { type: 'watermark', stamp, input: number, watermark: when }
          case 2:
            return { type: 'idle', stamp, input: number }
          case 3:
            return { type: 'active', stamp, input: number }
          case 4:
            return { type: 'clock', stamp, time: when }
          case 5:
            return { type: 'sealed', stamp, epoch: when }
          case 6:
            return { type: 'reverted', stamp, epoch: when }
          case 7:
            return { type: 'finalized', stamp, epoch: when }
          case 8:
            return { type: number % 2 === 0 ? 'rest' : 'fire', stamp }
          default:
            return {
              type: 'element',
              stamp: { ...stamp, tag: name },
              edge: number,
              timestamp: number % 2 === 0 ? when : of.place,
              value: bytes,
            }
        }
      }),
    ),
  )

describe('decodeFrame', () => {
  test('property: is what encodeFrame was given', () => {
    fc.assert(
      fc.property(
        items,
        fc.oneof(fc.constant(endStamp), fc.constant(firstStamp), fc.record({ step, phase, tag })),
        (all, progress) => {
          expect(decodeFrame(encodeFrame({ items: all, progress }))).toEqual({ items: all, progress })
        },
      ),
    )
  })
  test('error: bytes of another format are refused, and bytes that end too early', () => {
    const frame = encodeFrame({ items: [], progress: firstStamp })
    expect(() => decodeFrame(Buffer.from([9, ...frame.slice(1)]))).toThrow(FrameError)
    expect(() => decodeFrame(frame.slice(0, 1))).toThrow('A frame of 1 bytes ends too early.')
  })
  test('behavior: an element at the place of the one before it costs few bytes', () => {
    const at = { section: 0, place: 1_700_000_000_000, input: 0, offset: 5, ordinal: 0 }
    const element = (index: number): ExchangeItem => ({
      type: 'element',
      stamp: { step: at, phase: 1, tag: String.fromCharCode(index) },
      edge: 2,
      timestamp: at.place,
      value: Buffer.from('value'),
    })
    const sizes = [1, 2].map((count) => {
      const elements = Array.from({ length: count }, (_, index) => element(index))
      return encodeFrame({ items: elements, progress: firstStamp }).length
    })
    expect((sizes[1] ?? 0) - (sizes[0] ?? 0)).toBe(10)
  })
})
