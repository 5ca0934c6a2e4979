import {
  pricesCodec,
  transactionsCodec,
  type ChainTransaction,
  type Control,
  type PriceTick,
} from '@tocsin/chain-model'
import type { SourceCodec, SourceRecord } from '@tocsin/stream-core'

/**
 * The transactions topic: a block is an epoch. A transaction's time is its block's; a price's is its own, which may be
 * earlier (a Chainlink round's), and it stands in its block all the same.
 */
export const transactionsSource: SourceCodec<ChainTransaction | PriceTick> = {
  decode(value) {
    const record = transactionsCodec.decode(value)
    if (record.type === 'transaction') return { type: 'element', timestamp: record.block.timestamp, value: record }
    if (record.type === 'price') return { type: 'element', timestamp: record.time, value: record }
    return controlRecord(record)
  },
}

/** The prices topic. A tick's time is its own. */
export const pricesSource: SourceCodec<PriceTick> = {
  decode(value) {
    const record = pricesCodec.decode(value)
    return record.type === 'price' ? { type: 'element', timestamp: record.time, value: record } : controlRecord(record)
  },
}

function controlRecord(record: Control): SourceRecord<never> {
  switch (record.type) {
    case 'sealed':
      return { type: 'sealed', epoch: record.block.number, watermark: record.watermark }
    case 'reverted':
      return { type: 'reverted', epoch: record.block.number }
    case 'finalized':
      return { type: 'finalized', epoch: record.block.number }
    case 'watermark':
      return { type: 'watermark', watermark: record.watermark }
    case 'idle':
      return { type: 'idle', time: record.time }
  }
}
