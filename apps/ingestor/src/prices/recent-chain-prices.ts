import { MalformedRecordError, transactionsCodec, transactionsTopic } from '@tocsin/chain-model'
import { readRange, UnknownTopicError, type EventLog } from '@tocsin/event-log'
import type { ToldPrice } from './chain-pricer.ts'

const transactionStart = new TextEncoder().encode('{"type":"transaction"')

/**
 * The prices of the newest `blocks` blocks of the chain in the log, oldest first: what was reverted is not among them.
 * Reads back in ever larger steps; transactions are told by their first bytes and not parsed.
 */
export async function readRecentChainPrices(
  log: EventLog,
  prefix: string,
  chainId: number,
  blocks: number,
): Promise<readonly ToldPrice[]> {
  const at = { topic: transactionsTopic(prefix, chainId), partition: 0 }
  let range: { readonly beginning: number; readonly end: number }
  try {
    range = await log.offsets(at)
  } catch (error) {
    if (error instanceof UnknownTopicError) return []
    throw error
  }
  for (let length = 1024; ; length *= 4) {
    const from = Math.max(range.beginning, range.end - length)
    const found = await pricesFrom(log, { ...at, offset: from }, range.end)
    const last = found.blocks.at(-1) ?? 0
    const isEnough = (found.blocks[0] ?? Infinity) <= last - blocks
    if (isEnough || from === range.beginning) return found.told.filter(({ number }) => number > last - blocks)
  }
}

async function pricesFrom(
  log: EventLog,
  from: { readonly topic: string; readonly partition: number; readonly offset: number },
  end: number,
) {
  let told: ToldPrice[] = []
  let blocks: number[] = []
  let ofBlock: ToldPrice['tick'][] = []
  /** Reading may have begun within a block, whose first prices then are missing. */
  let isWhole = from.offset === 0
  for await (const { records } of readRange(log, from, end, { maxBytes: 4 << 20 }))
    for (const { value } of records) {
      if (transactionStart.every((byte, index) => value[index] === byte)) continue
      const record = recordIn(value)
      if (record?.type === 'price') ofBlock.push(record)
      else if (record?.type === 'reverted') {
        const { number } = record.block
        told = told.filter((one) => one.number < number)
        blocks = blocks.filter((one) => one < number)
      } else if (record?.type === 'sealed') {
        const { number } = record.block
        if (isWhole) {
          told.push(...ofBlock.map((tick) => ({ number, tick })))
          blocks.push(number)
        }
        ofBlock = []
        isWhole = true
      }
    }
  return { told, blocks }
}

function recordIn(value: Uint8Array) {
  try {
    return transactionsCodec.decode(value)
  } catch (error) {
    if (error instanceof MalformedRecordError) return null
    throw error
  }
}
