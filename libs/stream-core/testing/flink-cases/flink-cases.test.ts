import { describe, expect, test } from 'vitest'
import { areCasesThere, caseFile, cases, total } from './case.ts'
import { deviations } from './deviations.ts'
import { runCase } from './run-case.ts'

test.runIf(areCasesThere || process.env['CI'] !== undefined)('the cases are there, each once', () => {
  expect(cases, `${caseFile} is missing`).toHaveLength(209)
  expect(total).toBe(209)
  expect(new Set(cases.map(({ id }) => id)).size).toBe(209)
})

describe.runIf(areCasesThere)('deviations', () => {
  test('each is of a case', () => {
    const ids = new Set(cases.map(({ id }) => id))
    expect(Object.keys(deviations).filter((id) => !ids.has(id))).toEqual([])
  })
  test.for(cases.filter(({ id }) => id in deviations))('behavior: $id is not met', async (one) => {
    await expect(runCase(one)).rejects.toThrow(deviations[one.id]?.failsWith ?? 'unreachable: filtered above')
  })
})

const ordinary = cases.filter(({ id }) => !(id in deviations))
describe.runIf(areCasesThere).for([...new Set(ordinary.map(({ kind }) => kind))])('%s', (kind) => {
  test.for(ordinary.filter((one) => one.kind === kind))('$id', async (one) => {
    await expect(runCase(one)).resolves.toBeUndefined()
  })
})
