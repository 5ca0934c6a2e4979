import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openEmbeddedLog, type EventLog } from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { defineJob, type StormJobArgument } from '../../testing/storm-job.ts'
import { priceHistory, storm, type ChainRecord, type PriceRecord } from '../../testing/storm.ts'
import { Crash, crashAfter, fillStormLog, storesByTask } from '../../testing/storm-log.ts'
import { openJob } from '../job.ts'
import { openMemoryStore } from '../state/memory-store.ts'
import { aggregated, openDistributedJob, type DistributedJobOptions } from './distributed-job.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 20)

type Prices = readonly (readonly PriceRecord[])[]

/** Records of the sinks by key, in order, and dead letters in any. */
const written = async (log: EventLog) => {
  const byKey = new Map<string, string[]>()
  for (const [topic, partition] of [
    ['findings', 0],
    ['findings', 1],
    ['findings', 2],
    ['dead', 0],
  ] as const) {
    const { end } = await log.offsets({ topic, partition })
    const reader = await log.openReader([{ topic, partition, offset: 0 }])
    for (let next = 0; next < end;) {
      for (const { records, nextOffset } of await reader.poll(100)) {
        for (const { key, value } of records) {
          const text = Buffer.from(value).toString()
          const name = `${topic} ${key === null ? text : Buffer.from(key).toString()}`
          byKey.set(name, [...(byKey.get(name) ?? []), text])
        }
        next = nextOffset
      }
    }
    await reader.close()
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1))
}

const clockOf = () => {
  let now = 0
  return () => (now += 1)
}
const shapeOf = (shards: number) => ({
  shards,
  stateFolder: '',
  progressTopic: 'progress',
  internalTopics: 'internal.storm',
  checkpointIntervalMs: 0,
  commitIntervalMs: 0,
  batchSize: 3,
  restart: { type: 'none' } as const,
})

const local = async (chain: readonly ChainRecord[], prices: Prices, savepoint: string | null = null) => {
  const log = openSimulatedLog()
  await fillStormLog(log, chain, prices)
  const job = await openJob({
    ...defineJob(),
    log,
    store: openMemoryStore(),
    stateFolder: '',
    progressTopic: 'progress',
    clock: clockOf(),
  })
  await job.runToEnd()
  if (savepoint !== null) await job.savepoint(savepoint)
  await job.close()
  return written(log)
}

const optionsOn = (log: SimulatedLog, shards: number, openStore = storesByTask()): DistributedJobOptions => ({
  ...shapeOf(shards),
  definition: { ...defineJob(), clock: clockOf() },
  log,
  openStore,
})

const sample = () => {
  const [chain, first, second] = [storm, priceHistory(0), priceHistory(1)].map((arbitrary, index) =>
    fc.sample(arbitrary as fc.Arbitrary<unknown>, { seed: 7 + index, numRuns: 20 }).at(-1),
  )
  return {
    chain: (chain as { stormy: readonly ChainRecord[] }).stormy,
    prices: [first, second] as readonly (readonly PriceRecord[])[],
  }
}

const stormJob = (argument: StormJobArgument) => ({
  url: new URL('../../testing/storm-job.ts', import.meta.url),
  argument,
})

