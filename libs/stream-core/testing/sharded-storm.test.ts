import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shardedStorm, undisturbed } from './sharded-storm.ts'
import { priceHistory, storm } from './storm.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 8)

const histories = [storm, fc.tuple(priceHistory(0), priceHistory(1))] as const
const known = fc.sample(fc.tuple(...histories), { seed: 1, numRuns: 1 })
const weathers = {
  seed: fc.nat(),
  shards: fc.constantFrom(1, 2, 3, 4),
  standbys: fc.constantFrom(0, 1, 2),
  faults: fc.integer({ min: 0, max: 25 }),
}

describe('openShardedJob', () => {
  test('property: through any coming and going of processes, each key’s outputs are those of one that nothing befell', async () => {
    const met = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(...histories, fc.record(weathers), async ({ stormy }, prices, weather) => {
        const history = { chain: stormy, prices }
        const expected = await undisturbed(history)
        const { written, events, faults } = await shardedStorm(history, weather, expected)
        expect(written).toEqual(expected)
        for (const kind of [...events, ...faults]) met.set(kind, (met.get(kind) ?? 0) + 1)
      }),
      // One that is known to meet them all; what befalls others is up to chance.
      { numRuns: runs, examples: known.map((one) => [...one, { seed: 1, shards: 2, standbys: 1, faults: 25 }]) },
    )
    expect([...met.keys()]).toEqual(
      expect.arrayContaining(['taken', 'released', 'standing-by', 'crash', 'stop', 'full']),
    )
  })
})

describe('planTrim', () => {
  test('property: whatever it says may go, at any moment, nobody who takes over or stands by ever asks for', async () => {
    let trimmed = 0
    await fc.assert(
      fc.asyncProperty(...histories, fc.record(weathers), async ({ stormy }, prices, weather) => {
        const history = { chain: stormy, prices }
        const expected = await undisturbed(history)
        const report = await shardedStorm(history, { ...weather, isTrimmedByHand: true }, expected)
        expect(report.written).toEqual(expected)
        trimmed += report.trimmed
      }),
      // One in which there is something to trim.
      { numRuns: runs, examples: known.map((one) => [...one, { seed: 1, shards: 2, standbys: 1, faults: 25 }]) },
    )
    expect(trimmed).toBeGreaterThan(0)
  })
})
