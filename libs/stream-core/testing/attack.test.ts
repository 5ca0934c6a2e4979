import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { runAttack } from './attack.ts'

const given = process.env['SEED']
const seeds = given === undefined ? Number(process.env['STREAM_RUNS'] ?? 100) : 1
const firstSeed = given === undefined ? randomInt(2 ** 31 - seeds) : Number(given)

describe('any topology', () => {
  test(`property: checkpoints, evictions, spills and crashes at any moment show in no output and no state (SEED=${firstSeed})`, async () => {
    const met: Record<string, number> = {}
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      try {
        for (const [what, count] of Object.entries(await runAttack(seed))) met[what] = (met[what] ?? 0) + count
      } catch (error) {
        throw new Error(`SEED=${seed} breaks a law.`, { cause: error })
      }
    }
    if (seeds < 100) return
    // The law would hold of runs in which nothing happens.
    for (const what of ['outputs', 'durable', 'failed', 'spills', 'crashes', 'crashes within a checkpoint']) {
      expect(met[what], what).toBeGreaterThan(0)
    }
  })
})
