import type { Hash } from '@tocsin/chain-model'
import { keccak, keccakBytes } from './keccak.ts'
import { RlpWriter } from './rlp.ts'

interface Entry {
  readonly nibbles: string
  readonly value: Uint8Array
}

/** Nobody else writes to it between two lines of one function. */
const rlp = new RlpWriter()

/**
 * The root of the Merkle Patricia trie that maps RLP(0), RLP(1), … to `values`: what a header calls transactionsRoot and
 * receiptsRoot. Source: yellow paper, appendix D.
 */
export function orderedTrieRoot(values: readonly Uint8Array[]): Hash {
  const entries = values.map((value, index) => ({ nibbles: keyOf(index), value }))
  return keccak(nodeOf(entries, 0))
}

function keyOf(index: number): string {
  rlp.quantity(`0x${index.toString(16)}`)
  return Buffer.from(rlp.take()).toString('hex')
}

const empty = Uint8Array.of(0x80)
const digits = '0123456789abcdef'.split('')

/** The node over `entries`, encoded. These share their first `depth` nibbles, and no key is the beginning of another. */
function nodeOf(entries: readonly Entry[], depth: number): Uint8Array {
  const [first] = entries
  if (first === undefined) return empty
  if (entries.length === 1) return pairOf(hexPrefix(first.nibbles.slice(depth), true), () => rlp.bytes(first.value))
  const shared = sharedPrefix(entries, depth)
  if (shared > depth) {
    const child = referenceOf(nodeOf(entries, shared))
    return pairOf(hexPrefix(first.nibbles.slice(depth, shared), false), () => rlp.raw(child))
  }
  const branches = Map.groupBy(entries, ({ nibbles }) => nibbles[depth])
  const children = digits.map((nibble) => referenceOf(nodeOf(branches.get(nibble) ?? [], depth + 1)))
  const end = rlp.length
  rlp.raw(empty)
  for (const child of children.toReversed()) rlp.raw(child)
  rlp.list(end)
  return rlp.take()
}

function pairOf(path: string, writeSecond: () => void): Uint8Array {
  const end = rlp.length
  writeSecond()
  rlp.hex(path)
  rlp.list(end)
  return rlp.take()
}

/** As a node stands in its parent: itself where it is shorter than a hash, else its hash. */
function referenceOf(node: Uint8Array): Uint8Array {
  if (node.length < 32) return node
  rlp.bytes(keccakBytes(node))
  return rlp.take()
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
