import { parseAddress } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { movementsOf } from './evidence.ts'
import { layoutFlow, maxFlowRows } from './flow-layout.ts'
import { address, sampleAlert, transferOf } from './testing/sample-alert.ts'

const [wallet, source, target] = ['a', '1', '2'].map(address) as [string, string, string]
const movements = (...evidence: readonly object[]) => movementsOf(sampleAlert({ evidence }))
const flow = (...evidence: readonly object[]) => layoutFlow(movements(...evidence), parseAddress(wallet), 600)

describe('layoutFlow', () => {
  test('default: in comes from the left to the wallet, out goes from it to the right, time runs down', () => {
    const layout = flow(transferOf(source, wallet, 200, 1_000), transferOf(wallet, target, 100, 37_000))
    expect(layout.walletX).toBe(300)
    expect(
      layout.rows.map(({ direction, startX, endX, weight, gapMs }) => [direction, startX, endX, weight, gapMs]),
    ).toEqual([
      ['in', 124, 300, 1, null],
      ['out', 300, 476, 0.5, 36_000],
    ])
    expect(layout.rows[0]?.y).toBeLessThan(layout.rows[1]?.y ?? 0)
  })

  test('behavior: where nothing comes in, the wallet moves to the left', () => {
    expect(flow(transferOf(wallet, target, 1, 0)).walletX).toBeLessThan(100)
  })

  test('behavior: a long story is folded in its middle', () => {
    const many = Array.from({ length: maxFlowRows + 6 }, (_, index) => transferOf(wallet, target, index + 1, index))
    const layout = flow(...many)
    expect(layout.folded?.count).toBe(6)
    expect(layout.rows.map(({ movement }) => movement.timestamp)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 13, 14, 15, 16, 17, 18, 19,
    ])
  })

  test('property: every row stands inside the picture, whatever its width', () => {
    const sides = fc.constantFrom(wallet, source, target)
    const transfers = fc.array(fc.tuple(sides, sides, fc.integer({ min: 1, max: 9_999 })), { maxLength: 40 })
    fc.assert(
      fc.property(transfers, fc.integer({ min: 280, max: 1_200 }), (list, width) => {
        const evidence = list.map(([from, to, dollars], index) => transferOf(from, to, dollars, index))
        const layout = layoutFlow(movements(...evidence), parseAddress(wallet), width)
        for (const { y, startX, endX, weight } of layout.rows) {
          expect(y).toBeLessThan(layout.height)
          expect(startX).toBeLessThan(endX)
          expect(endX).toBeLessThanOrEqual(width)
          expect(weight).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})
