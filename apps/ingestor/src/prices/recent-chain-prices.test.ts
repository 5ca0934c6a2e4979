import { transactionsCodec, transactionsTopic, type PriceTick, type TransactionsRecord } from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { readRecentChainPrices } from './recent-chain-prices.ts'

const tick = (price: number): PriceTick => ({
  ...{ type: 'price', chainId: 1, asset: 'native', price8: BigInt(price), source: 'test', time: price, maxAge: 1 },
})
const block = (number: number) => ({ number, hash: null, timestamp: number })
const sealed = (number: number): TransactionsRecord => ({
  ...{ type: 'sealed', chainId: 1, sequence: 0, block: { ...block(number), parentHash: null } },
  ...{ transactions: 0, events: 0, watermark: number },
})
const reverted = (number: number): TransactionsRecord => ({
  ...{ type: 'reverted', chainId: 1, sequence: 0, block: block(number) },
})

async function logOf(records: readonly TransactionsRecord[]) {
  const log = openSimulatedLog()
  const topic = transactionsTopic('test', 1)
  await log.createTopics([{ topic, partitions: 1 }])
  const producer = await log.openProducer('test')
  await producer.append(
    records.map((record) => ({ topic, partition: 0, key: null, value: transactionsCodec.encode(record) })),
  )
  return log
}

describe('readRecentChainPrices', () => {
  test('default: what stands, each with its block; what was reverted does not', async () => {
    const log = await logOf([
      tick(1),
      sealed(1),
      tick(2),
      tick(20),
      sealed(2),
      reverted(2),
      tick(3),
      sealed(2),
      sealed(3),
    ])
    expect(await readRecentChainPrices(log, 'test', 1, 64)).toEqual([
      { number: 1, tick: tick(1) },
      { number: 2, tick: tick(3) },
    ])
  })

  test('behavior: so many blocks and no more, however long the log', async () => {
    const records = Array.from({ length: 3_000 }, (_, number) => [tick(number + 1), sealed(number)]).flat()
    const found = await readRecentChainPrices(await logOf(records), 'test', 1, 64)
    expect(found.map(({ number }) => number)).toEqual(Array.from({ length: 64 }, (_, at) => 2_936 + at))
  })

  test('behavior: nothing where there is no such topic', async () => {
    expect(await readRecentChainPrices(openSimulatedLog(), 'test', 1, 64)).toEqual([])
  })
})
