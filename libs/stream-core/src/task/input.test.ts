import { describe, expect, test } from 'vitest'
import { StreamBuilder, type SourceCodec, type SourceRecord } from '@tocsin/stream-core'
import { testDriver } from '@tocsin/stream-core/testing'
import { TimestampError } from '../time.ts'
import { EpochError } from './errors.ts'
import { Input } from './input.ts'

const inputOf = (records: readonly SourceRecord<unknown>[]) => {
  const codec = { decode: () => records }
  const input = new Input({ topic: 'in', codec, watermarks: { type: 'in-log' }, epochs: false }, 0, false)
  input.offer([{ offset: 0, key: null, value: new Uint8Array() }], 1)
  return input
}
const errorOf = (record: SourceRecord<unknown>): unknown => {
  const taken = inputOf([record]).peek()
  return taken?.type === 'undecodable' ? taken.error : null
}
const unfit = [Number.NaN, 1.5, Infinity, 2 ** 53]

describe('Input', () => {
  test('default: each record of a log record in turn, with the position between them', () => {
    const input = inputOf([
      { type: 'watermark', watermark: 5 },
      { type: 'idle', time: 6 },
    ])
    expect([input.peek()?.type, input.position]).toEqual(['watermark', { offset: 0, ordinal: 0 }])
    input.take()
    expect([input.peek()?.type, input.position]).toEqual(['idle', { offset: 0, ordinal: 1 }])
    input.take()
    expect([input.peek(), input.position]).toEqual([undefined, { offset: 1, ordinal: 0 }])
  })

  test('behavior: many records come one by one, and behind a rewind again from where it stood', () => {
    const codec: SourceCodec<number> = {
      decode: ([value = 0]) => ({ type: 'element', timestamp: value, value }),
    }
    const input = new Input({ topic: 'in', codec, watermarks: { type: 'in-log' }, epochs: false }, 0, true)
    const all = Array.from({ length: 200 }, (_, offset) => offset)
    input.offer(
      all.map((offset) => ({ offset, key: null, value: Uint8Array.of(offset) })),
      200,
    )
    const take = (count: number) =>
      Array.from({ length: count }, () => {
        const next = input.peek()
        input.take()
        return next?.type === 'element' ? next.value : next
      })
    expect(take(100)).toEqual(all.slice(0, 100))
    const then = input.snapshot()
    expect(take(70)).toEqual(all.slice(100, 170))
    input.rewind(then)
    expect(take(101)).toEqual([...all.slice(100), undefined])
  })

  test('behavior: text is decoded where a record has it, and bytes where it has none or the codec reads none', () => {
    const element = (value: string): SourceRecord<string> => ({ type: 'element', timestamp: 1, value })
    const decode = (value: Uint8Array) => element(`bytes ${Buffer.from(value).toString()}`)
    const decodeText = (text: string) => {
      if (text === 'bad') throw new Error('not read')
      return element(`text ${text}`)
    }
    const value = Buffer.from('v')
    const records = [
      { offset: 0, key: null, value, text: 'v' },
      { offset: 1, key: null, value, text: null },
      { offset: 2, key: null, value },
      { offset: 3, key: null, value, text: 'bad' },
      { offset: 4, key: null, value, text: '' },
    ]
    const taken = (codec: SourceCodec<string>) => {
      const input = new Input({ topic: 'in', codec, watermarks: { type: 'in-log' }, epochs: false }, 0, false)
      input.offer(records, records.length)
      return records.map(() => {
        const record = input.peek()
        input.take()
        return record?.type === 'element' ? record.value : record?.type
      })
    }
    expect(taken({ decode, decodeText })).toEqual(['text v', 'bytes v', 'bytes v', 'undecodable', 'text '])
    expect(taken({ decode })).toEqual(records.map(() => 'bytes v'))
  })

  test.each(unfit)('error: an element, a watermark, idleness and a clock at %d are undecodable', (time) => {
    const records: readonly SourceRecord<unknown>[] = [
      { type: 'element', timestamp: time, value: 1 },
      { type: 'watermark', watermark: time },
      { type: 'idle', time },
      { type: 'clock', time },
    ]
    for (const record of records) {
      expect(errorOf(record)).toBeInstanceOf(TimestampError)
      expect(errorOf(record)).toMatchObject({ message: expect.stringContaining(`is ${time}, no whole number`) })
    }
  })
  test.each(unfit)('error: an epoch that is sealed with the watermark %d stops the task', (watermark) => {
    expect(errorOf({ type: 'sealed', epoch: 7, watermark })).toBeInstanceOf(EpochError)
    const builder = new StreamBuilder({ job: 'job', version: '1' })
    builder.source('in', { topic: 'in', codec: { decode: () => [] }, watermarks: { type: 'in-log' }, epochs: true })
    expect(() => testDriver(builder.build()).push('in', { type: 'sealed', epoch: 7, watermark })).toThrow(
      `Epoch 7 is sealed with the watermark ${watermark}`,
    )
  })
  test('behavior: a watermark that is none is a dead letter, and the next one counts', () => {
    const builder = new StreamBuilder({ job: 'job', version: '1' })
    builder.source('in', { topic: 'in', codec: { decode: () => [] }, watermarks: { type: 'in-log' } })
    const driver = testDriver(builder.build())
    driver.push('in', { type: 'watermark', watermark: 5 }, { type: 'watermark', watermark: Number.NaN })
    expect([driver.watermark, driver.deadLetters().map(({ code }) => code)]).toEqual([5, ['STREAM_TIMESTAMP']])
    driver.push('in', { type: 'watermark', watermark: 6 })
    expect(driver.watermark).toBe(6)
  })
})
