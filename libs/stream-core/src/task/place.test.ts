import { describe, expect, test } from 'vitest'
import type { SourceRecord } from '../source.ts'
import { maxTimestamp, minTimestamp } from '../time.ts'
import { nextInSequence, placeOf, type PlacedInput } from './place.ts'

const element = (timestamp: number): SourceRecord<null> => ({ type: 'element', timestamp, value: null })
const input = (head: SourceRecord<null> | undefined, more: Partial<PlacedInput> = {}): PlacedInput => ({
  peek: () => head,
  bound: minTimestamp,
  isIdle: false,
  hasEnded: false,
  isSilentAt: () => false,
  ...more,
})

const at50 = input(undefined, { bound: 50 })

describe('placeOf', () => {
  test('default: an element stands at its timestamp, but never before what its input has promised', () => {
    expect(placeOf(element(70), at50)).toBe(70)
    expect(placeOf(element(40), at50)).toBe(50)
  })
  test('behavior: a control record stands as early as it can', () => {
    expect(placeOf({ type: 'sealed', epoch: 1, watermark: 99 }, at50)).toBe(50)
    expect(placeOf({ type: 'idle', time: 60 }, at50)).toBe(60)
    expect(placeOf({ type: 'clock', time: 99 }, at50)).toBe(50)
  })
  test('behavior: the clock of a silent input stands at its time', () => {
    const silent = { bound: 50, isSilentAt: (time: number) => time >= 60 }
    expect(placeOf({ type: 'clock', time: 60 }, silent)).toBe(60)
    expect(placeOf({ type: 'clock', time: 59 }, silent)).toBe(50)
    expect(placeOf({ type: 'clock', time: 61 }, { ...silent, bound: 70 })).toBe(70)
  })
})

describe('nextInSequence', () => {
  test('default: the least place comes first, and at one place the input declared first', () => {
    expect(nextInSequence([input(element(7)), input(element(5))])).toBe(1)
    expect(nextInSequence([input(element(5)), input(element(5))])).toBe(0)
  })
  test('behavior: it waits for an input that may have something before', () => {
    expect(nextInSequence([input(element(5)), input(undefined, { bound: 4 })])).toBeUndefined()
    expect(nextInSequence([input(element(5)), input(undefined, { bound: 5 })])).toBe(0)
    expect(nextInSequence([input(undefined, { bound: 5 }), input(element(5))])).toBeUndefined()
  })
  test('behavior: nobody waits for an input that is idle or at its end', () => {
    expect(nextInSequence([input(element(5)), input(undefined, { isIdle: true })])).toBe(0)
    const ended = input(undefined, { hasEnded: true, bound: maxTimestamp })
    expect(nextInSequence([ended, input(element(5))])).toBe(1)
  })
})
