import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogUnavailableError, RecordTooLargeError } from './errors.ts'
import { planRequests, verifyAnswers } from './kafka-producer.ts'

const topics = new Map([
  ['a', { maxBatchBytes: 10_000 }],
  ['b', { maxBatchBytes: 2_000 }],
])
const record = (topic: string, partition: number, bytes: number, mark = 0) => ({
  topic,
  partition,
  key: null,
  value: Buffer.alloc(bytes, mark),
})

describe('planRequests', () => {
  test('default: what a broker takes at once is one request', () => {
    const requests = planRequests([record('a', 0, 10), record('b', 0, 10), record('a', 1, 10)], topics)
    expect(requests).toHaveLength(1)
    expect(requests[0]?.topicMessages?.map(({ topic, messages }) => [topic, messages.length])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
  })

  test('property: every record once, in order in its partition, no batch over what its topic takes', () => {
    const one = fc.record({ topic: fc.constantFrom('a', 'b'), partition: fc.nat(2), bytes: fc.nat(1800) })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 80 }), (sizes) => {
        const records = sizes.map(({ topic, partition, bytes }, index) => record(topic, partition, bytes + 1, index))
        const sent = planRequests(records, topics).map(({ topicMessages = [] }) =>
          topicMessages.flatMap(({ topic, messages }) =>
            messages.map(({ partition, value }) => ({ place: `${topic}/${partition}`, topic, value })),
          ),
        )
        for (const place of ['a/0', 'a/1', 'a/2', 'b/0', 'b/1', 'b/2']) {
          const marks = sent.flat().flatMap((message) => (message.place === place ? [message.value?.[0]] : []))
          expect(marks).toEqual(
            records.flatMap(({ topic, partition, value }) => (`${topic}/${partition}` === place ? [value[0]] : [])),
          )
        }
        for (const request of sent) {
          for (const [topic, messages] of [...Map.groupBy(request, ({ place }) => place).values()].map(
            (group) => [group[0]?.topic ?? '', group] as const,
          )) {
            const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
            expect(bytes).toBeLessThanOrEqual(topics.get(topic)?.maxBatchBytes ?? 0)
          }
        }
      }),
    )
  })

  test('error: a record that its topic does not take', () => {
    expect(() => planRequests([record('a', 0, 5000), record('b', 0, 5000)], topics)).toThrow(RecordTooLargeError)
  })
})

describe('verifyAnswers', () => {
  interface Send {
    (round: { topicMessages: object[] }): Promise<{ topicName: string; partition: number }[]>
  }
  const createSendMessages = createRequire(import.meta.url)('kafkajs/src/producer/sendMessages') as (
    parts: object,
  ) => Send

  /**
   * kafkajs's own sender, on a cluster of brokers 1 and 2 that lead `t/0` and `t/1`. Broker `failing` fails once; then
   * both partitions have the leader `survivor`. What was appended to each partition is in `stored`.
   */
  async function sendWhileLeadersMove(failing: number, survivor: number) {
    let leaders = [1, 2]
    let hasFailed = false
    const stored: number[] = []
    const brokers = [1, 2].map((nodeId) => ({
      nodeId,
      async produce({ topicData }: { topicData: { topic: string; partitions: { partition: number }[] }[] }) {
        if (nodeId === failing && !hasFailed) {
          hasFailed = true
          leaders = [survivor, survivor]
          throw Object.assign(new Error('not the leader'), { type: 'NOT_LEADER_FOR_PARTITION' })
        }
        stored.push(...topicData.flatMap(({ partitions }) => partitions.map(({ partition }) => partition)))
        return {
          topics: topicData.map(({ topic, partitions }) => ({
            topicName: topic,
            partitions: partitions.map(({ partition }) => ({ partition, errorCode: 0, baseOffset: '0' })),
          })),
        }
      },
    }))
    const cluster = {
      refreshMetadataIfNecessary: async () => {},
      refreshMetadata: async () => {},
      addMultipleTargetTopics: async () => {},
      isConnected: () => true,
      findTopicPartitionMetadata: () => leaders.map((leader, partitionId) => ({ partitionId, leader })),
      findLeaderForPartitions: (_topic: string, partitions: readonly string[]) =>
        Object.fromEntries(
          [1, 2]
            .map((id) => [id, partitions.map(Number).filter((partition) => leaders[partition] === id)] as const)
            .filter(([, led]) => led.length > 0),
        ),
      findBroker: async ({ nodeId }: { nodeId: string }) => brokers.find((broker) => broker.nodeId === Number(nodeId)),
    }
    const eosManager = {
      acquireBrokerLock: async () => {},
      releaseBrokerLock: async () => {},
      isTransactional: () => false,
      getSequence: () => 0,
      updateSequence: () => {},
      getProducerId: () => 1,
      getProducerEpoch: () => 0,
    }
    const retrier = async (attempt: (bail: (error: unknown) => void) => Promise<unknown>) => {
      const bail = (error: unknown) => {
        throw error
      }
      return attempt(bail).catch(() => attempt(bail))
    }
    const logger = { error: () => {}, debug: () => {} }
    const partitioner = ({ message }: { message: { partition: number } }) => message.partition
    const send = createSendMessages({ logger, cluster, partitioner, eosManager, retrier })
    const messages = [0, 1].map((partition) => ({ partition, key: null, value: Buffer.from('x') }))
    const round = { topicMessages: [{ topic: 't', messages }] }
    return { round, answers: await send(round), stored }
  }

  test('error: D13, a partition whose leader moved to a broker that had answered: kafkajs leaves it out', async () => {
    const { round, answers, stored } = await sendWhileLeadersMove(2, 1)
    expect(stored).toEqual([0])
    expect(() => verifyAnswers(round, answers)).toThrow(LogUnavailableError)
  })

  test('error: D13, a partition that had been answered for and moved to a broker that had not: kafkajs sends it twice', async () => {
    const { round, answers, stored } = await sendWhileLeadersMove(2, 2)
    expect(stored.toSorted((a, b) => a - b)).toEqual([0, 0, 1])
    expect(() => verifyAnswers(round, answers)).toThrow(LogUnavailableError)
  })

  test('default: one answer for each partition', () => {
    const [round] = planRequests([record('a', 0, 1), record('a', 0, 1), record('b', 2, 1)], topics)
    const answers = [
      { topicName: 'b', partition: 2 },
      { topicName: 'a', partition: 0 },
    ]
    expect(() => verifyAnswers(round ?? {}, answers)).not.toThrow()
  })
})
