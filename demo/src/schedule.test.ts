import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blockSeconds, incidentsBetween, isCalm, past, stepsAt, takenBackAt } from './schedule.ts'

const live = past.blocks + 1

describe('stepsAt', () => {
  test('default: within 60 s of live blocks every detector has its fraud, and one is taken back', () => {
    const done = new Map<string, number>()
    for (let block = 1; block <= live + 60 / blockSeconds; block++) {
      for (const { incident, step } of stepsAt(block))
        if (step === incident.attack.steps.at(-1) && incident.attack.takenBackAfter === undefined)
          done.set(incident.attack.detector, (block - live) * blockSeconds)
      const reorg = takenBackAt(block)
      if (reorg !== undefined) done.set(`${reorg.incident.attack.detector} taken back`, (block - live) * blockSeconds)
    }
    expect(Object.fromEntries(done)).toEqual({
      'running-total': 6,
      'pass-through': 12,
      'transfer-volume': 12,
      'price-deviation': 18,
      'pass-through taken back': 40,
    })
  })

  test('property: the steps of every incident come at its own blocks, each once, also far into the future', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (block) => {
        for (const incident of incidentsBetween(block, block + 100))
          for (const step of incident.attack.steps) {
            const found = stepsAt(incident.start + step.after).filter((at) => at.step === step)
            expect(found.map((at) => at.incident.start)).toEqual([incident.start])
          }
      }),
      { numRuns: 30 },
    )
  })
})

describe('isCalm', () => {
  test('property: a chain that is started anew at a calm block has all blocks that a reorg takes back', () => {
    const blocks = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)
    const cut = blocks(live, 2_000)
      .filter(isCalm)
      .filter((block) => blocks(block + 1, 90).some((next) => next - (takenBackAt(next)?.depth ?? 0) < block))
    expect(cut).toEqual([])
  })

  test('behavior: most blocks are calm', () => {
    const blocks = Array.from({ length: 1_000 }, (_, index) => live + 60 + index)
    expect(blocks.filter(isCalm).length).toBeGreaterThan(900)
  })
})
