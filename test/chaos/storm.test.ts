import { randomInt } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { runStorm } from './storm.ts'

const given = process.env['SEED']
const seeds = given === undefined ? [randomInt(2 ** 31), randomInt(2 ** 31)] : [Number(given)]

// `npm run soak -- chaos --rounds N` for longer ones; SEED=… plays one again.
describe('tocsin start', () => {
  test.each(seeds)(
    'property: after a storm all is as if only the final chain had been (SEED=%i)',
    async (seed) => {
      const report = await runStorm(seed, 16)
      process.stdout.write(`storm ${JSON.stringify(report)}\n`)
      expect(report.alerts).toBeGreaterThan(0)
    },
    400_000,
  )
})
