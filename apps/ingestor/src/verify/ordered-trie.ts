import type { Hash } from '@tocsin/chain-model'
import { keccak, keccakBytes } from './keccak.ts'
import { RlpWriter } from './rlp.ts'

interface Entry {
  /** The key, a nibble a byte. */
  readonly nibbles: Uint8Array
  readonly value: Uint8Array
}

/** Nobody else writes to it while a root is computed. */
const rlp = new RlpWriter()

/**
 * The root of the Merkle Patricia trie that maps RLP(0), RLP(1), … to `values`: what a header calls transactionsRoot and
 * receiptsRoot. Source: yellow paper, appendix D.
 */
export function orderedTrieRoot(values: readonly Uint8Array[]): Hash {
  const entries = values.map((value, index) => ({ nibbles: keyOf(index), value }))
  // In the order of their keys: RLP(0) is 0x80, behind 0x01 to 0x7f and before 0x8180.
  entries.splice(Math.min(127, values.length - 1), 0, ...entries.splice(0, 1))
  rlp.clear()
  writeNode(entries, 0, entries.length, 0)
  return keccak(rlp.since(0))
}

const empty = Uint8Array.of(0x80)
/** Those of the keys that were needed so far. */
const keys: Uint8Array[] = []

function keyOf(index: number): Uint8Array {
  for (let next = keys.length; next <= index; next++) {
    rlp.clear()
    rlp.quantity(`0x${next.toString(16)}`)
    keys.push(Uint8Array.from(Buffer.from(rlp.since(0)).toString('hex'), (digit) => Number.parseInt(digit, 16)))
  }
  return keys[index] ?? empty
}

/**
 * Writes the node over the entries from `from` up to `to`, which are in the order of their keys and share the first `depth`
 * nibbles; no key is the beginning of another.
 */
function writeNode(entries: readonly Entry[], from: number, to: number, depth: number): void {
  const [first, last] = [entries[from], entries[to - 1]]
  if (first === undefined || last === undefined) return rlp.raw(empty)
  const end = rlp.length
  if (first === last) {
    rlp.bytes(first.value)
    rlp.bytes(hexPrefix(first.nibbles.subarray(depth), true))
    return rlp.list(end)
  }
  let shared = depth
  while (first.nibbles[shared] === last.nibbles[shared]) shared++
  if (shared > depth) {
    writeReference(entries, from, to, shared)
    rlp.bytes(hexPrefix(first.nibbles.subarray(depth, shared), false))
    return rlp.list(end)
  }
  rlp.raw(empty) // no value: no key ends here
  for (let nibble = 15, right = to; nibble >= 0; nibble--) {
    let left = right
    while (left > from && entries[left - 1]?.nibbles[depth] === nibble) left--
    if (left === right) rlp.raw(empty)
    else writeReference(entries, left, right, depth + 1)
    right = left
  }
  rlp.list(end)
}

/** A node as it stands in its parent: itself where it is shorter than a hash, else its hash. */
function writeReference(entries: readonly Entry[], from: number, to: number, depth: number): void {
  const end = rlp.length
  writeNode(entries, from, to, depth)
  if (rlp.length - end < 32) return
  const hash = keccakBytes(rlp.since(end))
  rlp.forget(end)
  rlp.bytes(hash)
}

/** Nibbles as bytes, with a flag for their parity and for a leaf. Source: yellow paper, appendix C. */
function hexPrefix(nibbles: Uint8Array, isLeaf: boolean): Uint8Array {
  const isOdd = nibbles.length % 2
  const packed = new Uint8Array((nibbles.length >> 1) + 1)
  packed[0] = ((isLeaf ? 2 : 0) + isOdd) << 4
  for (let at = 0; at < nibbles.length; at++) {
    const place = (at + 2 - isOdd) >> 1
    packed[place] = (packed[place] ?? 0) | ((nibbles[at] ?? 0) << ((at + isOdd) % 2 === 0 ? 4 : 0))
  }
  return packed
}
