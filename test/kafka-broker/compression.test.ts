import { createRequire } from 'node:module'
import { setTimeout as wait } from 'node:timers/promises'
import { type Compression, openKafkaLog } from '@tocsin/event-log'
import type Kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof Kafkajs
const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]
const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

describe.skipIf('missing' in broker)(`openKafkaLog and compression, ${originOf(broker)}`, () => {
  /** What is written with one compression to a topic that the broker keeps in another (`producer`: as it comes). */
  async function throughBroker(written: Compression, kept: string): Promise<void> {
    const topic = `test.compression.${written}.${kept}.${crypto.randomUUID()}`
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const configEntries = [{ name: 'compression.type', value: kept }]
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions: 1, configEntries }] })
    await admin.disconnect()
    const log = openKafkaLog({ brokers, clientId: 'test', compression: written })
    const isThere = async () => log.partitions(topic).catch(() => 0)
    for (let asks = 0; asks < 100 && (await isThere()) === 0; asks++) await wait(50)
    const values = Array.from({ length: 400 }, (_, n) =>
      Buffer.from(`a value that repeats itself, and ${n} `.repeat(20)),
    )
    const records = values.map((value) => ({ topic, partition: 0, key: Buffer.from('key'), value }))
    await (await log.openProducer(topic)).append(records)
    const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
    const read: string[] = []
    for (let polls = 0; polls < 20 && read.length < values.length; polls++) {
      for (const batch of await reader.poll(5000))
        read.push(...batch.records.map(({ value }) => Buffer.from(value).toString()))
    }
    await log.close()
    expect(read).toEqual(values.map(String))
  }

  test.each(compressions)('default: what is written with %s is read', async (compression) => {
    await expect(throughBroker(compression, 'producer')).resolves.toBeUndefined()
  })

  // The broker, which is Java's client too, takes ours apart and packs its own.
  test.each([
    ['snappy', 'lz4'],
    ['lz4', 'snappy'],
    ['zstd', 'gzip'],
    ['gzip', 'zstd'],
  ] as const)('behavior: what is written with %s to a topic that is kept with %s', async (written, kept) => {
    await expect(throughBroker(written, kept)).resolves.toBeUndefined()
  })
})
