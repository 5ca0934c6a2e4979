import type { TopicSpec } from '@tocsin/event-log'
import { openSimulatedGroup, openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { defineJob } from '../../testing/storm-job.ts'
import { shardedJobTopics } from './job-topics.ts'
import { openShardedJob } from './sharded-job.ts'

const sources = [
  { topic: 'chain', partitions: 1 },
  { topic: 'prices', partitions: 2 },
]

/** What `openShardedJob` makes in a log that has the sources alone. */
const made = async (shards: number): Promise<readonly TopicSpec[]> => {
  const log = openSimulatedLog()
  await log.createTopics([...sources, { topic: 'findings', partitions: 1 }, { topic: 'dead', partitions: 1 }])
  const asked: TopicSpec[] = []
  await openShardedJob({
    definition: { ...defineJob(), clock: () => 0 },
    log: {
      createTopics: async (topics) => {
        asked.push(...topics)
        await log.createTopics(topics)
      },
      partitions: (topic) => log.partitions(topic),
      offsets: (at) => log.offsets(at),
      openProducer: (id) => log.openProducer(id),
      openReader: (positions) => log.openReader(positions),
      trim: (at, before) => log.trim(at, before),
      close: () => log.close(),
    },
    group: openSimulatedGroup({ now: () => 0, sessionTimeoutMs: 1, heartbeatIntervalMs: 1 }).member(async () => {}),
    shards,
    stateFolder: '',
    progressTopic: 'progress',
    internalTopics: 'internal',
  })
  return asked
}
const known = (shards: number) =>
  shardedJobTopics({
    ...defineJob(),
    shards,
    progressTopic: 'progress',
    internalTopics: 'internal',
    partitions: (topic) => sources.find((one) => one.topic === topic)?.partitions ?? 0,
  })

describe('shardedJobTopics', () => {
  test.each([2, 3])(
    'default: with %i shards, what the job makes and what it is known to need are the same',
    async (n) => {
      expect(known(n)).toEqual(await made(n))
      expect(known(n).every(({ isTrimmed }) => isTrimmed)).toBe(true)
      const [exchange] = known(n)
      expect(exchange).toMatchObject({ topic: 'internal.spending', partitions: n })
    },
  )

  test('default: one shard is one task, which tells nobody', () => {
    expect(known(1)).toEqual([
      { topic: 'progress', partitions: 1, isTrimmed: true },
      { topic: 'progress.checkpoints', partitions: 1, isTrimmed: true },
    ])
  })
})
