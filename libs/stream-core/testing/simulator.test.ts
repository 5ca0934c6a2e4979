import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { addToTally, describeBreach, emptyTally, runScenario, runSeed, scenarioOf } from './simulator.ts'

const given = process.env['SEED']
const seeds = Number(process.env['STREAM_SEEDS'] ?? 1000)
const firstSeed = given === undefined ? randomInt(2 ** 31 - seeds) : Number(given)

describe('simulator', () => {
  // SEED=… plays one again; `npm run soak -- stream-core` for more of them.
  test(`property: in any weather jobs write and keep what a bare fold does (SEED=${firstSeed})`, async () => {
    let tally = emptyTally
    for (let seed = firstSeed; seed < firstSeed + (given === undefined ? seeds : 1); seed += 1) {
      const result = await runSeed(seed)
      if ('shrunk' in result) throw new Error(describeBreach(result))
      tally = addToTally(tally, result)
    }
    process.stdout.write(`simulator ${JSON.stringify(tally)}\n`)
    if (tally.seeds < 1000) return
    // The laws would hold of runs in which nothing happens.
    for (const kind of [...faultKinds, 'crash within a start', 'disk lost', 'savepoint taken'])
      expect(tally.met, kind).toHaveProperty([kind])
    for (const what of finders) expect(tally.covered, what).toHaveProperty([what])
  }, 600_000)

  test('behavior: a seed gives the same run each time, event by event', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      expect(await runScenario(scenarioOf(seed))).toEqual(await runScenario(scenarioOf(seed)))
    }
  })
})

const faultKinds = [
  'crash',
  'task-crash',
  'pause',
  'second-owner',
  'restart',
  'savepoint',
  'log-away',
  'log-full',
  'commit-unknown',
  'disk-full',
] as const
const finders = [
  ...['spent', 'big', 'quiet', 'received', 'late', 'level', 'priced', 'ticks', 'at', 'visit', 'memory', 'triple'],
  ...['met', 'watched', 'valued', 'ruled', 'told', 'rated'],
  ...['retracted', 'reverts', 'resumptions', 'returns', 'dead letters', 'spills', 'jobs of many tasks'],
]
