import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readAhead } from './read-ahead.ts'

interface Block {
  readonly at: number
  readonly bytes: number
}

/** Reads that end when the test says so. */
function heldReads(sizes: readonly number[]) {
  const open = new Map<number, PromiseWithResolvers<Block>>()
  const begun: number[] = []
  return {
    open,
    begun,
    read: (at: number) => {
      const reading = Promise.withResolvers<Block>()
      begun.push(at)
      open.set(at, reading)
      return reading.promise
    },
    /** Ends one of those under way; `pick` chooses. */
    async end(pick: number) {
      const under = [...open.keys()]
      const at = under[pick % under.length]
      if (at === undefined) return
      open.get(at)?.resolve({ at, bytes: sizes[at] ?? 0 })
      open.delete(at)
      for (let turn = 0; turn < 4; turn++) await Promise.resolve()
    },
  }
}

describe('readAhead', () => {
  test('default: hands out in order what arrives in any order', async () => {
    const reads = heldReads([10, 10, 10])
    const ahead = readAhead([0, 1, 2], reads.read, { maxBlocks: 3, maxBytes: 1_000 })
    expect(reads.begun).toEqual([0, 1, 2])
    const first = ahead.take(0)
    for (const pick of [2, 1, 0]) await reads.end(pick)
    expect([(await first)?.at, (await ahead.take(1))?.at, (await ahead.take(2))?.at]).toEqual([0, 1, 2])
  })

  test('behavior: what is passed over is dropped, and cannot be taken any more', async () => {
    const reads = heldReads([1, 1, 1, 1])
    const ahead = readAhead([0, 1, 2, 3], reads.read, { maxBlocks: 2, maxBytes: 1_000 })
    expect(reads.begun).toEqual([0, 1])
    const third = ahead.take(2)
    for (let left = 3; left > 0; left--) await reads.end(0)
    expect([(await third)?.at, ahead.take(1)]).toEqual([2, undefined])
    expect(reads.begun).toEqual([0, 1, 2, 3])
  })

  test('error: what fails is told to the one who takes it, and nothing more is begun', async () => {
    const begun: number[] = []
    const read = async (at: number) => {
      begun.push(at)
      if (at === 1) throw new Error('no block 1')
      return { at, bytes: 1 }
    }
    const ahead = readAhead([0, 1, 2, 3, 4], read, { maxBlocks: 2, maxBytes: 1_000 })
    expect((await ahead.take(0))?.at).toBe(0)
    await expect(ahead.take(1)).rejects.toThrow('no block 1')
    expect([ahead.take(2), begun]).toEqual([undefined, [0, 1]])
  })

  test('property: all comes, in order, whatever arrives first; what is held stays within the limits', async () => {
    const size = fc.integer({ min: 1, max: 100 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(size, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.array(fc.nat(1_000), { minLength: 200, maxLength: 200 }),
        async (sizes, maxBlocks, maxBytes, picks) => {
          const reads = heldReads(sizes)
          const wanted = sizes.map((_, at) => at)
          const ahead = readAhead(wanted, reads.read, { maxBlocks, maxBytes })
          const taken: number[] = []
          for (const at of wanted) {
            const reading = ahead.take(at)
            const here: Block[] = []
            void reading?.then((block) => here.push(block))
            for (let turn = 0; here.length === 0; turn++) {
              // Never stands still: the one that is waited for is under way or here.
              expect(reads.open.has(at) || turn === 0 || here.length > 0).toBe(true)
              if (reads.open.size > 0) await reads.end(picks[(at + turn) % picks.length] ?? 0)
              else await Promise.resolve()
            }
            const arrived = reads.begun.filter((each) => each >= at && !reads.open.has(each))
            const underWay = reads.begun.filter((each) => each >= at)
            expect(underWay.length).toBeLessThanOrEqual(maxBlocks)
            const held = arrived.reduce((sum, each) => sum + (sizes[each] ?? 0), 0)
            // Sizes differ by up to a hundredfold here, and each one under way may be the largest.
            expect(held).toBeLessThanOrEqual(Math.max(maxBytes, 100) + 100 * Math.min(maxBlocks, 16))
            taken.push(at)
          }
          expect(taken).toEqual(wanted)
          expect(reads.begun).toEqual(wanted)
        },
      ),
    )
  })

  test('property: of blocks of one size no more bytes are under way than may be', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.array(fc.nat(1_000), { minLength: 100, maxLength: 100 }),
        async (size, maxBytes, picks) => {
          const sizes = Array.from({ length: 40 }, () => size)
          const reads = heldReads(sizes)
          const wanted = sizes.map((_, at) => at)
          const ahead = readAhead(wanted, reads.read, { maxBlocks: 30, maxBytes })
          let most = 0
          for (const at of wanted) {
            const here: Block[] = []
            void ahead.take(at)?.then((block) => here.push(block))
            for (let turn = 0; here.length === 0; turn++) {
              if (reads.open.size > 0) await reads.end(picks[(at + turn) % picks.length] ?? 0)
              else await Promise.resolve()
              // The first sixteen are begun before any size is known.
              const underWay = reads.begun.filter((each) => each >= at).length
              if ((reads.begun.at(-1) ?? 0) >= 16) most = Math.max(most, underWay * size)
            }
          }
          expect(most).toBeLessThanOrEqual(Math.max(maxBytes, size * 16))
        },
      ),
    )
  })
})
