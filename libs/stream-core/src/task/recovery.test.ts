import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogFullError, ProducerFencedError } from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { priceHistory, storm, stormTopology, type ChainRecord, type PriceRecord } from '../../testing/storm.ts'
import { appendJson, Crash, crashAfter, crashingStore, fillStormLog } from '../../testing/storm-log.ts'
import { openJob, type Job, type JobOptions, type JobProgress } from '../job.ts'
import { newMemoryStoreContents, openMemoryStore } from '../state/memory-store.ts'
import type { StateStore } from '../state/state-store.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 40)

const filledLog = async (...history: readonly [readonly ChainRecord[], readonly (readonly PriceRecord[])[]]) => {
  const log = openSimulatedLog()
  await fillStormLog(log, ...history)
  return log
}

const optionsOf = (log: SimulatedLog, store: StateStore, more: Partial<JobOptions> = {}): JobOptions => {
  let now = 0
  return {
    // So few that forgetting happens, which must be the same on replay.
    topology: stormTopology({ maxFinishedIds: 3 }),
    log,
    store,
    stateFolder: '',
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: ({ operator, origin }) => Buffer.from(`${operator} ${origin}`) },
    clock: () => (now += 1),
    restart: { type: 'none' },
    checkpointIntervalMs: 0,
    commitIntervalMs: 0,
    batchSize: 3,
    ...more,
  }
}

const written = (log: SimulatedLog): readonly (readonly string[])[] =>
  [...[0, 1, 2].map((partition) => ({ topic: 'findings', partition })), { topic: 'dead', partition: 0 }].map((at) =>
    log.records(at).map(({ value }) => Buffer.from(value).toString()),
  )

const runCalmly = async (log: SimulatedLog) => {
  const job = await openJob(optionsOf(log, openMemoryStore(), { batchSize: 1000, commitIntervalMs: 1e9 }))
  await job.runToEnd()
  return written(log)
}

