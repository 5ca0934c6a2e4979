import type { Address, Frame, Hash, Hex } from '@tocsin/chain-model'

/** A log as a source holds it, parsed but not decoded. `logIndex` counts within the block. */
export interface SourceLog {
  readonly logIndex: number
  readonly address: Address
  readonly topics: readonly Hash[]
  readonly data: Hex
}

/** A call frame as a source holds it. `input` is whole: the call data, or the code that creates; `0x` of a selfdestruct. */
export interface SourceFrame extends Frame {
  readonly input: Hex
}

/** An entry of an EIP-7702 transaction's authorisation list, as signed. */
export interface SignedAuthorization {
  readonly chainId: bigint
  readonly delegate: Address
  readonly nonce: bigint
  readonly yParity: bigint
  readonly r: bigint
  readonly s: bigint
}

/** What the sender signed. `input` is whole; a recording of traces knows it from the top frame, without the nonce. */
export interface Envelope {
  readonly from: Address
  readonly to: Address | null
  readonly value: bigint
  readonly nonce: number | null
  readonly input: Hex
  /** Null where there is no such list: the transaction is of another type, or the recording does not tell. */
  readonly authorizations: readonly SignedAuthorization[] | null
}

/** What executing it came to. `status` is null before Byzantium and where a recording has none. */
export interface Outcome {
  readonly status: 'success' | 'failed' | null
  readonly gasUsed: bigint | null
  readonly effectiveGasPrice: bigint | null
  readonly contractAddress: Address | null
}

/** A transaction of a source, with null for each part that the source does not hold. */
export interface SourceTransaction {
  readonly hash: Hash
  readonly index: number
  readonly envelope: Envelope | null
  readonly outcome: Outcome | null
  readonly logs: readonly SourceLog[] | null
  readonly frames: readonly SourceFrame[] | null
}

/**
 * A block of a source, transactions in the block's order. `hash`, `parentHash` and `timestamp` (ms) are null only where
 * a recording does not hold them; an endpoint's block always has all three.
 */
export interface SourceBlock {
  readonly chainId: number
  readonly number: number
  readonly hash: Hash | null
  readonly parentHash: Hash | null
  readonly timestamp: number | null
  readonly transactions: readonly SourceTransaction[]
}

/** The header of a block as an endpoint tells it: what the block ledger decides by. `timestamp` in ms. */
export interface BlockHeader {
  readonly number: number
  readonly hash: Hash
  readonly parentHash: Hash
  readonly timestamp: number
}
