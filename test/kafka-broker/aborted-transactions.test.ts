import { createRequire } from 'node:module'
import { openKafkaLog } from '@tocsin/event-log'
import { readTo, textOf } from '@tocsin/event-log/testing'
import type { Producer, Transaction } from 'kafkajs'
import type Kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof Kafkajs
const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]

// What a port without begin and abort cannot bring about: other clients' transactions, seen through the port.
describe.skipIf('missing' in broker)(`openKafkaLog among aborted transactions, ${originOf(broker)}`, () => {
  const kafka = new Kafka({ brokers, clientId: 'test-raw', logLevel: logLevel.NOTHING })
  const producers: Producer[] = []
  const log = openKafkaLog({ brokers, clientId: 'test' })
  let topic = ''

  beforeAll(async () => {
    topic = `test.aborted.${crypto.randomUUID()}`
    await log.createTopics([{ topic, partitions: 3 }])
  })
  afterAll(async () => {
    await Promise.all(producers.map((producer) => producer.disconnect()))
    await log.close()
  })

  const begin = async (): Promise<Transaction> => {
    const producer = kafka.producer({
      transactionalId: `raw.${crypto.randomUUID()}`,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 5, retries: 100 },
      createPartitioner: () => (args) => args.message.partition ?? 0,
    })
    producers.push(producer)
    await producer.connect()
    return producer.transaction()
  }
  const write = (transaction: Transaction, partition: number, value: string, key: Buffer | null = null) =>
    transaction.send({ topic, acks: -1, messages: [{ partition, key, value }] })

  const readTexts = async (partition: number, offset: number, end: number): Promise<readonly string[]> =>
    (await readTo(log, { topic, partition, offset }, end)).map(textOf)

  test('behavior: interleaved transactions, the later aborting first, from every offset', async () => {
    const [a, b, c] = [await begin(), await begin(), await begin()]
    await write(a, 0, 'A1') // 0
    await write(b, 0, 'B1') // 1
    await write(c, 0, 'C1') // 2
    await write(a, 0, 'A2') // 3
    await b.abort() // 4
    await write(a, 0, 'A3') // 5
    await a.abort() // 6
    await write(c, 0, 'C2') // 7
    await c.commit() // 8
    for (const [from, texts] of [
      [0, ['C1', 'C2']],
      [1, ['C1', 'C2']],
      [3, ['C2']],
      [5, ['C2']],
      [8, []],
    ] as const) {
      expect(await readTexts(0, from, 9)).toEqual(texts)
    }
    expect(await log.offsets({ topic, partition: 0 })).toEqual({ beginning: 0, end: 9 })
  })

  test('behavior: an aborted record whose key looks like an abort marker', async () => {
    const aborted = await begin()
    await write(aborted, 1, 'x')
    await write(aborted, 1, 'y', Buffer.alloc(4))
    await write(aborted, 1, 'z')
    await aborted.abort()
    const committed = await begin()
    await write(committed, 1, 'seen', Buffer.alloc(4))
    await committed.commit()
    expect(await readTexts(1, 0, 6)).toEqual(['seen'])
  })

  test('behavior: an open transaction holds the end back, and readers behind it', async () => {
    const [open, other] = [await begin(), await begin()]
    await write(other, 2, 'before')
    await other.commit()
    await write(open, 2, 'open')
    const reader = await log.openReader([{ topic, partition: 2, offset: 0 }])
    const first = (await reader.poll(10_000)).flatMap(({ records }) => records)
    expect(first.map(({ value }) => Buffer.from(value).toString())).toEqual(['before'])
    expect((await log.offsets({ topic, partition: 2 })).end).toBe(2)
    expect((await reader.poll(300)).flatMap(({ records }) => records)).toEqual([])
    await open.commit()
    expect(await readTexts(2, 0, 4)).toEqual(['before', 'open'])
    await reader.close()
  })
})
