import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { runKillStorm } from './kill-storm.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const kills = 100

// `npm run soak -- stream-core --kills 1000` for more; SEED=… gives the same history and the same moments.
describe('openJob', () => {
  test(`behavior: a process killed ${kills} times with kill -9 leaves what one left alone leaves (SEED=${seed})`, async () => {
    const report = await runKillStorm({ seed, kills })
    const hits = report.kills.filter(({ hit }) => hit)
    const moments = hits.map(({ after, ms }) => `${after}+${ms}`).join(' ')
    process.stdout.write(
      `killed ${hits.length} times, ${report.rolledBack} of them between two parts of a checkpoint, ${report.records} records, ${report.outputs} outputs: ${moments}\n`,
    )
    expect(hits.length).toBeGreaterThan(kills * 0.8)
    expect(report.outputs).toBeGreaterThan(kills)
  }, 600_000)
})
