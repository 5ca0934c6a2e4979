import type { BlockHeader } from '../sources/source-block.ts'
import type { ChainLink } from './advance.ts'

/** A branch of the chain that leaves a block out which was final. Nothing of it is written. */
export class FinalBlockConflictError extends Error {
  readonly code = 'INGEST_FINAL_BLOCK_CONFLICT'
  readonly handling = 'retry'
  readonly remedy =
    'The node follows another chain than before, or the finality depth is too small. Check the node against a second one; the ingestor goes on with any node that is on the chain that was final.'
  constructor(at: { final: ChainLink; found: BlockHeader; endpoint: string }, options?: ErrorOptions) {
    super(
      `Block ${at.final.number} is final as ${at.final.hash}, but the node's branch has ${at.found.hash} (${at.endpoint}).`,
      options,
    )
  }
}

/** The node tells two branches in turn; the log stays on the one it is on. */
export class FlippingForksError extends Error {
  readonly code = 'INGEST_FLIPPING_FORKS'
  readonly handling = 'retry'
  readonly remedy =
    'Most often an address stands for several nodes that disagree: give a second endpoint (--rpc twice), whose word decides. Alone, the log follows the other branch once that is clearly the longer one.'
  constructor(at: { header: BlockHeader; returns: number; endpoint: string }, options?: ErrorOptions) {
    super(
      `${at.endpoint} flips between forks: block ${at.header.number} ${at.header.hash} was reverted and comes back, return ${at.returns + 1} since the last final block.`,
      options,
    )
  }
}
