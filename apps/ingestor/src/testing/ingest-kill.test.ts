import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { runIngestKillStorm } from './ingest-kill-storm.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const kills = 14
const killsWithReorgs = 6

// `npm run soak -- ingest --kills 200` for more; SEED=… gives the same chain and the same moments.
describe('followChain', () => {
  test(`behavior: a process killed ${kills} times with kill -9 leaves the log of one left alone (SEED=${seed})`, async () => {
    const report = await runIngestKillStorm({ seed, kills })
    const { hits, wrote, backfilling, blocks, records } = report
    process.stdout.write(`${JSON.stringify(report)}\n`)
    expect(hits).toBe(kills)
    // Else the kills met nothing.
    expect(wrote).toBeGreaterThan(kills / 4)
    expect(backfilling).toBeGreaterThan(0)
    expect(records).toBeGreaterThan(blocks * 2)
  }, 600_000)

  test(`behavior: so it does where the newest blocks are replaced meanwhile (SEED=${seed})`, async () => {
    const report = await runIngestKillStorm({ seed, kills: killsWithReorgs, reorgs: true })
    process.stdout.write(`${JSON.stringify(report)}\n`)
    expect(report.hits).toBe(killsWithReorgs)
  }, 600_000)
})
