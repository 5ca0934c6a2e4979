import { openEmbeddedLog, openKafkaLog, type EventLog } from '@tocsin/event-log'
import {
  numberCodec,
  openDistributedJob,
  openJob,
  StreamBuilder,
  stringKey,
  valueState,
  type SourceRecord,
  type Topology,
} from '@tocsin/stream-core'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]

interface Transfer {
  readonly from: string
  readonly amount: number
}
const count = 400

/** Sums by sender, and behind a second exchange how many of them end alike. */
const topology = (prefix: string): Topology => {
  const builder = new StreamBuilder({ job: 'sums', version: '1' })
  const total = valueState('total', numberCodec)
  const seen = valueState('seen', numberCodec)
  const sums = builder
    .source('transfers', {
      topic: `${prefix}.transfers`,
      // The records below, as JSON.
      codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Transfer> },
      watermarks: { type: 'in-log' },
    })
    .keyBy(({ from }) => from, stringKey)
    .process<string>('sums', {
      processElement({ from, amount }, ctx) {
        const sum = ctx.state(total)
        sum.value = (sum.value ?? 0) + amount
        ctx.emit(`${from} ${sum.value}`)
      },
    })
  const text = {
    encode: (value: string) => ({ key: Buffer.from(value.split(' ')[0] ?? ''), value: Buffer.from(value) }),
  }
  sums.sinkPlainTo('sent', { topic: `${prefix}.sent`, codec: text })
  sums
    .keyBy((sum) => sum.slice(-1), stringKey)
    .process<string>('endings', {
      processElement(sum, ctx) {
        const of = ctx.state(seen)
        of.value = (of.value ?? 0) + 1
        ctx.emit(`${ctx.key} ${of.value} ${sum}`)
      },
    })
    .sinkPlainTo('ended', { topic: `${prefix}.ended`, codec: text })
  return builder.build()
}

const fill = async (log: EventLog, prefix: string) => {
  await log.createTopics([
    { topic: `${prefix}.transfers`, partitions: 1 },
    { topic: `${prefix}.sent`, partitions: 2 },
    { topic: `${prefix}.ended`, partitions: 2 },
    { topic: `${prefix}.dead`, partitions: 1 },
  ])
  const records = Array.from({ length: count }, (_, n): SourceRecord<Transfer> => ({
    type: 'element',
    timestamp: n,
    value: { from: `w${(n * n) % 7}`, amount: (n % 13) + 1 },
  }))
  const all = [...records, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }]
  const producer = await log.openProducer(`${prefix}.writer`)
  const topic = `${prefix}.transfers`
  await producer.append(
    all.map((record) => ({ topic, partition: 0, key: null, value: Buffer.from(JSON.stringify(record)) })),
  )
  await producer.close()
}

/** Outputs by topic and key, each key's in order. */
const written = async (log: EventLog, prefix: string) => {
  const byKey: Record<string, string[]> = {}
  for (const sink of ['sent', 'ended']) {
    for (const partition of [0, 1]) {
      const at = { topic: `${prefix}.${sink}`, partition }
      const { end } = await log.offsets(at)
      const reader = await log.openReader([{ ...at, offset: 0 }])
      for (let next = 0; next < end;) {
        for (const { records, nextOffset } of await reader.poll(500)) {
          for (const { key, value } of records)
            (byKey[`${sink} ${Buffer.from(key ?? []).toString()}`] ??= []).push(Buffer.from(value).toString())
          next = nextOffset
        }
      }
      await reader.close()
    }
  }
  return byKey
}

class Crash extends Error {
  readonly handling = 'stop'
}
/** A log of a process that ends at its append number `last`, of all its tasks. */
const crashingAt = (log: EventLog, last: number): EventLog => {
  let appends = 0
  return {
    createTopics: (topics) => log.createTopics(topics),
    partitions: (topic) => log.partitions(topic),
    offsets: (at) => log.offsets(at),
    openReader: (positions) => log.openReader(positions),
    trim: (at, before) => log.trim(at, before),
    close: () => log.close(),
    openProducer: async (id) => {
      const producer = await log.openProducer(id)
      return {
        close: () => producer.close(),
        append: async (records) => {
          appends += 1
          if (appends > last) throw new Crash('The process has ended.')
          return producer.append(records)
        },
      }
    },
  }
}

describe.skipIf('missing' in broker)(`openDistributedJob on Kafka, ${originOf(broker)}`, () => {
  const log = openKafkaLog({ brokers, clientId: 'test' })
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-job-'))
  })
  afterAll(async () => {
    await log.close()
    await rm(folder, { recursive: true })
  })
  const deadLetters = (prefix: string) => ({ topic: `${prefix}.dead`, encode: () => new Uint8Array() })
  const clock = () => performance.now()

  test('behavior: two shards, crashed twice, write what one undisturbed task does, once', async () => {
    const calm = await openEmbeddedLog(join(folder, 'log'))
    await fill(calm, 'calm')
    const job = await openJob({
      topology: topology('calm'),
      log: calm,
      stateFolder: join(folder, 'calm'),
      progressTopic: 'progress',
      deadLetters: deadLetters('calm'),
      clock,
    })
    await job.runToEnd()
    await job.close()
    const expected = await written(calm, 'calm')
    await calm.close()

    const prefix = `test.job.${crypto.randomUUID()}`
    await fill(log, prefix)
    const open = (of: EventLog) =>
      openDistributedJob({
        definition: { topology: topology(prefix), deadLetters: deadLetters(prefix), clock },
        log: of,
        shards: 2,
        stateFolder: join(folder, 'state'),
        progressTopic: `${prefix}.progress`,
        internalTopics: `${prefix}.internal`,
        commitIntervalMs: 0,
        checkpointIntervalMs: 50,
        batchSize: 20,
        restart: { type: 'none' },
      })
    for (const last of [4, 12]) {
      const crashing = await open(crashingAt(log, last))
      await expect(crashing.runToEnd()).rejects.toThrow('The process has ended.')
      await crashing.close()
    }
    const survivor = await open(log)
    await survivor.runToEnd()
    await survivor.close()
    expect(Object.values(expected).flat()).toHaveLength(2 * count)
    expect(await written(log, prefix)).toEqual(expected)
  }, 120_000)
})
