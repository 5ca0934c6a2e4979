import { randomInt } from 'node:crypto'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { recordedTransfers } from './recorded-transfers.ts'
import { generatedBlocks, runReorgStorm } from './reorg-storm.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const reverts = 1000
const maxDepth = 64

const shared = resolve(process.env['TOCSIN_SHARED'] ?? join(import.meta.dirname, '../../../../shared'))
const recorded = recordedTransfers(join(shared, 'chain-data'))
if (recorded === undefined && process.env['CI']) throw new Error(`${shared}/chain-data is not there. In CI it must be.`)

// `npm run soak -- stream-core --storm` for 10,000; SEED=… plays one again.
describe('runReorgStorm', () => {
  test(`property: over generated blocks, state and what stands are the canonical run's (SEED=${seed})`, () => {
    const report = runReorgStorm(generatedBlocks(seed, 150), { seed, reverts, maxDepth })
    process.stdout.write(`reorg storm over generated blocks ${JSON.stringify({ seed, ...report })}\n`)
    expect(report.reverts).toBeGreaterThan(reverts * 0.9)
    expect(report.deepest).toBeGreaterThan(maxDepth / 2)
    expect(report.retracted).toBeGreaterThan(reverts)
  }, 300_000)

  test.skipIf(recorded === undefined)(
    `property: over recorded blocks, state and what stands are the canonical run's (SEED=${seed})`,
    () => {
      const report = runReorgStorm(recorded ?? [], { seed, reverts, maxDepth })
      process.stdout.write(`reorg storm over recorded blocks ${JSON.stringify({ seed, ...report })}\n`)
      expect(report.blocks).toBeGreaterThan(70)
      expect(report.standing).toBeGreaterThan(500)
      expect(report.retracted).toBeGreaterThan(reverts)
    },
    300_000,
  )
})
