import type { Address, Hash, Hex } from '@tocsin/chain-model'
import type { ChainLink } from '../ledger/advance.ts'
import type { TimedBlock } from './recording-source.ts'
import type { BlockHeader } from './source-block.ts'

/** Where the chain stands, in the words of one endpoint. */
export interface ChainTip {
  readonly head: BlockHeader
  /** The newest final block, at or below the head; null where the node has no such notion or was not asked for it. */
  readonly finalized: BlockHeader | null
  /** Who says so, without secrets. */
  readonly endpoint: string
}

/**
 * A live chain to follow: one endpoint, or several that look like one. It may lie: what it answers is verified before it
 * comes out of here. Every method throws an error with `handling: 'retry'` where asking again may help, and the signal's
 * reason when it is aborted. Many answers may be asked for at once.
 */
export interface ChainSource {
  readonly chainId: number
  /** How it is called in messages, without secrets. */
  readonly name: string
  tip(signal: AbortSignal): Promise<ChainTip>
  /** Null where the node has no such block (yet). It may be on another branch than the tip: check the links. */
  headerByNumber(number: number, signal: AbortSignal): Promise<BlockHeader | null>
  headerByHash(hash: Hash, signal: AbortSignal): Promise<BlockHeader | null>
  /** The whole block of this header, proven to be it as far as the node's answers allow. */
  block(header: BlockHeader, signal: AbortSignal): Promise<TimedBlock>
  /**
   * What a read-only call returns at the block; null where it reverts or nothing is there, undefined where the node no
   * longer has the state of so old a block and so cannot say.
   */
  call(
    at: { readonly blockHash: Hash; readonly to: Address; readonly data: Hex },
    signal: AbortSignal,
  ): Promise<Hex | null | undefined>
  /** The word in a slot of a contract's storage at the block; undefined where no node can say. */
  storage(
    at: { readonly blockHash: Hash; readonly address: Address; readonly slot: Hash },
    signal: AbortSignal,
  ): Promise<Hex | undefined>
  /** A contract's code at the block, `0x` where there is none; undefined where no node can say. */
  code(at: { readonly blockHash: Hash; readonly address: Address }, signal: AbortSignal): Promise<Hex | undefined>
  /** Whether an endpoint other than `besides` has this block on its chain; null where no other one answers. */
  confirms(header: BlockHeader, besides: string, signal: AbortSignal): Promise<boolean | null>
  /**
   * What this endpoint tells cannot be followed, so another is asked for the tip where there is one. Given `until`, the
   * endpoint is asked again only once it has that block on its chain; else after a while.
   */
  distrust(endpoint: string, until: ChainLink | null): void
  /** Calls the listener when there may be news. It only wakes: what the news is must be asked. Returns how to stop. */
  onHead(listener: () => void): () => void
  close(): Promise<void>
}
