import type { Hash } from '@tocsin/chain-model'
import type { ChainLink } from './advance.ts'

/**
 * What was reverted above the final block, and how often one of these blocks came back. A reorg is followed once, and
 * back once more; a node that goes on so answers from two branches in turn, as a pool of nodes does that disagree.
 */
export interface Flips {
  readonly reverted: ReadonlyMap<Hash, number>
  readonly returns: number
}

export const noFlips: Flips = { reverted: new Map(), returns: 0 }

/** Returns that are followed at once: a branch that lost and won again by one block each is no fault. */
const freeReturns = 2
const maxLeadBlocks = 64

/**
 * How much longer than ours a branch that was reverted before must be to be followed again: 0, 0, then 2, 4, 8 … 64
 * blocks. So a node that flips moves the log ever more rarely, and a chain that in truth went there is followed even if
 * no second endpoint can say so, when it has grown.
 */
export const requiredLead = ({ returns }: Flips): number =>
  returns < freeReturns ? 0 : Math.min(maxLeadBlocks, 2 ** (returns - freeReturns + 1))

/** After a reorg that reverted `revert` for a branch that begins with `first`. */
export function afterReorg(flips: Flips, revert: readonly ChainLink[], first: ChainLink): Flips {
  const reverted = new Map(flips.reverted)
  for (const { hash, number } of revert) reverted.set(hash, number)
  return { reverted, returns: flips.returns + (flips.reverted.has(first.hash) ? 1 : 0) }
}

/** After the block of this number became final: branches below it cannot come back. */
export function afterFinal(flips: Flips, final: number): Flips {
  if (flips.reverted.size === 0) return flips
  const reverted = new Map([...flips.reverted].filter(([, number]) => number > final))
  return reverted.size === 0 ? noFlips : { reverted, returns: flips.returns }
}
