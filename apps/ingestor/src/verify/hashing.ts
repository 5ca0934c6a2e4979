import { encodeRlp, keccak256 } from 'ethers'
import { parseHash, type Address, type Hash, type Hex } from '@tocsin/chain-model'

/** What {@link headerHash} reads of a block, as JSON-RPC gives it. */
export type RawHeader = Readonly<Record<string, unknown>>

/** The header's fields in the order in which they are hashed; those of a later fork may be absent together. */
const genesisFields = [
  ['parentHash', 'bytes'],
  ['sha3Uncles', 'bytes'],
  ['miner', 'bytes'],
  ['stateRoot', 'bytes'],
  ['transactionsRoot', 'bytes'],
  ['receiptsRoot', 'bytes'],
  ['logsBloom', 'bytes'],
  ['difficulty', 'quantity'],
  ['number', 'quantity'],
  ['gasLimit', 'quantity'],
  ['gasUsed', 'quantity'],
  ['timestamp', 'quantity'],
  ['extraData', 'bytes'],
  ['mixHash', 'bytes'],
  ['nonce', 'bytes'],
] as const
const laterFields = [
  ['baseFeePerGas', 'quantity'], // London, EIP-1559
  ['withdrawalsRoot', 'bytes'], // Shanghai, EIP-4895
  ['blobGasUsed', 'quantity'],
  ['excessBlobGas', 'quantity'], // Cancun, EIP-4844
  ['parentBeaconBlockRoot', 'bytes'], // Cancun, EIP-4788
  ['requestsHash', 'bytes'], // Prague, EIP-7685
] as const

/**
 * The hash of a block's header: Keccak-256 of its RLP. Null where a field that is part of it is not there, as in some
 * recordings. Source: yellow paper, "The Block"; the EIPs above. Chains with other headers (Polygon's are Ethereum's;
 * some roll-ups add fields) do not recompute.
 */
export function headerHash(header: RawHeader): Hash | null {
  const items: string[] = []
  for (const [name, kind] of genesisFields) {
    const item = rlpItem(header[name], kind)
    if (item === null) return null
    items.push(item)
  }
  for (const [name, kind] of laterFields) {
    if (header[name] === undefined) break
    const item = rlpItem(header[name], kind)
    if (item === null) return null
    items.push(item)
  }
  return parseHash(keccak256(encodeRlp(items)))
}

/** Hex bytes, or a list of items. */
export type RlpItem = string | readonly RlpItem[]

/** Source: yellow paper, appendix B. */
export const rlp = (item: RlpItem): string => encodeRlp(item as Parameters<typeof encodeRlp>[0]) // it writes to no list
export const keccak = (hex: string): Hash => parseHash(keccak256(hex))
/** Big-endian without leading zeros; zero is empty. */
export const rlpQuantity = (value: bigint): string => {
  const digits = value === 0n ? '' : value.toString(16)
  return `0x${digits.length % 2 === 0 ? '' : '0'}${digits}`
}

/** A field of a JSON-RPC answer as RLP takes it; null where it is not there or no hex. */
export function rlpItem(value: unknown, kind: 'bytes' | 'quantity'): string | null {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]*$/.test(value)) return null
  if (kind === 'bytes') return value.length % 2 === 0 ? value : null
  return value === '0x' ? null : rlpQuantity(BigInt(value))
}

interface BloomedLog {
  readonly address: Address
  readonly topics: readonly Hash[]
}

const maxRememberedItems = 10_000
const remembered = new Map<string, readonly number[]>()

/** The three bits of an address or topic. Event signatures and busy contracts come in every block: they are remembered. */
function bloomBits(item: string): readonly number[] {
  const known = remembered.get(item)
  if (known !== undefined) return known
  const hash = keccak256(item)
  const bits = [2, 6, 10].map((pair) => Number.parseInt(hash.slice(pair, pair + 4), 16) & 2047)
  if (remembered.size >= maxRememberedItems) remembered.clear()
  remembered.set(item, bits)
  return bits
}

/** The 2048-bit bloom filter over the logs' addresses and topics. Source: yellow paper, "Transaction Receipt". */
export function logsBloom(logs: Iterable<BloomedLog>): Hex {
  const bloom = new Uint8Array(256)
  const seen = new Set<string>()
  for (const { address, topics } of logs) {
    for (const item of [address, ...topics]) {
      if (seen.has(item)) continue
      seen.add(item)
      for (const bit of bloomBits(item)) {
        const at = 255 - (bit >> 3)
        bloom[at] = (bloom[at] ?? 0) | (1 << (bit & 7))
      }
    }
  }
  return `0x${Buffer.from(bloom).toString('hex')}`
}
