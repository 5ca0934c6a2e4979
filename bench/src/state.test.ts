import { describe, expect, test } from 'vitest'
import { state } from './state.ts'

describe('state', () => {
  test('default: each shape is measured with all its keys in one checkpoint, restored, and fired', async () => {
    const answers: Record<string, unknown>[] = []
    for await (const answer of state(['--keys', '2000'])) answers.push({ ...answer })
    const [store, ...ofShapes] = answers
    expect(store).toMatchObject({ measure: 'store', keys: 2000, stretchOfOneBatch: expect.any(Number) as number })
    expect(ofShapes.map(({ shape, measure }) => `${String(shape)} ${String(measure)}`)).toEqual([
      'timers checkpoint',
      'timers restart',
      'timers cold-reads',
      'timers fire',
      'timers-at-once checkpoint',
      'timers-at-once restart',
      'timers-at-once fire',
      'window checkpoint',
      'window restart',
      'window fire',
    ])
    const [checkpoint, restart] = ofShapes
    expect(checkpoint?.['cells']).toBeGreaterThanOrEqual(2000)
    expect(restart).toMatchObject({ keys: 2001 })
    expect(restart?.['timers']).toBeGreaterThanOrEqual(2001)
    expect(restart?.['firstOutput']).not.toBeNull()
  })

  test('error: a shape that is not known', async () => {
    await expect(state(['--shape', 'round']).next()).rejects.toThrow('a known shape')
  })
})
