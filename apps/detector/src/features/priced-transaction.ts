import type { ChainTransaction } from '@tocsin/chain-model'
import type { Price } from './price.ts'

/** A transaction with what was known when it came: the element that all features are views of. */
export interface PricedTransaction {
  readonly transaction: ChainTransaction
  /** The price of each asset it moves, where there was one, and a newer one that is an outlier; oldest first. */
  readonly prices: readonly Price[]
  /** Event time of the first transaction of the log: how far back "not seen before" looks. */
  readonly logStart: number
}

/** Where an element of a transaction stands, and what evidence repeats of it. */
export interface Place {
  readonly blockNumber: number
  readonly blockHash: ChainTransaction['block']['hash']
  /** Its block's, in ms. */
  readonly timestamp: number
  readonly transactionHash: ChainTransaction['hash']
  readonly transactionIndex: number
}

export const placeOf = ({ block, hash, index }: ChainTransaction): Place => ({
  blockNumber: block.number,
  blockHash: block.hash,
  timestamp: block.timestamp,
  transactionHash: hash,
  transactionIndex: index,
})
