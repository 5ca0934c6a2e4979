import { describe, expect, test } from 'vitest'
import { askChecks } from './health.ts'

describe('askChecks', () => {
  test('default: ready when nothing is down', async () => {
    expect(
      await askChecks({ b: () => ({ status: 'up', detail: '3 topics' }), a: async () => ({ status: 'up' }) }),
    ).toEqual({
      status: 'ready',
      checks: { a: { status: 'up' }, b: { status: 'up', detail: '3 topics' } },
    })
  })

  test('error: a check that does not answer in time is down, and the others are still told', async () => {
    expect(await askChecks({ slow: () => new Promise(() => {}), fast: () => ({ status: 'up' }) }, 20)).toEqual({
      status: 'not-ready',
      checks: { fast: { status: 'up' }, slow: { status: 'down', reason: 'no answer within 20 ms' } },
    })
  })
})