describe('openDistributedJob', () => {
  test('property: after crashes of tasks at any writes, the outputs are those of one task', async () => {
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(
        storm,
        priceHistory(0),
        priceHistory(1),
        fc.constantFrom(1, 2, 3),
        fc.array(fc.nat(40), { maxLength: 4 }),
        async ({ stormy }, first, second, shards, plan) => {
          const expected = await local(stormy, [first, second])
          const log = openSimulatedLog()
          await fillStormLog(log, stormy, [first, second])
          const stores = storesByTask()
          for (const after of plan) {
            const mayWrite = crashAfter(after)
            log.decideAppends((): AppendFate => {
              mayWrite()
              return 'committed'
            })
            const job = await openDistributedJob(optionsOn(log, shards, stores))
            await job.runToEnd().catch((error: unknown) => {
              if (!(error instanceof Crash)) throw error
              crashes += 1
            })
            await job.close()
          }
          log.decideAppends(() => 'committed')
          const job = await openDistributedJob(optionsOn(log, shards, stores))
          await job.runToEnd()
          await job.close()
          expect(await written(log)).toEqual(expected)
        },
      ),
      { numRuns: runs },
    )
    expect(crashes).toBeGreaterThan(0)
  })

  test('behavior: internal topics are trimmed below the checkpoints of their readers', async () => {
    const { chain, prices } = sample()
    const log = openSimulatedLog()
    await fillStormLog(log, chain, prices)
    const job = await openDistributedJob(optionsOn(log, 2))
    await job.runToEnd()
    const { tasks, status, outputs } = job.progress()
    expect(status).toBe('stopped')
    expect(outputs).toBeGreaterThan(0)
    expect(tasks.map(({ subTopology, shard }) => `${subTopology}-${shard}`)).toEqual([
      'prices-0',
      'spending-0',
      'spending-1',
      'ticks-0',
      'ticks-1',
    ])
    const at = { topic: 'internal.storm.spending', partition: 0 }
    expect((await log.offsets(at)).beginning).toBeGreaterThan(0)
    await job.close()
  })

  test('behavior: the lag counts what tasks tell each other, until those who are told have taken it', async () => {
    const { chain, prices } = sample()
    const log = openSimulatedLog({ markers: true })
    await fillStormLog(log, chain, prices)
    const stores = storesByTask()
    log.decideAppends(({ transactionalId }) => {
      if (transactionalId !== 'progress.0') throw new Crash('All but the task of the sources have ended.')
      return 'committed'
    })
    const first = await openDistributedJob(optionsOn(log, 2, stores))
    await expect(first.runToEnd()).rejects.toThrow(Crash)
    await first.close()
    log.decideAppends(() => 'committed')

    const job = await openDistributedJob(optionsOn(log, 2, stores))
    const ofSources = job.progress().inputs.reduce((sum, { lag }) => sum + lag, 0)
    expect(job.progress().lag).toBeGreaterThan(ofSources)
    await job.runToEnd()
    expect(job.progress().lag).toBe(0)
    await job.close()
  })

  test('behavior: two workers over the embedded log give the outputs and the savepoint of one task, and end', async () => {
    const { chain, prices } = sample()
    const folder = await mkdtemp(join(tmpdir(), 'distributed-job-'))
    const [ofOne, ofWorkers] = [join(folder, 'one'), join(folder, 'workers')]
    const expected = await local(chain, prices, ofOne)
    const log = await openEmbeddedLog(join(folder, 'log'))
    await fillStormLog(log, chain, prices)
    const definition = stormJob('plain')
    const shape = { ...shapeOf(4), stateFolder: join(folder, 'state') }
    const job = await openDistributedJob({ ...shape, definition, log, workers: 2 })
    await job.runToEnd()
    expect(job.progress()).toMatchObject({ status: 'stopped', reason: null })
    expect((await job.savepoint(ofWorkers)).cells).toBeGreaterThan(5)
    await job.close()
    expect(expected.length).toBeGreaterThan(5)
    expect(await written(log)).toEqual(expected)
    expect(await readFile(ofWorkers, 'utf8')).toBe(await readFile(ofOne, 'utf8'))
    await log.close()
    await rm(folder, { recursive: true })
  })

  test('error: what a task in a worker fails with is told with its code and remedy', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'distributed-job-'))
    const log = await openEmbeddedLog(join(folder, 'log'))
    const end = { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER } as const
    const sealed = { type: 'sealed', epoch: 1, watermark: 1 } as const
    await fillStormLog(log, [sealed, sealed], [[end], [end]])
    const definition = stormJob('plain')
    const shape = { ...shapeOf(2), stateFolder: join(folder, 'state') }
    const job = await openDistributedJob({ ...shape, definition, log, workers: 2 })
    await expect(job.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'STREAM_EPOCH',
      handling: 'stop',
    })
    await job.close()
    await log.close()
    await rm(folder, { recursive: true })
  })

  test('behavior: workers ask, and give the outputs of one task that does not', async () => {
    const { chain, prices } = sample()
    const folder = await mkdtemp(join(tmpdir(), 'distributed-job-'))
    const log = await openEmbeddedLog(join(folder, 'log'))
    await fillStormLog(log, chain, prices)
    const shape = { ...shapeOf(4), stateFolder: join(folder, 'state') }
    const job = await openDistributedJob({ ...shape, definition: stormJob('asks'), log, workers: 2 })
    await job.runToEnd()
    await job.close()
    expect(await written(log)).toEqual(await local(chain, prices))
    await log.close()
    await rm(folder, { recursive: true })
  })

  test('error: a worker that dies ends the job, which goes on when it is opened again', async () => {
    const { chain, prices } = sample()
    const folder = await mkdtemp(join(tmpdir(), 'distributed-job-'))
    const log = await openEmbeddedLog(join(folder, 'log'))
    await fillStormLog(log, chain, prices)
    const shape = { ...shapeOf(4), stateFolder: join(folder, 'state') }
    const dying = await openDistributedJob({ ...shape, definition: stormJob('dies'), log, workers: 2 })
    await expect(dying.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'STREAM_WORKER_LOST',
      handling: 'retry',
      message: 'A worker ended with exit code 7.',
    })
    await expect(dying.runToEnd()).rejects.toThrow('A worker ended with exit code 7.')
    await dying.close()
    const job = await openDistributedJob({ ...shape, definition: stormJob('plain'), log, workers: 2 })
    await job.runToEnd()
    await job.close()
    expect(await written(log)).toEqual(await local(chain, prices))
    await log.close()
    await rm(folder, { recursive: true })
  })

  test('error: a module that defines no job', async () => {
    const log = openSimulatedLog()
    const definition = { url: new URL('./stamp.ts', import.meta.url), argument: null }
    const opened = openDistributedJob({ ...shapeOf(1), definition, log })
    await expect(opened).rejects.toThrow('does not export a function "defineJob"')
  })

  test('error: more shards than key groups', async () => {
    const log = openSimulatedLog()
    await fillStormLog(log, [], [[], []])
    const opened = openDistributedJob({ ...optionsOn(log, 8), maxParallelism: 4 })
    await expect(opened).rejects.toThrow('The job has 8 shards; it can have 1 to 4, one key group each.')
  })
})

describe('aggregated', () => {
  test('behavior: of several tasks with a reason, that of the status is told; undo of any task that spilled counts', async () => {
    const log = openSimulatedLog()
    await fillStormLog(log, [], [[], []])
    const job = await openDistributedJob(optionsOn(log, 1))
    const calm = job.progress()
    await job.close()
    const waiting = { ...calm, status: 'waiting', reason: 'The log is full.' } as const
    const restarting = { ...calm, status: 'restarting', reason: 'A task has crashed.', spilledEpochs: 3 } as const
    const parts = [{ level: 0 }, { level: 1 }, { level: 1 }]
    expect(aggregated([waiting, restarting, calm], parts)).toMatchObject({
      status: 'restarting',
      reason: 'A task has crashed.',
      spilledEpochs: 3,
    })
    expect(aggregated([calm, waiting, calm], parts)).toMatchObject({ status: 'waiting', reason: 'The log is full.' })
  })
})
