import { describe, expect, test } from 'vitest'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import type { EventLog } from '@tocsin/event-log'
import { openJob } from '../job.ts'
import type { SourceCodec } from '../source.ts'
import { openMemoryStore } from '../state/memory-store.ts'
import { StreamBuilder } from '../stream.ts'
import { maxTimestamp, minTimestamp } from '../time.ts'
import { TopologyError } from '../topology.ts'
import { withAlignment, type WatermarkStrategy } from '../watermark-strategy.ts'
import { inputsToPause, type AlignedInput } from './alignment.ts'

const input = (more: Partial<AlignedInput> & { readonly head?: number }): AlignedInput => ({
  peek: () => (more.head === undefined ? undefined : { type: 'element', timestamp: more.head, value: null }),
  bound: minTimestamp,
  isIdle: false,
  hasEnded: false,
  isSilentAt: () => false,
  queuedBytes: 0,
  readTo: minTimestamp,
  maxDrift: 100,
  ...more,
})

describe('inputsToPause', () => {
  const paused = (...inputs: readonly AlignedInput[]) => [...inputsToPause(inputs, 1000)]

  test('default: an input that was read more than its drift past where another stands is read no further', () => {
    expect(paused(input({ head: 210, readTo: 301 }), input({ bound: 200 }))).toEqual([0])
    expect(paused(input({ head: 210, readTo: 300 }), input({ bound: 200 }))).toEqual([])
    expect(paused(input({ head: 210, readTo: 301 }), input({ head: 200, readTo: 300 }))).toEqual([0])
  })
  test('behavior: one that has nothing queued is read, for all may wait for it', () => {
    expect(paused(input({ bound: 900, readTo: 900 }), input({ head: 200, readTo: 200 }))).toEqual([])
  })
  test('behavior: those that nobody waits for do not count', () => {
    const fast = input({ head: 900, readTo: 950 })
    expect(paused(fast, input({ isIdle: true }), input({ hasEnded: true }))).toEqual([])
    expect(paused(fast, input({ bound: 0 }))).toEqual([0])
  })
  test('behavior: without a drift only a full queue counts', () => {
    const free = { head: 900, readTo: 950, maxDrift: undefined }
    expect(paused(input(free), input({ bound: 0 }))).toEqual([])
    expect(paused(input({ ...free, queuedBytes: 1001 }), input({ bound: 0 }))).toEqual([0])
  })
})

const codec: SourceCodec<number> = {
  decode: (value) => {
    const timestamp = Number.parseInt(Buffer.from(value).toString(), 10)
    if (timestamp < 0) return { type: 'watermark', watermark: maxTimestamp }
    return { type: 'element', timestamp, value: timestamp }
  },
}

/** Records of 10 kB: their time, and padding. */
const append = async (log: EventLog, topic: string, times: readonly number[]) => {
  const producer = await log.openProducer(`writer-${topic}`)
  for (const time of times) {
    await producer.append([{ topic, partition: 0, key: null, value: Buffer.from(String(time).padEnd(10_000)) }])
  }
  await producer.close()
}

/** Counts what was polled of `fast` and not yet taken, at each poll of the log. */
const runWith = async (watermarks: WatermarkStrategy<number>) => {
  const log = openSimulatedLog()
  await log.createTopics(['fast', 'slow', 'out', 'dead'].map((topic) => ({ topic, partitions: 1 })))
  const times = Array.from({ length: 600 }, (_, index) => index * 10)
  await append(log, 'fast', [...times, -1])
  const builder = new StreamBuilder({ job: 'drift', version: '1' })
  const fast = builder.source('fast', { topic: 'fast', codec, watermarks })
  const slow = builder.source('slow', { topic: 'slow', codec, watermarks })
  const encode = (time: number) => ({ key: null, value: Buffer.from(String(time)) })
  fast.union(slow).sinkPlainTo('out', { topic: 'out', codec: { encode } })
  let now = 0
  let most = 0
  // The slow log grows by one record whenever the job asks for more.
  const feed = [...times.map((time) => time + 5), -1]
  const job = await openJob({
    topology: builder.build(),
    log: {
      createTopics: (topics) => log.createTopics(topics),
      partitions: (topic) => log.partitions(topic),
      offsets: (at) => log.offsets(at),
      openProducer: (id) => log.openProducer(id),
      trim: (at, before) => log.trim(at, before),
      close: () => log.close(),
      openReader: async (positions) => {
        const reader = await log.openReader(positions, { maxBytes: 100_000 })
        if (positions.length === 1) return reader // of the progress topic
        return {
          poll: async () => {
            const [at] = job.progress().inputs
            const next = feed.shift()
            if (next !== undefined) await append(log, 'slow', [next])
            const batches = await reader.poll(0)
            for (const { topic, nextOffset } of batches) {
              if (topic === 'fast') most = Math.max(most, nextOffset - (at?.position ?? 0))
            }
            if (feed.length === 0 && batches.length === 0) stop.abort()
            return batches
          },
          seek: (position) => reader.seek(position),
          pause: (at) => reader.pause(at),
          resume: (at) => reader.resume(at),
          close: () => reader.close(),
        }
      },
    },
    store: openMemoryStore(),
    stateFolder: '',
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: () => new Uint8Array() },
    clock: () => (now += 1),
  })
  const stop = new AbortController()
  await job.run(stop.signal)
  await job.close()
  const outputs = log.records({ topic: 'out', partition: 0 }).map(({ value }) => String(Buffer.from(value)))
  return { most, outputs }
}

describe('withAlignment', () => {
  test('behavior: a fast input beside a slow one is read no further than its drift, and the outputs are the same', async () => {
    const free = await runWith({ type: 'in-log' })
    const aligned = await runWith(withAlignment<number>({ type: 'in-log' }, 50))
    expect(aligned.outputs).toEqual(free.outputs)
    expect(aligned.outputs).toHaveLength(1200)
    expect(free.most).toBeGreaterThan(400) // of 600
    expect(aligned.most).toBeLessThan(25) // a poll is of 11 records
  })
  test('behavior: a job that runs to the end does not wait for what it must not read', async () => {
    const log = openSimulatedLog()
    await log.createTopics(['fast', 'slow', 'out', 'dead'].map((topic) => ({ topic, partitions: 1 })))
    const far = Array.from({ length: 300 }, (_, index) => 900 + index)
    await append(log, 'fast', [10, 20, ...far]) // more than one poll
    await append(log, 'slow', [15])
    const builder = new StreamBuilder({ job: 'drift', version: '1' })
    const watermarks = withAlignment<number>({ type: 'ascending' }, 50)
    for (const topic of ['fast', 'slow']) builder.source(topic, { topic, codec, watermarks })
    let now = 0
    const job = await openJob({
      topology: builder.build(),
      log,
      store: openMemoryStore(),
      stateFolder: '',
      progressTopic: 'progress',
      deadLetters: { topic: 'dead', encode: () => new Uint8Array() },
      clock: () => (now += 1),
    })
    await job.runToEnd()
    expect(job.progress()).toMatchObject({ status: 'stopped', elements: 2 })
    await job.close()
  })
  test('error: a drift below 0', () => {
    expect(() => withAlignment({ type: 'in-log' }, -1)).toThrow(TopologyError)
  })
})
