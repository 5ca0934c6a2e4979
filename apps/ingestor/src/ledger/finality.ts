import type { BlockHeader } from '../sources/source-block.ts'
import type { CanonicalChain, ChainLink } from './advance.ts'

/** What makes a block final: its depth, or the node's word. */
export type FinalityRule =
  { readonly type: 'depth'; readonly depth: number } | { readonly type: 'tag'; readonly block: BlockHeader | null }

/**
 * While the log is still below the node's final block, blocks so deep under the log's newest are final: the answers to
 * block numbers may come from a node on a stale fork, which its own children show before they are as many.
 */
const catchUpDepth = 128

/**
 * The newest block of the chain that is final now and was not before; null where none is. The anchor never is news.
 * The node's word holds for the block it names, by hash, and all below it: a final block that is not on our chain makes
 * nothing final here, since it is another branch that has it. A depth counts from our own newest block, never from a
 * head that only a node has claimed.
 */
export function finalLink(chain: CanonicalChain, rule: FinalityRule): ChainLink | null {
  const [, ...links] = chain
  const newest = chain.at(-1) ?? chain[0]
  if (rule.type === 'depth') return links.findLast(({ number }) => number <= newest.number - rule.depth) ?? null
  const { block } = rule
  if (block === null) return null
  if (block.number > newest.number)
    return links.findLast(({ number }) => number <= newest.number - catchUpDepth) ?? null
  return links.find(({ number, hash }) => number === block.number && hash === block.hash) ?? null
}

/** The newest number that the node calls final, or that is so deep under its head; below 0: none. */
export const finalNumber = (head: number, rule: FinalityRule): number =>
  rule.type === 'depth' ? head - rule.depth : (rule.block?.number ?? -1)

/**
 * The last of the headers that, linked to the block of this number, prove it final by the rule; the block's own number
 * where it needs none. Null where the node does not call it final yet.
 */
export function finalityProof(number: number, rule: FinalityRule): number | null {
  if (rule.type === 'depth') return number + rule.depth
  if (rule.block === null || rule.block.number < number) return null
  return Math.min(rule.block.number, number + catchUpDepth)
}

/** The link that stands where the node's final block should: then our branch and that block exclude each other. */
export const contradictedLink = (chain: CanonicalChain, rule: FinalityRule): ChainLink | null => {
  if (rule.type === 'depth' || rule.block === null) return null
  const { number, hash } = rule.block
  return chain.find((link) => link.number === number && link.hash !== hash) ?? null
}
