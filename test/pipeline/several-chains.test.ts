import { serveHistory } from '@tocsin/ingestor/testing'
import { describe, expect, test } from 'vitest'
import { watchChains, type WatchedNode } from './watch-chains.ts'

const last = 40
/** So many blocks make the last one final by any chain's rule. */
const beyond = 20

describe('several chains', () => {
  test('behavior: one ingestor and one detector find of each chain what they find of it alone, beside a dead node', async () => {
    const served = await Promise.all([31337, 8453].map((chainId) => serveHistory(chainId, last + beyond)))
    const [one, two] = served.map(({ httpUrl }) => httpUrl)
    const nodes: readonly WatchedNode[] = [
      { chainId: 31337, url: one ?? '', price: `1${'0'.repeat(32)}` },
      { chainId: 8453, url: two ?? '', price: `1${'0'.repeat(16)}` },
    ]
    try {
      const together = await watchChains({
        nodes,
        dead: [{ chainId: 10, url: 'http://127.0.0.1:1', price: '1' }],
        last,
      })
      const found = nodes.map(({ chainId }) => together.alerts.get(chainId) ?? [])
      expect(found.map((alerts) => alerts.length > 0)).toEqual([true, true])
      for (const [at, node] of nodes.entries()) {
        const alone = await watchChains({ nodes: [node], last })
        expect(found[at]).toEqual(alone.alerts.get(node.chainId))
        // Its own watermark, as far as its own last block, whatever the others' are.
        const watermarks = [together, alone].map(({ progress }) => progress.get(node.chainId)?.watermark)
        expect(watermarks[0]).toBe(watermarks[1])
        expect(together.exposition).toMatch(
          new RegExp(`^tocsin_detector_elements\\{chain="${node.chainId}"\\} [1-9]`, 'm'),
        )
      }
      expect(together.progress.get(10)?.watermark ?? null).toBeNull()
    } finally {
      await Promise.all(served.map((node) => node.close()))
    }
  }, 180_000)
})
