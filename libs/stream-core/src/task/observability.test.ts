import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { openMemoryStore } from '../state/memory-store.ts'
import {
  numberCodec,
  openJob,
  outputTag,
  sliding,
  StreamBuilder,
  stringKey,
  valueState,
  type JobOptions,
  type SourceRecord,
  type Topology,
} from '../index.ts'

const large = outputTag<string>('large')
const seen = valueState('seen', numberCodec)

/** Wallets that pay: how often in sliding windows, and what is large beside it. */
const payments = (): Topology => {
  const builder = new StreamBuilder({ job: 'payments', version: '7' })
  const paid = builder
    .source<{ wallet: string; amount: number }>('payments', {
      topic: 'payments',
      codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<never> },
      watermarks: { type: 'in-log' },
    })
    .filter(({ amount }) => amount > 0)
    .keyBy(({ wallet }) => wallet, stringKey)
  const watched = paid.process<string>('watch', {
    processElement({ wallet, amount }, ctx) {
      const times = ctx.state(seen)
      times.value = (times.value ?? 0) + 1
      ctx.timers.registerEventTimeTimer(100_000)
      if (amount > 100) ctx.output(large, wallet)
    },
  })
  const counts = paid
    .window(sliding(30, 10))
    .aggregate(
      'counts',
      { createAccumulator: () => 0, add: (_, n) => n + 1, merge: (a, b) => a + b, getResult: (n) => `${n}` },
      numberCodec,
    )
  counts
    .union(watched.sideOutput(large))
    .sinkPlainTo('lines', { topic: 'lines', codec: { encode: (line) => ({ key: null, value: Buffer.from(line) }) } })
  return builder.build()
}

const pay = (timestamp: number, wallet: string, amount: number) =>
  ({ type: 'element', timestamp, value: { wallet, amount } }) as const

const history: readonly SourceRecord<unknown>[] = [
  pay(5, 'ann', 1),
  pay(15, 'bob', 500),
  pay(16, 'bob', 0),
  { type: 'watermark', watermark: 29 },
  // The window [0, 30) has fired, [10, 40) and [20, 50) are open: late for one of its three windows, so not late.
  pay(20, 'ann', 2),
  pay(12, 'ann', 2),
  // Its last window was [0, 30).
  pay(3, 'ann', 2),
]

const setUp = async (more: Partial<JobOptions> = {}, log = openSimulatedLog()) => {
  await log.createTopics(['payments', 'lines', 'dead'].map((topic) => ({ topic, partitions: 1 })))
  const producer = await log.openProducer('writer')
  const values = history.map((record) => Buffer.from(JSON.stringify(record)))
  await producer.append(values.map((value) => ({ topic: 'payments', partition: 0, key: null, value })))
  const job = await openJob({
    topology: payments(),
    log,
    store: openMemoryStore(),
    stateFolder: '',
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: ({ reason }) => Buffer.from(reason) },
    clock: () => 0,
    restart: { type: 'none' },
    ...more,
  })
  return { log, job, producer }
}

describe('Topology', () => {
  test('default: its graph is data: nodes, their sub-topologies, and edges that can be cut', () => {
    const { job, version, nodes, edges } = payments().graph()
    expect([job, version]).toEqual(['payments', '7'])
    expect(nodes.map(({ id, name, operator, subTopologies }) => [id, name, operator, subTopologies.length])).toEqual([
      [0, 'payments', 'source', 1],
      [1, 'filter#1', 'filter', 1],
      [2, 'keyBy#2', 'keyBy', 1],
      [3, 'watch', 'process', 1],
      [4, 'counts', 'window', 1],
      [5, 'sideOutput#5', 'sideOutput', 1],
      [6, 'union#6', 'union', 1],
      [7, 'lines', 'plain-sink', 1],
    ])
    expect(edges).toEqual([
      { from: 0, to: 1, tag: null, crosses: false },
      { from: 1, to: 2, tag: null, crosses: false },
      { from: 2, to: 3, tag: null, crosses: true },
      { from: 2, to: 4, tag: null, crosses: true },
      { from: 3, to: 5, tag: 'large', crosses: false },
      { from: 4, to: 6, tag: null, crosses: false },
      { from: 5, to: 6, tag: null, crosses: false },
      { from: 6, to: 7, tag: null, crosses: false },
    ])
    expect(JSON.parse(JSON.stringify(payments().graph()))).toEqual(payments().graph())
  })
})

