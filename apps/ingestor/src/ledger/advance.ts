import type { Hash } from '@tocsin/chain-model'
import type { BlockHeader } from '../sources/source-block.ts'

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
  | { readonly type: 'nothing' }
  | { readonly type: 'extend' }
  /** `revert` is newest first and not empty. */
  | { readonly type: 'reorg'; readonly revert: readonly ChainLink[] }
  | { readonly type: 'fetch-parent'; readonly parentHash: Hash }

/** A branch of the chain that leaves a block out which was final. Nothing of it is written. */
export class FinalBlockConflictError extends Error {
  readonly code = 'INGEST_FINAL_BLOCK_CONFLICT'
  readonly handling = 'retry'
  readonly remedy =
    'The node follows another chain than before, or the finality depth is too small. Check the node against a second one; the ingestor goes on when the node is back on the chain that it had called final.'
  readonly final: ChainLink
  readonly header: BlockHeader
  constructor(at: { final: ChainLink; header: BlockHeader }, options?: ErrorOptions) {
    super(
      `Block ${at.final.number} is final as ${at.final.hash}, but the node's branch has ${at.header.hash}.`,
      options,
    )
    this.final = at.final
    this.header = at.header
  }
}

/**
 * What the block ledger does about `header`, the node's head or an ancestor of it. Pure: `ledger.ts` carries it out.
 * With the chain 7 ← 8a ← 9a, where 7 is final:
 *   6x, 8a, 9a   nothing        known or older than final; a shorter chain is no news until it grows
 *   10a on 9a    extend
 *   9b on 8a     reorg          revert 9a, then append 9b; `revert` is newest first
 *   10b on 9b    fetch-parent   advance with 9b first, then again with 10b
 * @throws {FinalBlockConflictError} on 7b: quarantined, the log stays as it is.
 */
export function advance(chain: CanonicalChain, header: BlockHeader): Advance {
  const [final] = chain
  if (header.number < final.number || chain.some(({ hash }) => hash === header.hash)) return { type: 'nothing' }
  if (header.number === final.number) throw new FinalBlockConflictError({ final, header })
  const parent = chain.findIndex(({ hash }) => hash === header.parentHash)
  if (parent === -1) return { type: 'fetch-parent', parentHash: header.parentHash }
  const revert = chain.slice(parent + 1).reverse()
  return revert.length === 0 ? { type: 'extend' } : { type: 'reorg', revert }
}
