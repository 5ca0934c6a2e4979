import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isRecordedDataMissing } from './recorded-range.ts'
import { runDetectorReorgStorm } from './reorg-storm.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const reverts = 1000
const maxDepth = 64

// `npm run soak -- stream-core --storm` for 10,000; SEED=… plays one again.
describe.skipIf(isRecordedDataMissing)('runDetectorReorgStorm', () => {
  test(`property: after a thousand reverts state and alerts are those of the canonical run (SEED=${seed})`, () => {
    const report = runDetectorReorgStorm({ seed, reverts, maxDepth })
    process.stdout.write(`reorg storm over all detectors ${JSON.stringify({ seed, ...report })}\n`)
    expect(report.blocks).toBeGreaterThan(maxDepth)
    expect(report.reverts).toBeGreaterThan(reverts * 0.9)
    expect(report.deepest).toBeGreaterThan(maxDepth / 2)
    expect(report.standing).toBeGreaterThan(5)
    expect(report.retracted).toBeGreaterThan(reverts)
  }, 300_000)
})
