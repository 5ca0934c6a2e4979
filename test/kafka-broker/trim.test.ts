import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { openEmbeddedLog, openKafkaLog, readRange, type EventLog } from '@tocsin/event-log'
import { openSimulatedGroup } from '@tocsin/event-log/testing'
import { openShardedJob, planTrim } from '@tocsin/stream-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { countJob, type CountInput } from './count-job.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const shards = 2
const partitions = 2
const patience = { timeout: 60_000, interval: 20 }

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trim-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A counting job in two shards that trims nothing by itself, and what goes in and comes out. */
const countingOn = async (log: EventLog, name: string) => {
  const topics = { input: `${name}.in`, output: `${name}.out`, dead: `${name}.dead` }
  const own = { shards, progressTopic: `${name}.progress`, internalTopics: `${name}.internal` }
  await log.createTopics([
    { topic: topics.input, partitions },
    { topic: topics.output, partitions: 1 },
    { topic: topics.dead, partitions: 1 },
  ])
  const definition = countJob(topics)
  const feeder = await log.openProducer(`${name}.feeder`)
  let time = 0
  const told = async (): Promise<readonly string[]> => {
    const { end } = await log.offsets({ topic: topics.output, partition: 0 })
    const lines: string[] = []
    for await (const { records } of readRange(log, { topic: topics.output, partition: 0, offset: 0 }, end))
      for (const { value } of records) lines.push(Buffer.from(value).toString())
    return lines
  }
  return {
    plan: () => planTrim({ log, topology: definition.topology, ...own }),
    /** Counts each of ten keys once more. */
    feed: async () => {
      time += 1
      const record = (partition: number) => {
        const input: CountInput = { time, keys: Array.from({ length: 5 }, (_, n) => `key-${2 * n + partition}`) }
        return { topic: topics.input, partition, key: null, value: Buffer.from(JSON.stringify(input)) }
      }
      await feeder.append([record(0), record(1)])
    },
    told,
    /** A process, until so many outputs are there and each task has a checkpoint. */
    runUntil: async (outputs: number, stateFolder: string) => {
      const group = openSimulatedGroup({
        now: () => performance.now(),
        sessionTimeoutMs: 60_000,
        heartbeatIntervalMs: 10,
      })
      const job = await openShardedJob({
        definition,
        ...own,
        log: {
          createTopics: (specs) => log.createTopics(specs),
          partitions: (topic) => log.partitions(topic),
          offsets: (at) => log.offsets(at),
          openProducer: (id) => log.openProducer(id),
          openReader: (positions) => log.openReader(positions),
          trim: async () => undefined,
          close: async () => undefined,
        },
        group: group.member((ms, signal) => wait(ms, undefined, { signal }).catch(() => undefined)),
        stateFolder: join(folder, name, stateFolder),
        checkpointIntervalMs: 20,
        commitIntervalMs: 5,
      })
      const ending = new AbortController()
      const running = job.run(ending.signal)
      await vi.waitFor(async () => {
        expect(await told()).toHaveLength(outputs)
        const { tasks } = job.progress()
        expect(tasks.map(({ progress }) => progress.checkpoints > 0)).toEqual([true, true, true, true])
      }, patience)
      ending.abort()
      await running
    },
  }
}

const counts = (upTo: number) =>
  Array.from({ length: 10 }, (_, key) => Array.from({ length: upTo }, (_of, n) => `key-${key} ${n + 1}`)).flat()

describe.each(['the embedded log', 'Kafka'])('planTrim on %s', (kind) => {
  const isKafka = kind === 'Kafka'
  const isMissing = isKafka && 'missing' in broker
  const open = () =>
    isKafka && !('missing' in broker)
      ? openKafkaLog({ brokers: [broker.bootstrap], clientId: 'test' })
      : openEmbeddedLog(join(folder, 'log'))

  test.skipIf(isMissing)(
    `default: trims below checkpoints, and who restores goes on: ${originOf(broker)}`,
    async () => {
      const log = await open()
      const name = `test.trim.${crypto.randomUUID()}`
      const job = await countingOn(log, name)
      await expect(job.plan()).rejects.toMatchObject({ code: 'STREAM_CHECKPOINT_MISSING', handling: 'stop' })
      // Twice, so that each task has markers and frames of before its newest checkpoint.
      for (const outputs of [100, 200]) {
        for (let times = 0; times < 10; times += 1) await job.feed()
        await job.runUntil(outputs, 'first')
      }

      const plan = await job.plan()
      expect(new Set(plan.map(({ topic }) => topic.slice(name.length + 1)))).toEqual(
        new Set(['internal.count', 'progress']),
      )
      for (const { beginning, before, ...at } of plan) {
        // What it would delete is there until somebody deletes it.
        expect((await log.offsets(at)).beginning).toBe(beginning)
        await log.trim(at, before)
        expect((await log.offsets(at)).beginning).toBe(before)
      }
      expect(await job.plan()).toEqual([])

      for (let times = 0; times < 20; times += 1) await job.feed()
      await job.runUntil(400, 'second')
      const byKey = Map.groupBy(await job.told(), (line) => line.split(' ')[0] ?? '')
      expect([...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, lines]) => lines)).toEqual(counts(40))
      await log.close()
    },
    120_000,
  )
})
