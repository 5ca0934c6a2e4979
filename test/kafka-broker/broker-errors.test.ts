import { EventLogError, type EventLog } from '@tocsin/event-log'
import { openKafkaLogOver } from '@tocsin/event-log/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiKeys, failOnce, type KafkaProxy, startKafkaProxy, transactionKeys } from './kafka-proxy.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const bootstrap = 'missing' in broker ? '' : broker.bootstrap
const topic = `test.errors.${crypto.randomUUID()}`

/** All of Kafka 4.4's, and one that it has not. */
const codes = [-1, ...Array.from({ length: 137 }, (_, index) => index + 1)]

const append = async (log: EventLog) => {
  const producer = await log.openProducer(`test.${crypto.randomUUID()}`)
  try {
    return await producer.append([{ topic, partition: 0, key: null, value: Buffer.from('x') }])
  } finally {
    await producer.close()
  }
}
const poll = async (log: EventLog) => {
  const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
  try {
    return await reader.poll(5000)
  } finally {
    await reader.close()
  }
}

// Where the error stands: behind the throttle time, lengths, the topic's name and the partition.
const ofPartition = 4 + 2 + topic.length + 4 + 4
const requests = [
  { name: 'Produce', apiKey: apiKeys.produce, errorAt: ofPartition, ask: append },
  { name: 'EndTxn', apiKey: transactionKeys.endTxn, errorAt: 4, ask: append },
  { name: 'AddPartitionsToTxn', apiKey: transactionKeys.addPartitionsToTxn, errorAt: 4 + ofPartition, ask: append },
  { name: 'InitProducerId', apiKey: transactionKeys.initProducerId, errorAt: 4, ask: append },
  { name: 'Fetch', apiKey: apiKeys.fetch, errorAt: 10 + ofPartition, ask: poll },
  {
    name: 'ListOffsets',
    apiKey: apiKeys.listOffsets,
    errorAt: 4 + ofPartition,
    ask: (log: EventLog) => log.offsets({ topic, partition: 0 }),
  },
] as const

describe.skipIf('missing' in broker)(`openKafkaLog and each error of Kafka’s protocol, ${originOf(broker)}`, () => {
  let proxy: KafkaProxy
  let log: EventLog
  beforeAll(async () => {
    proxy = await startKafkaProxy(bootstrap)
    log = openKafkaLogOver({ brokers: [bootstrap], clientId: 'test' }, { connect: () => proxy.connect() })
    await log.createTopics([{ topic, partitions: 1 }])
    await append(log)
  })
  afterAll(async () => {
    await log.close()
    await proxy.close()
  })

  test.each(requests)(
    'behavior: $name answered with it once: done all the same, or an error that says what follows; never a hang',
    async ({ apiKey, errorAt, ask }) => {
      const outcomes: unknown[] = []
      for (const code of codes) {
        let answered = false
        const fail = failOnce(apiKey, errorAt, code)
        proxy.meddle({
          response: (key, payload) => {
            answered ||= key === apiKey
            fail(key, payload)
          },
        })
        const outcome = await ask(log).then(
          () => 'done',
          (error: unknown) =>
            error instanceof EventLogError && !error.message.includes('\n') ? error.handling : error,
        )
        proxy.meddle({})
        outcomes.push(answered ? outcome : `${code} was never answered`)
      }
      expect(outcomes.filter((outcome) => !['done', 'retry', 'stop'].includes(String(outcome)))).toEqual([])
      // And the log goes on.
      await expect(append(log)).resolves.toMatchObject([{ topic }])
    },
    300_000,
  )

  test('behavior: a broker that falls silent: an append ends with its transaction’s time, a reader is closed at once', async () => {
    const options = { brokers: [bootstrap], clientId: 'test', transactionTimeoutMs: 1500 }
    const silent = openKafkaLogOver(options, { connect: () => proxy.connect() })
    const producer = await silent.openProducer(`test.${crypto.randomUUID()}`)
    const { end } = await silent.offsets({ topic, partition: 0 })
    const reader = await silent.openReader([{ topic, partition: 0, offset: end }])
    const record = { topic, partition: 0, key: null, value: Buffer.from('x') }
    await producer.append([record]) // so that it knows the topic
    proxy.meddle({ request: () => 'swallow' })
    const polled = reader.poll(60_000)
    await expect(producer.append([record])).rejects.toMatchObject({ code: 'LOG_COMMIT_UNKNOWN', handling: 'retry' })
    await reader.close()
    expect(await polled).toEqual([])
    await silent.close()
    proxy.meddle({})
  })
})
