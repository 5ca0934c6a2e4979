import { parseAddress, type Address } from '@tocsin/chain-model'
import { readBundled } from './list-file.ts'

/** What the ingestor knows of a chain's timing and finality. */
export interface ChainFacts {
  readonly chainId: number
  readonly name: string
  /** Blocks stand in slots of this many ms from block `slotFromBlock` on: the next is at least one slot later. */
  readonly slotMs: number | null
  readonly slotFromBlock: number
  /** About how far apart blocks are, in ms: where a recording has no times, they are estimated with it. */
  readonly blockTimeMs: number
  /** Blocks under the head that count as final, where the node's `finalized` tag is not used; null: use the tag. */
  readonly finalityDepth: number | null
  /** Its headers, transactions and receipts are encoded as Ethereum's, so their hashes and roots recompute. */
  readonly ethereumFormats: boolean
  /** Pool factories known to tell the truth about the pools they create. */
  readonly factories: ReadonlySet<Address>
  readonly vouchers: Vouchers
}

/** Contracts that tell the truth about who acted through them. Addresses by CREATE2 are the same on every chain. */
export interface Vouchers {
  /** Of ERC-4337: each lets an account validate its operation before it is executed. */
  readonly entryPoints: ReadonlySet<Address>
  readonly permit2: ReadonlySet<Address>
  /** Of EIP-2771: each checks the signature of whom it names to the contract that it calls. */
  readonly forwarders: ReadonlySet<Address>
}

interface ChainsFile {
  readonly chains: readonly {
    readonly chainId: number
    readonly name: string
    readonly slotMs: number | null
    readonly slotFromBlock: number | null
    readonly finalityDepth: number | null
    readonly blockTimeMs: number
    readonly ethereumFormats?: boolean
  }[]
  readonly factories: readonly ListedContract[]
  readonly entryPoints: readonly ListedContract[]
  readonly permit2: readonly ListedContract[]
  readonly forwarders: readonly ListedContract[]
}

/** `chainId` null: on every chain. */
interface ListedContract {
  readonly chainId: number | null
  readonly address: string
  readonly name: string
}

/** The chain's facts from `data/chains.json`; a chain that is not there has no fixed slot and uses the tag. */
export function chainFacts(chainId: number): ChainFacts {
  const { chains, ...contracts } = readBundled('chains.json') as ChainsFile // our own file, tested
  const listed = (of: readonly ListedContract[]): ReadonlySet<Address> =>
    new Set(of.filter((one) => one.chainId === null || one.chainId === chainId).map((one) => parseAddress(one.address)))
  const known = chains.find((chain) => chain.chainId === chainId)
  return {
    chainId,
    name: known?.name ?? `chain ${chainId}`,
    slotMs: known?.slotMs ?? null,
    slotFromBlock: known?.slotFromBlock ?? 0,
    blockTimeMs: known?.blockTimeMs ?? 12_000,
    finalityDepth: known?.finalityDepth ?? null,
    ethereumFormats: known?.ethereumFormats ?? false,
    factories: listed(contracts.factories),
    vouchers: {
      entryPoints: listed(contracts.entryPoints),
      permit2: listed(contracts.permit2),
      forwarders: listed(contracts.forwarders),
    },
  }
}

/**
 * The watermark that the block's seal carries, ms: nothing earlier than or at it follows. With a fixed slot the next
 * block is at least one slot later (12 s: a block at 24,000 gives 35,999), else it may have the same second (23,999).
 */
export const watermarkAfter = (
  chain: ChainFacts,
  block: { readonly number: number; readonly timestamp: number },
): number => block.timestamp + (chain.slotMs !== null && block.number >= chain.slotFromBlock ? chain.slotMs : 0) - 1
