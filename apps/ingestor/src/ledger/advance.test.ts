import { parseHash } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BlockHeader } from '../sources/source-block.ts'
import { advance, FinalBlockConflictError, type CanonicalChain } from './advance.ts'

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
      expect(advance(chain, known)).toEqual({ type: 'nothing' })
  })

  test('behavior: a block on an older one reverts what is after that, newest first', () => {
    expect(advance(chain, header('9b', '8a'))).toEqual({ type: 'reorg', revert: [chain[2]] })
    expect(advance(chain, header('8b', '7'))).toEqual({ type: 'reorg', revert: [chain[2], chain[1]] })
  })

  test('behavior: an unknown parent is fetched first', () => {
    expect(advance(chain, header('10b', '9b'))).toEqual({ type: 'fetch-parent', parentHash: hashOf('9b') })
    expect(advance(chain, header('12a', '11a'))).toEqual({ type: 'fetch-parent', parentHash: hashOf('11a') })
  })

  test('error: another block in the place of the final one is a conflict, never a reorg', () => {
    expect(() => advance(chain, header('7b', '6'))).toThrow(FinalBlockConflictError)
  })

  test('property: carried out on any tree of blocks, the chain stays linked, starts at its final block and ends at the head', () => {
    // Block i of the tree hangs on an earlier one, so every shape of forks occurs.
    const trees = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(trees, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (back, heads) => {
        const blocks: BlockHeader[] = [header('0', 'none')]
        for (const [at, steps] of back.entries()) {
          const parent = blocks[Math.max(0, blocks.length - 1 - steps)] ?? header('0', 'none')
          const hash = hashOf(`block ${at}`)
          blocks.push({ number: parent.number + 1, hash, parentHash: parent.hash, timestamp: 0 })
        }
        const byHash = new Map(blocks.map((block) => [block.hash, block]))
        let links: CanonicalChain = [blocks[0] ?? header('0', 'none')]
        for (const pick of heads) {
          const head = blocks[pick % blocks.length] ?? header('0', 'none')
          const wasKnown = links.some(({ hash }) => hash === head.hash)
          let asked = head
          for (let steps = 0; ; steps++) {
            expect(steps).toBeLessThanOrEqual(blocks.length * blocks.length)
            const decision = advance(links, asked)
            if (decision.type === 'fetch-parent') {
              asked = byHash.get(decision.parentHash) ?? asked
              continue
            }
            if (decision.type === 'nothing') break
            const [final, ...rest] = links
            const reverted = decision.type === 'reorg' ? decision.revert.length : 0
            if (decision.type === 'reorg') expect(decision.revert).toEqual(rest.slice(-reverted).reverse())
            links = [final, ...rest.slice(0, rest.length - reverted), asked]
            for (const [at, link] of links.slice(1).entries())
              expect([link.number, byHash.get(link.hash)?.parentHash]).toEqual([
                (links[at]?.number ?? 0) + 1,
                links[at]?.hash,
              ])
            asked = head
          }
          if (!wasKnown) expect(links.at(-1)).toEqual(head)
        }
      }),
      { numRuns: 500 },
    )
  })
})
