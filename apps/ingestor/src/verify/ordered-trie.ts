import { parseHash, type Hash } from '@tocsin/chain-model'
import { keccak, rlp, rlpQuantity, type RlpItem } from './hashing.ts'

interface Entry {
  readonly nibbles: string
  readonly value: string
}

/**
 * The root of the Merkle Patricia trie that maps RLP(0), RLP(1), … to `values` (hex bytes): what a header calls
 * transactionsRoot and receiptsRoot. Source: yellow paper, appendix D.
 */
export function orderedTrieRoot(values: readonly string[]): Hash {
  const entries = values.map((value, index) => ({ nibbles: rlp(rlpQuantity(BigInt(index))).slice(2), value }))
  const root = entries.length === 0 ? '0x' : nodeOf(entries, 0)
  return parseHash(keccak(rlp(root)))
}

/** The node over `entries`, which share their first `depth` nibbles. No key is the beginning of another. */
function nodeOf(entries: readonly Entry[], depth: number): RlpItem {
  const [first] = entries
  if (first === undefined) return '0x'
  if (entries.length === 1) return [hexPrefix(first.nibbles.slice(depth), true), first.value]
  const shared = sharedPrefix(entries, depth)
  if (shared > depth) return [hexPrefix(first.nibbles.slice(depth, shared), false), reference(nodeOf(entries, shared))]
  const branches = Map.groupBy(entries, ({ nibbles }) => nibbles[depth])
  const children = '0123456789abcdef'
    .split('')
    .map((nibble) => reference(nodeOf(branches.get(nibble) ?? [], depth + 1)))
  return [...children, '0x']
}

/** A node shorter than a hash stands in its parent itself. */
function reference(node: RlpItem): RlpItem {
  if (node === '0x') return node
  const encoded = rlp(node)
  return encoded.length - 2 < 64 ? node : keccak(encoded)
}

function sharedPrefix(entries: readonly Entry[], from: number): number {
  const first = entries[0]?.nibbles ?? ''
  let length = first.length
  for (const { nibbles } of entries) {
    while (nibbles.slice(from, length) !== first.slice(from, length)) length -= 1
  }
  return length
}

/** Nibbles as bytes, with a flag for their parity and for a leaf. Source: yellow paper, appendix C. */
function hexPrefix(nibbles: string, isLeaf: boolean): string {
  const flag = isLeaf ? 2 : 0
  return nibbles.length % 2 === 0 ? `0x${flag}0${nibbles}` : `0x${flag + 1}${nibbles}`
}
