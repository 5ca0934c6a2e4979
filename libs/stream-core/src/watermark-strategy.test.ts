import { describe, expect, test } from 'vitest'
import { testDriver } from '../testing/test-driver.ts'
import type { SourceCodec } from './source.ts'
import { StreamBuilder } from './stream.ts'
import { TopologyError } from './topology.ts'
import { withIdleness, type WatermarkStrategy } from './watermark-strategy.ts'

const never: SourceCodec<number> = {
  decode: () => {
    throw new Error('records are pushed')
  },
}
const driverOf = (watermarks: WatermarkStrategy<number>) => {
  const builder = new StreamBuilder({ job: 'watermarks', version: '1' })
  builder.source<number>('in', { topic: 'in', codec: never, watermarks })
  return testDriver(builder.build())
}

/** The watermark after each element; its value is its timestamp. */
const watermarksOf = (strategy: WatermarkStrategy<number>, timestamps: readonly number[]) => {
  const driver = driverOf(strategy)
  return timestamps.map((timestamp) => {
    driver.push('in', { type: 'element', timestamp, value: timestamp })
    return driver.watermark
  })
}

describe('WatermarkStrategy', () => {
  test('default: in-log, elements move nothing', () => {
    expect(watermarksOf({ type: 'in-log' }, [10, 20])).toEqual([null, null])
  })
  test('behavior: bounded-out-of-orderness trails the highest timestamp', () => {
    const strategy = { type: 'bounded-out-of-orderness', delay: 5 } as const
    expect(watermarksOf(strategy, [10, 8, 20, 19])).toEqual([4, 4, 14, 14])
  })
  test('behavior: ascending is right behind it', () => {
    expect(watermarksOf({ type: 'ascending' }, [10, 8, 20])).toEqual([9, 9, 19])
  })
  test('behavior: punctuated elements carry a watermark or none, and one that goes back is passed over', () => {
    const watermarkOf = (value: number, timestamp: number) => (value % 2 === 0 ? timestamp : null)
    expect(watermarksOf({ type: 'punctuated', watermarkOf }, [11, 10, 13, 8, 14])).toEqual([null, 10, 10, 10, 14])
  })
  test('error: where a punctuation throws the element counts, and a dead letter tells of it', () => {
    const driver = driverOf({
      type: 'punctuated',
      watermarkOf: () => {
        throw new Error('no watermark in it')
      },
    })
    driver.push('in', { type: 'element', timestamp: 1, value: 1 })
    expect(driver.deadLetters()).toMatchObject([{ operator: 'in', reason: 'no watermark in it' }])
  })
  test('behavior: watermarks in the log count with every strategy', () => {
    const driver = driverOf({ type: 'ascending' })
    driver.push('in', { type: 'element', timestamp: 10, value: 1 }, { type: 'watermark', watermark: 30 })
    expect(driver.watermark).toBe(30)
  })
  test('error: a delay below 0, a time-out of 0', () => {
    expect(() => driverOf({ type: 'bounded-out-of-orderness', delay: -1 })).toThrow(TopologyError)
    expect(() => withIdleness({ type: 'in-log' }, 0)).toThrow(TopologyError)
    expect(() => withIdleness({ type: 'in-log' }, Number.NaN)).toThrow(TopologyError)
  })
})
