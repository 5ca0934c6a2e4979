import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockWindow, planSpan, type SpanLimits } from './backfill-plan.ts'

const limits: SpanLimits = { maxLiveBlocks: 16, maxBackfillBlocks: 1_024, minBackfillBlocks: 64 }

describe('planSpan', () => {
  test('default: spans of final history, then a few blocks at a time, then what is new', () => {
    const at = (next: number) => planSpan({ next, head: 20_000, final: 19_936 }, limits)
    expect([1, 19_800, 19_900, 20_000, 20_001].map(at)).toEqual([
      { type: 'backfill', count: 1_024 },
      { type: 'backfill', count: 137 },
      { type: 'live', count: 16 },
      { type: 'live', count: 1 },
      { type: 'live', count: 0 },
    ])
  })

  test('behavior: where nothing is final, or a final block is claimed above the head, nothing above the head is taken', () => {
    expect(planSpan({ next: 1, head: 500, final: -1 }, limits)).toEqual({ type: 'live', count: 16 })
    expect(planSpan({ next: 1, head: 100, final: 900 }, limits)).toEqual({ type: 'backfill', count: 100 })
  })

  test('property: span after span covers every block up to the head once, and no backfill goes above what is final', () => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), fc.nat(6_000), (from, head, final) => {
        const taken: number[] = []
        for (let next = from; ;) {
          const { type, count } = planSpan({ next, head, final }, limits)
          if (count === 0) break
          expect(count).toBeLessThanOrEqual(type === 'live' ? limits.maxLiveBlocks : limits.maxBackfillBlocks)
          if (type === 'backfill') expect(next + count - 1).toBeLessThanOrEqual(final)
          for (; taken.length < next + count - from;) taken.push(from + taken.length)
          next += count
        }
        expect(taken.length).toBe(Math.max(0, head - from + 1))
      }),
    )
  })
})

describe('BlockWindow', () => {
  test('behavior: of blocks that are alike it holds no more than it may, and one always, however large', () => {
    const window = new BlockWindow({ maxBlocks: 100, maxBytes: 1_000 })
    window.started()
    window.arrived(300)
    expect(window.mayStart).toBe(true)
    window.started()
    expect(window.mayStart).toBe(true)
    window.started()
    expect(window.mayStart).toBe(false) // 300 held and 2 of 300 expected: a fourth would be 1,200
    const small = new BlockWindow({ maxBlocks: 100, maxBytes: 10 })
    small.started()
    small.arrived(5_000)
    expect(small.mayStart).toBe(false)
    small.released(5_000)
    expect(small.mayStart).toBe(true)
  })

  test('behavior: before the size of any block is known only sixteen are tried', () => {
    const window = new BlockWindow({ maxBlocks: 1_000, maxBytes: 1 << 20 })
    let started = 0
    for (; window.mayStart; started++) window.started()
    expect(started).toBe(16)
  })
})