describe('recovery', () => {
  test('property: after crashes at any writes the output log is that of a run without them, byte for byte', async () => {
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(
        storm,
        priceHistory(0),
        priceHistory(1),
        fc.array(fc.record({ after: fc.nat(12), losesState: fc.boolean() }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        async ({ stormy }, first, second, plan, batchSize) => {
          const expected = await runCalmly(await filledLog(stormy, [first, second]))
          const log = await filledLog(stormy, [first, second])
          let contents = newMemoryStoreContents()
          for (const { after, losesState } of plan) {
            const mayWrite = crashAfter(after)
            log.decideAppends((): AppendFate => {
              mayWrite()
              return 'committed'
            })
            // Markers below a checkpoint are gone, but the inputs are all there.
            if (losesState) contents = newMemoryStoreContents()
            const job = await openJob(optionsOf(log, crashingStore(contents, mayWrite), { batchSize }))
            await job.runToEnd().catch((error: unknown) => {
              if (!(error instanceof Crash)) throw error
              crashes += 1
            })
          }
          log.decideAppends(() => 'committed')
          const job = await openJob(optionsOf(log, openMemoryStore(contents), { batchSize }))
          await job.runToEnd()
          expect(written(log)).toEqual(expected)
          await job.close()
        },
      ),
      { numRuns: runs },
    )
    expect(crashes).toBeGreaterThan(0)
  })

  test('behavior: a checkpoint behind the end of the blocks counts what that end confirmed', async () => {
    const transfer = { type: 'element', timestamp: 1000, value: { from: 'ann', to: 'ann', amount: 1 } } as const
    const blocks: readonly ChainRecord[] = [
      transfer,
      { type: 'sealed', epoch: 1, watermark: 1999 },
      { type: 'finalized', epoch: 1 },
      { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER },
    ]
    const prices: readonly PriceRecord[] = [
      { type: 'element', timestamp: 1001, value: { token: 'ann', price: 0 } },
      { type: 'element', timestamp: 3001, value: { token: 'ann', price: 4 } },
      { type: 'element', timestamp: 3002, value: { token: 'ann', price: 5 } },
      end,
    ]
    const expected = await runCalmly(await filledLog(blocks, [prices, [end]]))
    for (let batchSize = 1; batchSize <= 10; batchSize += 1) {
      for (let after = 0; after < 12; after += 1) {
        const log = await filledLog(blocks, [prices, [end]])
        let left = after
        const mayWrite = () => {
          left -= 1
          if (left < 0) throw new Crash('killed')
        }
        log.decideAppends((): AppendFate => {
          mayWrite()
          return 'committed'
        })
        const contents = newMemoryStoreContents()
        const first = await openJob(optionsOf(log, crashingStore(contents, mayWrite), { batchSize }))
        await first.runToEnd().catch(() => undefined)
        log.decideAppends(() => 'committed')
        const second = await openJob(optionsOf(log, openMemoryStore(contents), { batchSize }))
        await second.runToEnd()
        expect(written(log)).toEqual(expected)
      }
    }
  })

  test('property: commits of unknown outcome and a full log lose nothing and repeat nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        storm,
        priceHistory(0),
        fc.array(fc.constantFrom<AppendFate>('committed', 'full', 'commit-unknown', 'lost'), { maxLength: 6 }),
        async ({ stormy }, first, fates) => {
          const expected = await runCalmly(await filledLog(stormy, [first, [end]]))
          const log = await filledLog(stormy, [first, [end]])
          const left = [...fates]
          log.decideAppends(() => left.shift() ?? 'committed')
          const job = await openJob(optionsOf(log, openMemoryStore(), { retryWaitMs: 0 }))
          await job.runToEnd()
          expect(written(log)).toEqual(expected)
        },
      ),
      { numRuns: runs },
    )
  })

  test('behavior: while the log is full the status says so, and why', async () => {
    const log = await filledLog(
      [{ type: 'element', timestamp: 1, value: { from: 'ann', to: 'bob', amount: 13 } }],
      [[end], [end]],
    )
    const seen: JobProgress[] = []
    let fulls = 2
    log.decideAppends(() => (fulls-- > 0 ? 'full' : 'committed'))
    const options = { retryWaitMs: 0, onProgress: (progress: JobProgress) => seen.push(progress) }
    const job = await openJob(optionsOf(log, openMemoryStore(), options))
    await job.runToEnd()
    const waiting = seen.find(({ status }) => status === 'waiting')
    expect(waiting?.reason).toContain(new LogFullError('x').remedy)
    expect(job.progress()).toMatchObject({ status: 'stopped', deadLetters: 1, reason: null })
  })

  test('behavior: a checkpoint that cannot be written is counted, and the next one holds its cells', async () => {
    const history = [
      { type: 'element', timestamp: 1, value: { from: 'ann', to: 'bob', amount: 11 } },
      { type: 'sealed', epoch: 1, watermark: 2 },
      { type: 'finalized', epoch: 1 },
    ] as const
    const later = [
      { type: 'element', timestamp: 3, value: { from: 'bob', to: 'cyd', amount: 11 } },
      { type: 'sealed', epoch: 2, watermark: 4 },
      { type: 'finalized', epoch: 2 },
    ] as const
    const log = await filledLog(history, [[end], [end]])
    const contents = newMemoryStoreContents()
    let failures = 1
    const store = crashingStore(contents, () => {
      if (failures-- > 0) throw new Error('no space left on device')
    })
    const job = await openJob(optionsOf(log, store, { checkpointIntervalMs: 1e9 }))
    await job.runToEnd()
    expect(job.progress()).toMatchObject({ checkpoints: 0, failedCheckpoints: 1 })
    expect(job.progress().reason).toContain('no space left on device')
    await appendJson(log, 'chain', 0, later)
    await job.runToEnd()
    expect(job.progress()).toMatchObject({ checkpoints: 1, failedCheckpoints: 1, reason: null })
    const totals = [...contents.cells.values()].filter(({ table }) => table === 'spending/total')
    expect(totals.map(({ key }) => key).sort()).toEqual(['ann', 'bob'])
  })

  test('error: a job whose producer was fenced by a later one stops', async () => {
    const log = await filledLog([], [[end], [end]])
    const old = await openJob(optionsOf(log, openMemoryStore()))
    const young = await openJob(optionsOf(log, openMemoryStore()))
    await appendJson(log, 'chain', 0, [
      { type: 'element', timestamp: 1, value: { from: 'ann', to: 'bob', amount: 13 } },
    ])
    await expect(old.runToEnd()).rejects.toThrow(ProducerFencedError)
    await young.runToEnd()
    expect(young.progress()).toMatchObject({ status: 'stopped', deadLetters: 1 })
  })

  test('error: without its checkpoint, and with inputs trimmed, a job says what is missing', async () => {
    const log = await filledLog(
      [{ type: 'element', timestamp: 1, value: { from: 'a', to: 'b', amount: 1 } }],
      [[end], [end]],
    )
    const job = await openJob(optionsOf(log, openMemoryStore()))
    await job.runToEnd()
    await log.trim({ topic: 'chain', partition: 0 }, 1)
    await expect(openJob(optionsOf(log, openMemoryStore()))).rejects.toThrow(
      'There is no checkpoint, and chain/0 holds only offsets from 1; the job must read from 0.',
    )
  })

  test('behavior: records that end idleness are taken on replay where the first run took them', async () => {
    const log = await filledLog([], [[{ type: 'idle', time: 0 }], [{ type: 'idle', time: 0 }]])
    const block = (epoch: number): readonly ChainRecord[] => [
      { type: 'element', timestamp: epoch * 1000, value: { from: 'ann', to: 'bob', amount: 1 } },
      { type: 'sealed', epoch, watermark: epoch * 1000 + 999 },
    ]
    await appendJson(log, 'chain', 0, [...block(1), ...block(2)])
    const first = await openJob(optionsOf(log, openMemoryStore()))
    await first.runToEnd()
    // The chain has gone on to 2000 when a price of 500 ends the idleness: in the order of places it would be before.
    await appendJson(log, 'prices', 0, [{ type: 'element', timestamp: 500, value: { token: 'bob', price: 7 } }])
    await first.runToEnd()
    await appendJson(log, 'prices', 0, [{ type: 'idle', time: 2500 }])
    await appendJson(log, 'chain', 0, block(3))
    await first.runToEnd()
    const before = written(log)
    expect(before.flat()).toContainEqual('["at-bob-3000-1",7,"added",1]')
    expect(before.flat().filter((line) => line.includes('at-bob'))).toHaveLength(1)
    const second = await openJob(optionsOf(log, openMemoryStore()))
    await second.runToEnd()
    expect(written(log)).toEqual(before)
    expect(second.progress().status).toBe('stopped')
  })

  test('behavior: `run` goes on as records arrive and ends when told to', async () => {
    const log = await filledLog([], [[end], [end]])
    const stop = new AbortController()
    const progress: JobProgress[] = []
    const job: Job = await openJob(
      optionsOf(log, openMemoryStore(), {
        clock: () => performance.now(),
        progressIntervalMs: 0,
        onProgress: (now) => {
          progress.push(now)
          if (now.commits > 0) stop.abort()
        },
      }),
    )
    const running = job.run(stop.signal)
    await appendJson(log, 'chain', 0, [
      { type: 'element', timestamp: 1, value: { from: 'ann', to: 'bob', amount: 13 } },
    ])
    await running
    expect(job.progress()).toMatchObject({ status: 'stopped', deadLetters: 1 })
    expect(written(log)[3]).toEqual(['spending chain/0@0'])
  })
})

const end: PriceRecord = { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }
