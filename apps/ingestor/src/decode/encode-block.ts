import { transactionsCodec, type PriceTick } from '@tocsin/chain-model'
import type { MinedTransaction } from '../mempool/pending-pool.ts'
import type { DecodedBlock } from './decode-block.ts'
import { undecodedAs } from './decode-log.ts'

/** A block as it is written: its transactions' records in bytes, and its seal, which lacks only its place in the ledger. */
export interface EncodedBlock {
  readonly transactions: readonly Uint8Array[]
  /** What its events tell of prices, where that is asked for. */
  readonly prices: readonly PriceTick[]
  readonly seal: DecodedBlock['seal']
  /** Logs that claim to be an event and do not decode as it, by the event's name. They are in the log raw. */
  readonly undecoded: Readonly<Record<string, number>>
  /** What ended pending transactions; empty where nobody follows the mempool. */
  readonly mined: readonly MinedTransaction[]
}

export function encodeBlock(
  { transactions, prices = [], seal }: DecodedBlock,
  mined: readonly MinedTransaction[] = [],
): EncodedBlock {
  const undecoded: Record<string, number> = {}
  for (const event of transactions.flatMap(({ events }) => events)) {
    const name = undecodedAs(event)
    if (name !== null) undecoded[name] = (undecoded[name] ?? 0) + 1
  }
  return { transactions: transactions.map((tx) => transactionsCodec.encode(tx)), prices, seal, undecoded, mined }
}