describe('JobProgress', () => {
  test('default: by operator records in and out, late ones, keys and timers', async () => {
    const { job } = await setUp()
    await job.runToEnd()
    const { operators } = job.progress()
    expect(
      operators.map(({ name, recordsIn, recordsOut, lateRecords, keys, timers, watermark }) => ({
        name,
        counts: [recordsIn, recordsOut, lateRecords],
        state: [keys, timers],
        watermark,
      })),
    ).toEqual([
      { name: 'payments', counts: [6, 6, 0], state: [0, 0], watermark: 29 },
      { name: 'filter#1', counts: [6, 5, 0], state: [0, 0], watermark: 29 },
      { name: 'keyBy#2', counts: [5, 5, 0], state: [0, 0], watermark: 29 },
      { name: 'watch', counts: [5, 1, 0], state: [2, 2], watermark: 29 },
      // At 29 three windows of ann and two of bob are over; one element is late for all of its own.
      // The two panes that are left hold two keys and one.
      { name: 'counts', counts: [5, 5, 1], state: [3, 0], watermark: 29 },
      { name: 'sideOutput#5', counts: [1, 1, 0], state: [0, 0], watermark: 29 },
      { name: 'union#6', counts: [6, 6, 0], state: [0, 0], watermark: 29 },
      { name: 'lines', counts: [6, 6, 0], state: [0, 0], watermark: 29 },
    ])
    expect(job.progress()).toMatchObject({ lateElements: 1, keys: 5, timers: 2 })
    // An element behind the watermark stands right behind it.
    expect(job.progress()).toMatchObject({ elements: 7, outputs: 6, deadLetters: 0, watermark: 29, place: 30 })
    const holding = operators.filter(({ bytesInMemory }) => bytesInMemory > 0).map(({ name }) => name)
    expect(holding).toEqual(['watch', 'counts'])
  })

  test('behavior: bytes in memory grow with what is in state', async () => {
    const bytesAfter = async (wallets: number) => {
      const { job, producer } = await setUp()
      const values = Array.from({ length: wallets }, (_, at) => Buffer.from(JSON.stringify(pay(50, `w${at}`, 1))))
      await producer.append(values.map((value) => ({ topic: 'payments', partition: 0, key: null, value })))
      await job.runToEnd()
      return job.progress().operators.find(({ name }) => name === 'watch')?.bytesInMemory ?? 0
    }
    const [few, many] = [await bytesAfter(100), await bytesAfter(1000)]
    expect(many / few).toBeGreaterThan(8)
    expect(many / few).toBeLessThan(12)
  })

  test('default: commits and checkpoints with durations and sizes', async () => {
    let now = 0
    const { job } = await setUp({ clock: () => (now += 1) })
    await job.runToEnd()
    const { lastCommit, commitDurations, lastCheckpoint, checkpointDurations, eventLoopDelayMs } = job.progress()
    // Six lines and the marker.
    expect(lastCommit?.records).toBe(7)
    expect(lastCommit?.bytes).toBeGreaterThan(100)
    expect(commitDurations).toMatchObject({ count: 1, lastMs: lastCommit?.durationMs, maxMs: lastCommit?.durationMs })
    expect(lastCheckpoint).toMatchObject({ steps: 7 })
    expect(checkpointDurations).toMatchObject({ count: 1, lastMs: lastCheckpoint?.durationMs })
    expect(eventLoopDelayMs?.max).toBeGreaterThanOrEqual(0)
    await job.close()
  })

  test('behavior: a checkpoint has the size of what changed, not of the state', async () => {
    const { job, producer } = await setUp()
    const append = async (records: readonly unknown[]) => {
      const values = records.map((record) => Buffer.from(JSON.stringify(record)))
      await producer.append(values.map((value) => ({ topic: 'payments', partition: 0, key: null, value })))
      await job.runToEnd()
      return job.progress().lastCheckpoint
    }
    const whole = await append(Array.from({ length: 1000 }, (_, at) => pay(50, `w${at}`, 1)))
    expect(whole?.cells).toBeGreaterThanOrEqual(1000) // values; timers and panes lie many in one
    expect(whole?.bytes).toBeGreaterThan(10_000)
    const next = await append([pay(51, 'w7', 1)])
    expect(next?.steps).toBe((whole?.steps ?? 0) + 1)
    expect(next?.cells).toBeLessThan(10)
    expect(next?.bytes).toBeLessThan(1000)
  })

  test('behavior: epochs that are not final are open, and those spilled whose undo is not in memory', async () => {
    const log = openSimulatedLog()
    await log.createTopics(['blocks', 'dead'].map((topic) => ({ topic, partitions: 1 })))
    const builder = new StreamBuilder({ job: 'blocks', version: '1' })
    builder
      .source<string>('blocks', {
        topic: 'blocks',
        codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<string>[] },
        watermarks: { type: 'in-log' },
        epochs: true,
      })
      .keyBy((wallet) => wallet, stringKey)
      .process<never>('count', {
        processElement(_, ctx) {
          const times = ctx.state(seen)
          times.value = (times.value ?? 0) + 1
        },
      })
    const job = await openJob({
      ...{ topology: builder.build(), log, store: openMemoryStore(), stateFolder: '', progressTopic: 'progress' },
      ...{ deadLetters: { topic: 'dead', encode: () => Buffer.alloc(0) }, clock: () => 0 },
      maxUnfinalizedEpochs: 2,
    })
    const producer = await log.openProducer('writer')
    const after = async (records: readonly SourceRecord<string>[]) => {
      await producer.append([{ topic: 'blocks', partition: 0, key: null, value: Buffer.from(JSON.stringify(records)) }])
      await job.runToEnd()
      const { openEpochs, spilledEpochs } = job.progress()
      return { openEpochs, spilledEpochs }
    }
    const block = (epoch: number): readonly SourceRecord<string>[] => [
      { type: 'element', timestamp: epoch * 10, value: 'ann' },
      { type: 'sealed', epoch, watermark: epoch * 10 + 9 },
    ]
    expect(await after([1, 2].flatMap(block))).toEqual({ openEpochs: 2, spilledEpochs: 0 })
    expect(await after([3, 4, 5].flatMap(block))).toEqual({ openEpochs: 5, spilledEpochs: 3 })
    expect(await after([{ type: 'reverted', epoch: 5 }])).toEqual({ openEpochs: 4, spilledEpochs: 3 })
    expect(await after([{ type: 'finalized', epoch: 4 }])).toEqual({ openEpochs: 0, spilledEpochs: 0 })
    await job.close()
  })

  test('behavior: lag counts what the log has and the task has not taken', async () => {
    let now = 0
    const { job, producer } = await setUp({ clock: () => now })
    expect(job.progress().inputs).toMatchObject([{ position: 0, end: 7, lag: 7 }])
    await job.runToEnd()
    expect(job.progress().inputs).toMatchObject([{ position: 7, end: 7, lag: 0 }])
    now += 5000
    const value = Buffer.from(JSON.stringify(pay(40, 'ann', 1)))
    await producer.append([{ topic: 'payments', partition: 0, key: null, value }])
    await job.runToEnd()
    expect(job.progress().inputs).toMatchObject([{ position: 8, end: 8, lag: 0 }])
  })

  test('behavior: what was taken counts as committed only when the commit of its outputs is through', async () => {
    const { job, log } = await setUp({ clock: () => 0 })
    const told: unknown[] = []
    log.decideAppends(() => {
      told.push(job.progress().inputs)
      return 'committed'
    })
    await job.runToEnd()
    told.push(job.progress().inputs)
    expect(told).toMatchObject([[{ position: 7, committed: 0 }], [{ position: 7, committed: 7 }]])
  })

  test('behavior: the lag of a task that has caught up is 0 where the log ends with a commit marker, as on Kafka', async () => {
    const { job } = await setUp({}, openSimulatedLog({ markers: true }))
    expect(job.progress().inputs).toMatchObject([{ position: 0, end: 8, lag: 8 }])
    await job.runToEnd()
    expect(job.progress().inputs).toMatchObject([{ position: 7, end: 8, lag: 0 }])
  })

  test('behavior: time goes into commits where the log takes long, and is idle where there is nothing to read', async () => {
    let now = 0
    const { job, log } = await setUp({ clock: () => now })
    log.decideAppends(() => {
      now += 600
      return 'committed'
    })
    const seenShares: number[] = []
    await job.runToEnd()
    now += 600
    const { time } = job.progress()
    seenShares.push(time.busyTimeMsPerSecond, time.backPressuredTimeMsPerSecond, time.idleTimeMsPerSecond)
    expect(seenShares).toEqual([0, 500, 500])
  })
})
