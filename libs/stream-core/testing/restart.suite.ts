import fc from 'fast-check'
import { expect, test } from 'vitest'
import { forkedHistory } from './sided-history.ts'
import type { TestDriver } from './test-driver.ts'

/** The law of a restart for an operator with two inputs: after any record of a history, it shows in no output. */
export const restartSuite = <Given>(given: fc.Arbitrary<Given>, create: (given: Given) => TestDriver): void => {
  test('property: a process that restarts anywhere in a history gives the same outputs', async () => {
    await fc.assert(
      fc.asyncProperty(given, forkedHistory, fc.nat(100), async (one, { stormy }, at) => {
        const [driver, plain] = [create(one), create(one)]
        driver.push('in', ...stormy.slice(0, at))
        await driver.restore(await driver.checkpoint())
        driver.push('in', ...stormy.slice(at))
        plain.push('in', ...stormy)
        for (const each of [driver, plain]) each.end()
        expect(driver.outputs()).toEqual(plain.outputs())
      }),
      { numRuns: 50 },
    )
  })
}
