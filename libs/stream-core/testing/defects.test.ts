import { describe, expect, test } from 'vitest'
import { defects } from './simulation/defects.ts'
import { BrokenLawError } from './simulation/simulate.ts'
import { describeBreach, runScenario, runSeed, scenarioOf } from './simulator.ts'

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

describe('runSeed', () => {
  test('behavior: a seed that fails shrinks to a smaller scenario that fails too, and only for what is broken', async () => {
    const [seed, name] = [3, 'a timer lost on restore']
    const defect = defects.find((one) => one.name === name)
    const breach = await runSeed(seed, defect, 12)
    if (!('shrunk' in breach)) throw new Error(`The seed ${seed} finds "${name}" no more: take another.`)
    const { shrunk } = breach
    const steps = ({ chain, prices }: typeof shrunk) => chain.length + prices.flat().length
    expect(steps(shrunk)).toBeLessThan(steps(scenarioOf(seed)))
    await expect(runScenario(shrunk, defect)).rejects.toThrow(BrokenLawError)
    await expect(runScenario(shrunk)).resolves.toBeDefined()
    expect(describeBreach(breach)).toMatch(new RegExp(`^SEED=${seed} breaks a law`))
  }, 120_000)
})
