import { parseHash } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BlockHeader } from '../sources/source-block.ts'
import { advance, type CanonicalChain, type ChainLink } from './advance.ts'
import { afterFinal, afterReorg, noFlips, requiredLead, type Flips } from './flips.ts'

/** Headers by a short name: `header('9b', '8a')`. */
const hashOf = (name: string) => parseHash(`0x${Buffer.from(name).toString('hex').padEnd(64, '0')}`)
const header = (name: string, parent: string): BlockHeader => {
  const number = Number.parseInt(name, 10)
  return { number, hash: hashOf(name), parentHash: hashOf(parent), timestamp: number * 12_000 }
}
const chain: CanonicalChain = [header('7', '6'), header('8a', '7'), header('9a', '8a')]

describe('advance', () => {
  test('default: the next block extends', () => {
    expect(advance(chain, header('10a', '9a'))).toEqual({ type: 'extend' })
  })

  test('behavior: what is known, or older than final, is no news', () => {
    for (const known of [header('6x', '5'), header('7', '6'), header('8a', '7'), header('9a', '8a')])
      expect(advance(chain, known)).toEqual({ type: 'ignore' })
  })

  test('behavior: a block on an older one reverts what is after that, newest first', () => {
    expect(advance(chain, header('9b', '8a'))).toEqual({ type: 'reorg', revert: [chain[2]] })
    expect(advance(chain, header('8b', '7'))).toEqual({ type: 'reorg', revert: [chain[2], chain[1]] })
  })

  test('behavior: an unknown parent is fetched first', () => {
    expect(advance(chain, header('10b', '9b'))).toEqual({ type: 'fetch-parent', parentHash: hashOf('9b') })
    expect(advance(chain, header('12a', '11a'))).toEqual({ type: 'fetch-parent', parentHash: hashOf('11a') })
  })

  test('error: another block in the place of the final one is quarantined, never a reorg', () => {
    expect(advance(chain, header('7b', '6'))).toEqual({ type: 'quarantine', reason: 'final-block', final: chain[0] })
  })

  test('error: a branch that came back twice is quarantined until it leads by 2, 4, 8 … 64 blocks', () => {
    const lost = afterReorg(noFlips, [header('9b', '8a')], header('9a', '8a'))
    const told = (returns: number, headNumber: number) => ({ flips: { ...lost, returns }, headNumber })
    expect(advance(chain, header('9b', '8a'), told(1, 9))).toEqual({ type: 'reorg', revert: [chain[2]] })
    expect(advance(chain, header('9b', '8a'), told(2, 10))).toEqual({
      type: 'quarantine',
      reason: 'flipping',
      revert: [chain[2]],
    })
    expect(advance(chain, header('9b', '8a'), told(2, 11))).toEqual({ type: 'reorg', revert: [chain[2]] })
    expect(advance(chain, header('9c', '8a'), told(9, 9))).toEqual({ type: 'reorg', revert: [chain[2]] }) // a new one
    expect([1, 2, 3, 4, 20].map((returns) => requiredLead({ ...lost, returns }))).toEqual([0, 2, 4, 8, 64])
  })

  /** Block i of the tree hangs on an earlier one, so every shape of forks occurs, reorgs of depth 64 and more among them. */
  const treeOf = (back: readonly number[]): readonly BlockHeader[] => {
    const blocks: BlockHeader[] = [header('0', 'none')]
    for (const [at, steps] of back.entries()) {
      const parent = blocks[Math.max(0, blocks.length - 1 - steps)] ?? header('0', 'none')
      const hash = hashOf(`block ${at}`)
      blocks.push({ number: parent.number + 1, hash, parentHash: parent.hash, timestamp: 0 })
    }
    return blocks
  }
  const run = fc.record({ back: fc.nat({ max: 90 }), run: fc.nat({ max: 70 }) })
  const trees = fc.oneof(
    fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 40 }),
    fc
      .array(run, { minLength: 2, maxLength: 4 })
      .map((runs) => runs.flatMap((one) => [one.back, ...Array.from({ length: one.run }, () => 0)])),
  )
  const moves = fc.array(fc.record({ pick: fc.nat(), finalize: fc.option(fc.nat({ max: 80 })) }), {
    minLength: 1,
    maxLength: 25,
  })

  /** Two branches of 64 and 65 blocks above block 0, which take the lead by turns until one block of them is final. */
  const twoBranches = [
    [...Array.from({ length: 64 }, () => 0), 64, ...Array.from({ length: 64 }, () => 0)],
    [64, 129, 64, 129, 64, 129, 64].map((pick, at) => ({ pick, finalize: at === 5 ? 0 : null })),
  ] satisfies [readonly number[], unknown]

  /** Tells the tree's blocks as heads and carries out what `advance` says, `decide` being a stand-in for it. */
  function play(
    back: readonly number[],
    heads: readonly { readonly pick: number; readonly finalize: number | null }[],
    check: (links: CanonicalChain, decision: ReturnType<typeof advance>, head: BlockHeader, flips: Flips) => void,
  ): { readonly deepest: number; readonly quarantined: ReadonlySet<string> } {
    const blocks = treeOf(back)
    const byHash = new Map(blocks.map((block) => [block.hash, block]))
    const quarantined = new Set<string>()
    let deepest = 0
    let flips = noFlips
    let links: CanonicalChain = [blocks[0] ?? header('0', 'none')]
    for (const { pick, finalize } of heads) {
      const head = blocks[pick % blocks.length] ?? header('0', 'none')
      let asked = head
      const path: BlockHeader[] = []
      for (let steps = 0; ; steps++) {
        if (steps > blocks.length * 2) expect.unreachable('advance goes round in circles')
        const decision = advance(links, asked, { headNumber: head.number, flips })
        check(links, decision, head, flips)
        if (decision.type === 'quarantine') quarantined.add(decision.reason)
        if (decision.type === 'quarantine' || decision.type === 'ignore') break
        if (decision.type === 'fetch-parent') {
          path.push(asked)
          asked = byHash.get(decision.parentHash) ?? asked
          continue
        }
        const [final, ...rest] = links
        const revert: readonly ChainLink[] = decision.type === 'reorg' ? decision.revert : []
        if (revert.length > 0) expect(revert).toEqual(rest.slice(-revert.length).reverse())
        deepest = Math.max(deepest, revert.length)
        if (revert.length > 0) flips = afterReorg(flips, revert, asked)
        links = [final, ...rest.slice(0, rest.length - revert.length), asked]
        const isLinked = links.every((link, at) => {
          const parent = links[at - 1]
          return parent === undefined || byHash.get(link.hash)?.parentHash === parent.hash
        })
        expect(isLinked).toBe(true)
        asked = path.pop() ?? head
      }
      const newFinal = finalize === null ? undefined : links.slice(1)[finalize]
      if (newFinal === undefined) continue
      links = [newFinal, ...links.filter(({ number }) => number > newFinal.number)]
      flips = afterFinal(flips, newFinal.number)
    }
    return { deepest, quarantined }
  }

  test('property: carried out on any tree of blocks, the chain stays linked, keeps what is final and ends at the head', () => {
    let deepest = 0
    const quarantined = new Set<string>()
    fc.assert(
      fc.property(trees, moves, (back, heads) => {
        const blocks = treeOf(back)
        const byHash = new Map(blocks.map((block) => [block.hash, block]))
        const isAncestor = (ancestor: ChainLink, of: BlockHeader): boolean => {
          for (let at: BlockHeader | undefined = of; at !== undefined; at = byHash.get(at.parentHash))
            if (at.hash === ancestor.hash) return true
          return false
        }
        const played = play(back, heads, (links, decision, head, flips) => {
          const [final] = links
          // It ends by following or ignoring the head if that is on the final block, and by quarantine if it is beside it.
          if (decision.type === 'ignore')
            expect(head.number < final.number || links.some(({ hash }) => hash === head.hash)).toBe(true)
          if (decision.type === 'quarantine' && decision.reason === 'final-block')
            expect(isAncestor(final, head)).toBe(false)
          if (decision.type === 'quarantine' && decision.reason === 'flipping') expect(flips.returns).toBeGreaterThan(1)
          if (decision.type === 'reorg') expect(decision.revert).not.toContainEqual(final)
        })
        deepest = Math.max(deepest, played.deepest)
        for (const reason of played.quarantined) quarantined.add(reason)
      }),
      { numRuns: 500, examples: [twoBranches] },
    )
    // Else the law above was not put to the test.
    expect(deepest).toBeGreaterThanOrEqual(64)
    expect([...quarantined].sort()).toEqual(['final-block', 'flipping'])
  })
})
