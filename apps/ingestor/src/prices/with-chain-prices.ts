import type { PriceTick } from '@tocsin/chain-model'
import type { DecodedBlock } from '../decode/decode-block.ts'
import type { ChainPriceFeed } from './chain-price-feeds.ts'
import { chainPricer, type ChainPricer, type FeedReader, type PricedBlock, type ToldPrice } from './chain-pricer.ts'
import { feedObserver, type ObservedFeeds } from './feed-observation.ts'

/** Prices blocks in the order in which they are written; what they show of the feeds may be observed in any. */
export interface BlockPricer {
  observe(transactions: DecodedBlock['transactions']): ObservedFeeds
  price(at: PricedBlock, observed: ObservedFeeds, signal: AbortSignal): Promise<readonly PriceTick[]>
}

export function blockPricer(options: {
  readonly feeds: readonly ChainPriceFeed[]
  readonly reader: FeedReader
  /** Reads the newest prices in the log. Called once the log is this writer's alone: with the first block. */
  readonly recent: () => Promise<readonly ToldPrice[]>
  readonly onNotice: (message: string) => void
}): BlockPricer {
  const { feeds, reader, recent, onNotice } = options
  let pricer: ChainPricer | undefined
  return {
    observe: feedObserver(feeds),
    async price(at, observed, signal) {
      pricer ??= chainPricer({ feeds, reader, recent: await recent(), onNotice })
      return pricer.price(at, observed, signal)
    },
  }
}

/** Decodes blocks as `decode` does, in the order in which they are written, and puts the prices to them that they tell. */
export const withChainPrices =
  <Block>(
    decode: (block: Block, signal: AbortSignal) => Promise<DecodedBlock>,
    pricer: BlockPricer,
  ): ((block: Block, signal: AbortSignal) => Promise<DecodedBlock>) =>
  async (block, signal) => {
    const decoded = await decode(block, signal)
    const observed = pricer.observe(decoded.transactions)
    return { ...decoded, prices: await pricer.price(decoded.seal.block, observed, signal) }
  }
