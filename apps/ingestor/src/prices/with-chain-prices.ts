import type { DecodedBlock } from '../decode/decode-block.ts'
import type { ChainPriceFeed } from './chain-price-feeds.ts'
import { chainPricer, type ChainPricer, type FeedReader, type ToldPrice } from './chain-pricer.ts'
import { feedObserver } from './feed-observation.ts'

/** Decodes blocks as `decode` does, in the order in which they are written, and puts the prices to them that they tell. */
export function withChainPrices<Block>(
  decode: (block: Block, signal: AbortSignal) => Promise<DecodedBlock>,
  options: {
    readonly feeds: readonly ChainPriceFeed[]
    readonly reader: FeedReader
    /** Reads the newest prices in the log. Called once the log is this writer's alone: with the first block. */
    readonly recent: () => Promise<readonly ToldPrice[]>
    readonly onNotice: (message: string) => void
  },
): (block: Block, signal: AbortSignal) => Promise<DecodedBlock> {
  const { feeds, reader, recent, onNotice } = options
  const observe = feedObserver(feeds)
  let pricer: ChainPricer | undefined
  return async (block, signal) => {
    const decoded = await decode(block, signal)
    pricer ??= chainPricer({ feeds, reader, recent: await recent(), onNotice })
    return { ...decoded, prices: await pricer.price(decoded.seal.block, observe(decoded.transactions), signal) }
  }
}
