import { createRequire } from 'node:module'
import { openKafkaLog, TopicMismatchError, TopicSettingsError } from '@tocsin/event-log'
import type Kafkajs from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const { Kafka, ConfigResourceTypes, logLevel } = createRequire(import.meta.url)('kafkajs') as typeof Kafkajs
const broker = await sharedKafkaBroker()
const brokers = 'missing' in broker ? [] : [broker.bootstrap]

describe.skipIf('missing' in broker)(`the topics of openKafkaLog, ${originOf(broker)}`, () => {
  const log = openKafkaLog({ brokers, clientId: 'test' })
  const admin = new Kafka({ brokers, clientId: 'test-raw', logLevel: logLevel.NOTHING }).admin()
  const unique = (name: string) => `test.${name}.${crypto.randomUUID()}`
  /** What another hand sets; the rest of the topic's own settings goes back to the brokers' defaults. */
  const set = async (topic: string, settings: Readonly<Record<string, string>>) => {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    })
    // A broker hears of it from its controller, a moment later.
    await vi.waitFor(async () => expect(await settingsOf(topic)).toMatchObject(settings), { timeout: 20_000 })
  }
  const settingsOf = async (topic: string) => (await log.topics.describe([topic]))[0]?.settings ?? {}

  beforeAll(async () => {
    if (!('missing' in broker)) await admin.connect()
  })
  afterAll(async () => {
    await admin.disconnect()
    await log.close()
  })

  test('default: what createTopics makes is as it should be, for one broker', async () => {
    const specs = [
      { topic: unique('plain'), partitions: 3 },
      { topic: unique('compacted'), partitions: 1, cleanup: 'compact' as const },
    ]
    await log.createTopics(specs)
    expect((await log.topics.check(specs)).map(({ severity, setting }) => [severity, setting])).toEqual([
      ['risks', 'replication.factor'],
      ['risks', 'replication.factor'],
    ])
    expect(await settingsOf(specs[0]?.topic ?? '')).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'max.message.bytes': '16777216',
      'unclean.leader.election.enable': 'false',
    })
  })

  test('behavior: a record larger than the broker’s default fits', async () => {
    const topic = unique('large')
    await log.createTopics([{ topic, partitions: 1 }])
    const producer = await log.openProducer(topic)
    await producer.append([{ topic, partition: 0, key: null, value: new Uint8Array(3_000_000) }])
    const reader = await log.openReader([{ topic, partition: 0, offset: 0 }])
    const [batch] = await reader.poll(10_000)
    expect(batch?.records[0]?.value.length).toBe(3_000_000)
    await reader.close()
    await producer.close()
  })

  test('error: createTopics refuses a topic that was given other settings, and says all that is wrong in one line', async () => {
    const spec = { topic: unique('changed'), partitions: 1 }
    await log.createTopics([spec])
    await set(spec.topic, { 'cleanup.policy': 'compact', 'retention.ms': '3600000', 'max.message.bytes': '16777216' })
    const refused: unknown = await log.createTopics([spec]).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(TopicSettingsError)
    expect(String(refused)).toMatch(
      /^Error: The topic "\S+" cannot keep what is promised: cleanup\.policy is compact, needed is delete: .*; retention\.ms is 3600000, needed is -1: [^\n]*\.$/,
    )
  })

  test('error: a topic with other partitions', async () => {
    const topic = unique('partitions')
    await log.createTopics([{ topic, partitions: 2 }])
    await expect(log.createTopics([{ topic, partitions: 3 }])).rejects.toThrow(TopicMismatchError)
  })

  test('behavior: repair sets what is wrong, leaves what else was set for the topic, and then has nothing to do', async () => {
    const spec = { topic: unique('repaired'), partitions: 1 }
    await log.createTopics([spec])
    await set(spec.topic, { 'cleanup.policy': 'compact', 'segment.bytes': '1048576' })
    expect(await log.topics.repair([spec])).toEqual([spec.topic])
    expect(await settingsOf(spec.topic)).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'segment.bytes': '1048576',
    })
    expect(await log.topics.repair([spec])).toEqual([])
    await log.createTopics([spec])
  })

  test('behavior: create makes what is missing only; what is not there is not described and not checked', async () => {
    const [first, second] = [
      { topic: unique('first'), partitions: 1 },
      { topic: unique('second'), partitions: 2 },
    ]
    expect(await log.topics.check([first, second])).toEqual([])
    expect(await log.topics.create([first])).toEqual([first.topic])
    expect(await log.topics.create([first, second])).toEqual([second.topic])
    const states = await log.topics.describe([second.topic, unique('none'), first.topic])
    expect(states.map(({ topic, partitions, replication }) => ({ topic, partitions, replication }))).toEqual([
      { ...second, replication: 1 },
      { ...first, replication: 1 },
    ])
  })
})
