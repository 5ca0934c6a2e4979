import { describe, expect, test } from 'vitest'
import { defects } from './simulation/defects.ts'
import { BrokenLawError } from './simulation/simulate.ts'
import { runScenario, scenarioOf } from './simulator.ts'

/** Seeds from 1 on, within which each defect is found. */
const bound = 120

test(`property: the seeds 1 to ${bound} hold as long as nothing is broken`, async () => {
  for (let seed = 1; seed <= bound; seed += 1) {
    await expect(runScenario(scenarioOf(seed)), `seed ${seed}`).resolves.toBeDefined()
  }
}, 300_000)

describe(`the simulator finds, within the same ${bound} seeds,`, () => {
  test.each(defects)(
    '$name',
    async (defect) => {
      for (let seed = 1; seed <= bound; seed += 1) {
        try {
          await runScenario(scenarioOf(seed), defect)
        } catch (error) {
          expect(error).toBeInstanceOf(BrokenLawError)
          process.stdout.write(`${defect.name}: seed ${seed}, ${String(error).split('\n')[0]}\n`)
          return
        }
      }
      expect.unreachable(`${defect.name}: not found in ${bound} seeds`)
    },
    120_000,
  )
})
