import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { undoneBy } from './frame.ts'

const frame = (traceAddress: number[], error: string | null = null) => ({ traceAddress, error })

describe('undoneBy', () => {
  test('default: what stands below a frame that failed is taken back with it, what stands beside it is not', () => {
    const frames = [frame([]), frame([0], 'Reverted'), frame([0, 0]), frame([0, 0, 3]), frame([1]), frame([1, 0])]
    expect(frames.map(({ traceAddress }) => undoneBy(frames)(traceAddress))).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ])
    expect(undoneBy([frame([], 'Reverted'), frame([0])])([0])).toBe(true)
    expect(undoneBy([frame([]), frame([0])])([0])).toBe(false)
  })

  test('property: it says what a look at each frame above says', () => {
    const errors = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 })
    const law = fc.property(errors, fc.array(fc.nat({ max: 3 }), { minLength: 39, maxLength: 39 }), (failed, ups) => {
      // Each frame is a child of the one before, or of one so many levels higher.
      const addresses: number[][] = [[]]
      const children = new Map<string, number>()
      for (const up of ups) {
        const last = addresses.at(-1) ?? []
        const parent = last.slice(0, Math.max(0, last.length - up))
        const step = children.get(parent.join('.')) ?? 0
        children.set(parent.join('.'), step + 1)
        addresses.push([...parent, step])
      }
      const frames = addresses.map((traceAddress, at) => frame(traceAddress, failed[at] === true ? 'Reverted' : null))
      const isUndone = undoneBy(frames)
      for (const { traceAddress } of frames) {
        const isAbove = (above: readonly number[]) => above.every((step, depth) => step === traceAddress[depth])
        const expected = frames.some((one) => one.error !== null && isAbove(one.traceAddress))
        expect([traceAddress, isUndone(traceAddress)]).toEqual([traceAddress, expected])
      }
    })
    expect(() => fc.assert(law, { numRuns: 200 })).not.toThrow()
  })
})
