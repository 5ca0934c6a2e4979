import { setImmediate } from 'node:timers/promises'
import { LogUnavailableError, type EventLog } from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { openJob, type JobOptions, type JobProgress } from '../job.ts'
import { newMemoryStoreContents, openMemoryStore } from '../state/memory-store.ts'
import { numberCodec, StreamBuilder, stringKey, valueState, type SourceRecord, type Topology } from '../index.ts'

const counting = (noise: () => number = () => 0): Topology => {
  const total = valueState('total', numberCodec)
  const builder = new StreamBuilder({ job: 'counting', version: '1' })
  builder
    .source<string>('names', {
      topic: 'names',
      codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<string> },
      watermarks: { type: 'in-log' },
    })
    .keyBy((name) => name, stringKey)
    .process<string>('count', {
      processElement(name, ctx) {
        const state = ctx.state(total)
        state.value = (state.value ?? 0) + 1
        ctx.emit(`${name} ${state.value + noise()}`)
      },
    })
    .sinkPlainTo('counts', {
      topic: 'counts',
      codec: { encode: (line) => ({ key: null, value: Buffer.from(line) }) },
    })
  return builder.build()
}

/** A job in a time of its own, whose waits are counted and over at once. */
const setUp = async (fates: (index: number) => AppendFate, more: Partial<JobOptions> = {}) => {
  const log = openSimulatedLog()
  const topics = ['names', 'counts', 'dead'].map((topic) => ({ topic, partitions: 1 }))
  await log.createTopics(topics)
  const producer = await log.openProducer('writer')
  const names = ['ann', 'bob', 'ann']
  await producer.append(
    names.map((value) => ({
      topic: 'names',
      partition: 0,
      key: null,
      value: Buffer.from(JSON.stringify({ type: 'element', timestamp: 1, value })),
    })),
  )
  let appends = 0
  log.decideAppends(() => fates(appends++))
  const time = { now: 0 }
  const waits: number[] = []
  const seen: JobProgress[] = []
  const contents = newMemoryStoreContents()
  const options: JobOptions = {
    topology: counting(),
    log,
    store: openMemoryStore(contents),
    stateFolder: '',
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: ({ reason }) => Buffer.from(reason) },
    clock: () => time.now,
    eventLoop: {
      turn: () => setImmediate(),
      wait: async (ms) => {
        waits.push(ms)
        time.now += ms
        await setImmediate()
      },
    },
    onProgress: (progress) => seen.push(progress),
    ...more,
  }
  return { log, options, waits, seen, job: await openJob(options) }
}

const counts = (log: SimulatedLog) =>
  log.records({ topic: 'counts', partition: 0 }).map(({ value }) => Buffer.from(value).toString())

const failing = (times: number) => (index: number) => {
  if (index < times) throw new Error('the disk went away')
  return 'committed' as const
}

