import type { Address, Hash, Hex } from '@tocsin/chain-model'
import type { TimedBlock } from './recording-source.ts'
import type { BlockHeader } from './source-block.ts'

/**
 * A live chain to follow. It may lie: what it answers is verified before it comes out of here. Every method throws an
 * error with `handling: 'retry'` where asking again may help, and the signal's reason when it is aborted.
 */
export interface ChainSource {
  readonly chainId: number
  /** How it is called in messages, without secrets. */
  readonly name: string
  /** The newest block's header. */
  head(signal: AbortSignal): Promise<BlockHeader>
  /** The newest final block; null where the node has no such notion. */
  finalized(signal: AbortSignal): Promise<BlockHeader | null>
  /** Null where the node has no such block (yet). */
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
  /** Calls the listener when there may be news. It only wakes: what the news is must be asked. Returns how to stop. */
  onHead(listener: () => void): () => void
  close(): Promise<void>
}
