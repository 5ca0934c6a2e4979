import type { Hash } from '@tocsin/chain-model'
import type { BlockHeader } from '../sources/source-block.ts'
import { noFlips, requiredLead, type Flips } from './flips.ts'

/** A block in the log, as far as linking needs it. `timestamp` in ms. */
export interface ChainLink {
  readonly number: number
  readonly hash: Hash
  readonly timestamp: number
}

/** The final block and the unfinalised ones after it, oldest first, each the parent of the next. */
export type CanonicalChain = readonly [final: ChainLink, ...unfinal: ChainLink[]]

/** What the block ledger does next. */
export type Advance =
  | { readonly type: 'ignore' }
  | { readonly type: 'extend' }
  /** `revert` is newest first and not empty. */
  | { readonly type: 'reorg'; readonly revert: readonly ChainLink[] }
  | { readonly type: 'fetch-parent'; readonly parentHash: Hash }
  | Quarantine

/** What the node says is not followed: its branch leaves out a final block, or came back too often. */
export type Quarantine =
  | { readonly type: 'quarantine'; readonly reason: 'final-block'; readonly final: ChainLink }
  /** `revert` is what following it all the same would take back. */
  | { readonly type: 'quarantine'; readonly reason: 'flipping'; readonly revert: readonly ChainLink[] }

/** What is known beside the header: how far the node's branch goes, and what was reverted before. */
export interface Told {
  readonly headNumber: number
  readonly flips: Flips
}

/**
 * What the block ledger does about `header`, the node's head or an ancestor of it. Pure: `follow.ts` carries it out.
 * With the chain 7 ← 8a ← 9a, where 7 is final:
 *   6x, 8a, 9a   ignore         known or older than final; a shorter chain is no news until it grows
 *   10a on 9a    extend
 *   9b on 8a     reorg          revert 9a, then append 9b; `revert` is newest first
 *   10b on 9b    fetch-parent   advance with 9b first, then again with 10b
 *   7b           quarantine     it would revert what is final: never followed
 *   9b on 8a     quarantine     if it was reverted before and came back more than twice, until its branch is longer than
 *                               ours by what {@link requiredLead} says, or a second endpoint confirms it
 */
export function advance(
  chain: CanonicalChain,
  header: BlockHeader,
  told: Told = { headNumber: header.number, flips: noFlips },
): Advance {
  const [final] = chain
  if (header.number < final.number || chain.some(({ hash }) => hash === header.hash)) return { type: 'ignore' }
  if (header.number === final.number) return { type: 'quarantine', reason: 'final-block', final }
  // From the newest on, where it nearly always is.
  const parent = chain.findLastIndex(({ hash }) => hash === header.parentHash)
  if (parent === -1) return { type: 'fetch-parent', parentHash: header.parentHash }
  const revert = chain.slice(parent + 1).reverse()
  const [newest] = revert
  if (newest === undefined) return { type: 'extend' }
  const lead = requiredLead(told.flips)
  if (lead > 0 && told.flips.reverted.has(header.hash) && told.headNumber - newest.number < lead)
    return { type: 'quarantine', reason: 'flipping', revert }
  return { type: 'reorg', revert }
}