describe('openJob', () => {
  test('default: a job that fails comes back and goes on, nothing lost and nothing twice', async () => {
    const { log, job, waits, seen } = await setUp(failing(3))
    await job.runToEnd()
    expect(waits).toEqual([1000, 1500, 2250])
    expect(counts(log)).toEqual(['ann 1', 'bob 1', 'ann 2'])
    expect(job.progress()).toMatchObject({
      status: 'stopped',
      reason: null,
      restarts: { count: 3, nextAt: null, lastFailure: 'the disk went away' },
    })
    // What a dashboard sees: never `failed`, for it was not for good.
    expect(seen.map(({ status }) => status)).not.toContain('failed')
    const restarting = seen.filter(({ status }) => status === 'restarting')
    expect(restarting.map(({ reason, restarts }) => [reason, restarts.count, restarts.nextAt])).toEqual([
      ['the disk went away', 1, 1000],
      ['the disk went away', 2, 2500],
      ['the disk went away', 3, 4750],
    ])
  })

  test('error: after its attempts a fixed delay gives up', async () => {
    const { job, waits } = await setUp(failing(9), { restart: { type: 'fixed-delay', attempts: 2, delayMs: 10 } })
    await expect(job.runToEnd()).rejects.toThrow('the disk went away')
    expect(waits).toEqual([10, 10])
    expect(job.progress()).toMatchObject({ status: 'failed', reason: 'the disk went away', restarts: { count: 2 } })
  })

  test('error: without restarts the first failure is told', async () => {
    const { job } = await setUp(failing(1), { restart: { type: 'none' } })
    await expect(job.runToEnd()).rejects.toThrow('the disk went away')
    expect(job.progress()).toMatchObject({ status: 'failed', restarts: { count: 0, nextAt: null } })
  })

  test('error: what will not pass stops it at once: a fenced owner, a replay that differs', async () => {
    const fenced = await setUp(() => 'committed')
    await openJob(fenced.options)
    await expect(fenced.job.runToEnd()).rejects.toMatchObject({ code: 'LOG_PRODUCER_FENCED' })
    expect(fenced.waits).toEqual([])

    const first = await setUp(() => 'committed')
    await first.job.runToEnd()
    const impure = { ...first.options, topology: counting(() => 1), store: openMemoryStore() }
    const second = await openJob(impure)
    await expect(second.runToEnd()).rejects.toMatchObject({ code: 'STREAM_DETERMINISM' })
    expect(first.waits).toEqual([])
    expect(second.progress()).toMatchObject({ status: 'failed', restarts: { count: 0 } })
  })

  test('behavior: a restart that cannot be opened waits for the next', async () => {
    let openings = 0
    const unreachable = (log: EventLog): EventLog => ({
      ...bound(log),
      openProducer: async (id) => {
        openings += 1
        if (openings === 2 || openings === 3) throw new LogUnavailableError('open a producer')
        return log.openProducer(id)
      },
    })
    const { log, options, waits } = await setUp(failing(1))
    const job = await openJob({ ...options, log: unreachable(log) })
    await job.runToEnd()
    expect(waits).toEqual([1000, 1500, 2250])
    expect(counts(log)).toEqual(['ann 1', 'bob 1', 'ann 2'])
  })

  test('behavior: told to stop while it waits, it stops', async () => {
    const stop = new AbortController()
    const { job, options } = await setUp(failing(99))
    const stopping = await openJob({
      ...options,
      commitIntervalMs: 0, // its clock stands still
      onProgress: ({ status }) => {
        if (status === 'restarting') stop.abort()
      },
    })
    await stopping.run(stop.signal)
    expect(stopping.progress()).toMatchObject({
      status: 'stopped',
      reason: 'the disk went away',
      restarts: { count: 1 },
    })
    await stopping.close()
    await job.close()
  })

  test('behavior: told to stop while it is not known whether its commit is there, it finds out before it goes on', async () => {
    for (const fate of ['commit-unknown', 'lost'] as const) {
      const stop = new AbortController()
      const fates = (index: number): AppendFate => (index === 0 ? fate : 'committed')
      const { log, job } = await setUp(fates, { commitIntervalMs: 1e9 }) // the first commit is that of the end
      const running = job.run(stop.signal)
      while (job.progress().elements < 3) await setImmediate()
      stop.abort()
      await running
      const producer = await log.openProducer('writer')
      const value = Buffer.from(JSON.stringify({ type: 'element', timestamp: 2, value: 'cyd' }))
      await producer.append([{ topic: 'names', partition: 0, key: null, value }])
      await job.runToEnd()
      await job.close()
      expect(counts(log)).toEqual(['ann 1', 'bob 1', 'ann 2', 'cyd 1'])
    }
  })
})

const bound = (log: EventLog): EventLog => ({
  createTopics: (topics) => log.createTopics(topics),
  partitions: (topic) => log.partitions(topic),
  offsets: (at) => log.offsets(at),
  openProducer: (id) => log.openProducer(id),
  openReader: (positions, options) => log.openReader(positions, options),
  trim: (at, before) => log.trim(at, before),
  close: () => log.close(),
})
