import { describe, expect, test } from 'vitest'
import { testDriver } from '../testing/test-driver.ts'
import type { SourceCodec } from './source.ts'
import { StreamBuilder } from './stream.ts'
import { WatermarkMultiplexer } from './watermark-multiplexer.ts'

const never: SourceCodec<number> = {
  decode: () => {
    throw new Error('records are pushed')
  },
}

describe('WatermarkMultiplexer', () => {
  test('default: the lowest of the partitions, and it never goes back', () => {
    const multiplexer = new WatermarkMultiplexer([0, 1])
    multiplexer.advance(0, 7)
    expect(multiplexer.watermark).toBe(Number.MIN_SAFE_INTEGER)
    multiplexer.advance(1, 5)
    multiplexer.advance(1, 3)
    expect(multiplexer.watermark).toBe(5)
  })
  test('behavior: a snapshot holds all of it', () => {
    const before = new WatermarkMultiplexer([0, 1, 2])
    before.advance(0, 7)
    before.setIdle(1, true)
    before.advance(2, 9)
    const after = new WatermarkMultiplexer([0, 1, 2])
    after.restore(before.snapshot())
    expect(after.snapshot()).toEqual(before.snapshot())
    after.setIdle(0, true)
    expect([after.watermark, after.isIdle]).toEqual([9, false])
  })
  test('behavior: a partition of a source that wakes up behind the others holds them until it has caught up', () => {
    const builder = new StreamBuilder({ job: 'partitions', version: '1' })
    builder.source<number>('in', { topic: 'in', codec: never, watermarks: { type: 'ascending' } })
    const driver = testDriver(builder.build(), { partitions: { in: 2 } })
    const element = (timestamp: number) => ({ type: 'element', timestamp, value: timestamp }) as const
    driver.pushTo('in', 0, element(10))
    driver.pushTo('in', 1, element(10), { type: 'idle', time: 10 })
    driver.pushTo('in', 0, element(20))
    expect(driver.watermark).toBe(19)
    driver.pushTo('in', 1, element(15))
    driver.pushTo('in', 0, element(30))
    expect(driver.watermark).toBe(19)
    driver.pushTo('in', 1, element(26), element(45))
    driver.pushTo('in', 0, element(40))
    expect(driver.watermark).toBe(25)
  })
})
