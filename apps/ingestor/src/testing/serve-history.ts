import type { Hash } from '@tocsin/chain-model'
import { seededRandom } from '@tocsin/stream-core/testing'
import { systemClock } from '../rpc/clock.ts'
import { serveNode, type ServedNode } from './serve-node.ts'
import { SimulatedChain } from './simulated-chain.ts'
import { honest, SimulatedNode, type Manners } from './simulated-node.ts'

/** A served node with so many final blocks after the first one, of tokens and pools that tell of themselves; always the same. */
export function serveHistory(chainId: number, blocks: number, manners: Manners = honest): Promise<ServedNode> {
  const random = seededRandom(7)
  const chain = new SimulatedChain({ chainId, realHashes: true, random, telling: true })
  const canonical: Hash[] = [chain.first.header.hash]
  for (let number = 1; number <= blocks; number++)
    canonical.push(chain.mine(chain.at(canonical.at(-1) ?? chain.first.header.hash).header, 12_000).header.hash)
  const node = new SimulatedNode({
    chain,
    abilities: {
      ...{ receipts: 'block', traces: 'trace_block', finalizedTag: true, state: 'all', maxBatch: 1000 },
      headsPushed: false,
    },
    random,
    clock: systemClock,
    views: () => [{ canonical, finalized: blocks }],
  })
  node.manners = manners
  return serveNode(node)
}
