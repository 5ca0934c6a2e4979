import type { Address, Hash, Hex } from '@tocsin/chain-model'
import { keccak, keccakBytes } from './keccak.ts'
import { RlpWriter } from './rlp.ts'

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
  const rlp = new RlpWriter()
  const later = laterFields.findIndex(([name]) => header[name] === undefined)
  const fields = [...genesisFields, ...laterFields.slice(0, later === -1 ? laterFields.length : later)]
  for (const [name, kind] of fields.toReversed())
    if (!(kind === 'bytes' ? rlp.hex(header[name]) : rlp.quantity(header[name]))) return null
  rlp.list(0)
  return keccak(rlp.take())
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
  const hash = keccakBytes(Buffer.from(item.slice(2), 'hex'))
  const bits = [0, 2, 4].map((pair) => (((hash[pair] ?? 0) << 8) | (hash[pair + 1] ?? 0)) & 2047)
  if (remembered.size >= maxRememberedItems) remembered.clear()
  remembered.set(item, bits)
  return bits
}

/** The 2048-bit bloom filter over the logs' addresses and topics. Source: yellow paper, "Transaction Receipt". */
export function logsBloom(logs: Iterable<BloomedLog>): Hex {
  const bloom = new Uint8Array(256)
  const add = (item: string) => {
    for (const bit of bloomBits(item)) {
      const at = 255 - (bit >> 3)
      bloom[at] = (bloom[at] ?? 0) | (1 << (bit & 7))
    }
  }
  for (const { address, topics } of logs) {
    add(address)
    for (const topic of topics) add(topic)
  }
  return `0x${Buffer.from(bloom).toString('hex')}`
}
