import { describe, expect, test } from 'vitest'
import { compareWithFlink } from './flink-comparison.ts'

const verdicts = (job: string, share: number) =>
  compareWithFlink(job, share).map(({ setting, twice }) => ({ setting, twice }))

describe('compareWithFlink', () => {
  test('default: a published range as shares of bare JSON.parse, as wide as its noise allows', () => {
    // 146,000 of 950,000, and 194,000 of 840,000.
    const flinkShare = { lowest: 0.154, highest: 0.231 }
    expect(compareWithFlink('j3', 0.5)).toEqual([{ setting: 'heap', flinkShare, twice: 'reached' }])
  })

  test('behavior: twice the highest is reached, twice the lowest lies within the range, less is missed', () => {
    expect(verdicts('j3', (2 * 194) / 840)).toEqual([{ setting: 'heap', twice: 'reached' }])
    expect(verdicts('j3', (2 * 194) / 840 - 0.001)).toEqual([{ setting: 'heap', twice: 'within the range' }])
    expect(verdicts('j3', (2 * 146) / 950)).toEqual([{ setting: 'heap', twice: 'within the range' }])
    expect(verdicts('j3', (2 * 146) / 950 - 0.001)).toEqual([{ setting: 'heap', twice: 'missed' }])
  })

  test('behavior: each setting that was measured is compared by itself', () => {
    expect(verdicts('j1', 0.2)).toEqual([
      { setting: 'heap', twice: 'within the range' },
      { setting: 'RocksDB', twice: 'reached' },
    ])
    expect(verdicts('j2', 0.15)).toEqual([
      { setting: 'heap', twice: 'missed' },
      { setting: 'in event order', twice: 'reached' },
    ])
  })

  test('behavior: a job that Flink was not given has nothing beside it', () => {
    expect(compareWithFlink('sessions', 0.2)).toEqual([])
  })
})
