import { transactionsCodec, type PriceTick } from '@tocsin/chain-model'
import type { MinedTransaction } from '../mempool/pending-pool.ts'
import type { DecodedBlock } from './decode-block.ts'

/** A block as it is written: its transactions' records in bytes, and its seal, which lacks only its place in the ledger. */
export interface EncodedBlock {
  readonly transactions: readonly Uint8Array[]
  /** What its events tell of prices, where that is asked for. */
  readonly prices: readonly PriceTick[]
  readonly seal: DecodedBlock['seal']
  readonly undecoded: DecodedBlock['undecoded']
  /** What ended pending transactions; empty where nobody follows the mempool. */
  readonly mined: readonly MinedTransaction[]
}

export function encodeBlock(
  { transactions, prices = [], seal, undecoded }: DecodedBlock,
  mined: readonly MinedTransaction[] = [],
): EncodedBlock {
  return { transactions: transactionsCodec.encodeAll(transactions), prices, seal, undecoded, mined }
}
