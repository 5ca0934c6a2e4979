import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { runIngestKillStorm } from './ingest-kill-storm.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const kills = 20

// `npm run soak -- ingest --kills 200` for more; SEED=… gives the same chain and the same moments.
describe('followChain', () => {
  test(`behavior: a process killed ${kills} times with kill -9 leaves the log of one left alone (SEED=${seed})`, async () => {
    const { hits, wrote, blocks, records } = await runIngestKillStorm({ seed, kills })
    process.stdout.write(`killed ${hits} times, ${wrote} after it had written, ${blocks} blocks, ${records} records\n`)
    expect(hits).toBe(kills)
    // Else the kills met nothing.
    expect(wrote).toBeGreaterThan(kills / 4)
    expect(records).toBeGreaterThan(blocks * 2)
  }, 300_000)
})
