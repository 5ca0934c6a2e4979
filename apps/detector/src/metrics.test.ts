import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '@tocsin/event-log'
import { createMetrics } from '@tocsin/service-kit'
import type { JobProgress, ShardedJobProgress } from '@tocsin/stream-core'
import { describe, expect, test } from 'vitest'
import { configureDetectors } from './configure.ts'
import { openDetection } from './detect.ts'
import { detectionMetrics } from './metrics.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-detector-'))

/** What a real job tells that has not begun. */
async function progressAtRest(): Promise<JobProgress> {
  const log = await openEmbeddedLog(folder())
  const job = await openDetection({
    ...{ log, chainId: 1, prefix: 'test', stateFolder: folder(), clock: () => performance.now() },
    detectors: configureDetectors([], {}),
  })
  const progress = job.progress()
  await job.close()
  await log.close()
  return progress
}
const atRest = await progressAtRest()

type Input = JobProgress['inputs'][number]
const input = (topic: string, lag: number): Input => ({
  ...{ topic, partition: 0, position: 100, committed: 100, end: 100 + lag, lag, watermark: null, idle: false },
})
type Operator = JobProgress['operators'][number]
const operator = (name: string, of: Partial<Operator> = {}): Operator => {
  const [any] = atRest.operators
  if (any === undefined) throw new Error('assertion: detection has operators')
  return { ...any, name, ...of }
}

/** The samples of the detector's metrics whose names begin so, by name and labels. */
async function samplesAfter(
  prefix: string,
  measure: (measures: ReturnType<typeof detectionMetrics>) => void,
): Promise<Readonly<Record<string, number>>> {
  const metrics = createMetrics()
  measure(detectionMetrics(metrics))
  const found = (await metrics.exposition()).matchAll(/^tocsin_detector_(\w+(?:\{[^}]*\})?) (\S+)$/gm)
  return Object.fromEntries(
    [...found].flatMap(([, name = '', value]) => (name.startsWith(prefix) ? [[name, Number(value)]] : [])),
  )
}

describe('detectionMetrics', () => {
  test('default: the lag of each input, and of all with what shards tell each other, in records; the watermark in seconds', async () => {
    const inputs = [input('test.1.transactions', 3), input('test.prices', 4)]
    const measure = (measures: ReturnType<typeof detectionMetrics>) =>
      measures.progress({ ...atRest, inputs, lag: 12, watermark: 1_700_000_000_500 })
    expect({
      ...(await samplesAfter('lag_', measure)),
      ...(await samplesAfter('input_lag', measure)),
      ...(await samplesAfter('watermark', measure)),
    }).toEqual({
      lag_records: 12,
      'input_lag_records{topic="test.1.transactions",partition="0"}': 3,
      'input_lag_records{topic="test.prices",partition="0"}': 4,
      watermark_seconds: 1_700_000_000.5,
    })
  })

  test('behavior: before anything was seen the watermark is 0, which the alert rules leave out', async () => {
    const samples = await samplesAfter('watermark', (measures) => measures.progress({ ...atRest, watermark: null }))
    expect(samples).toEqual({ watermark_seconds: 0 })
  })

  test('behavior: a shard that moved away takes along its lag, its watermark and its operators', async () => {
    const busy: JobProgress = {
      ...atRest,
      ...{ inputs: [input('test.1.transactions', 3)], watermark: 1_700_000_000_000, keys: 5, timers: 6, openEpochs: 7 },
      operators: [operator('pass-through', { recordsIn: 8, recordsOut: 2, lateRecords: 1, keys: 5, watermark: 9_000 })],
    }
    const idle: JobProgress = { ...atRest, inputs: [], operators: [] }
    for (const prefix of ['lag_', 'input_lag', 'watermark', 'state_', 'open_', 'operator_']) {
      const away = await samplesAfter(prefix, (measures) => {
        measures.progress(busy)
        measures.progress(idle)
      })
      expect(
        Object.values(away).filter((value) => value !== 0),
        prefix,
      ).toEqual([])
    }
    const back = await samplesAfter('operator_', (measures) => {
      measures.progress(busy)
      measures.progress(idle)
      measures.progress({ ...busy, operators: [operator('running-total', { recordsIn: 1, watermark: null })] })
    })
    expect(back).toEqual({
      'operator_records_in{operator="running-total"}': 1,
      'operator_records_out{operator="running-total"}': 0,
      'operator_late_records{operator="running-total"}': 0,
      'operator_keys{operator="running-total"}': 0,
    })
  })

  test('behavior: it waits as long as there is a reason, whatever its status', async () => {
    const waiting = (...reasons: readonly (string | null)[]) =>
      samplesAfter('waiting', (measures) => {
        for (const reason of reasons) measures.progress({ ...atRest, reason })
      })
    expect(await waiting('No space is left.')).toEqual({ waiting_info: 1 })
    expect(await waiting('No space is left.', null)).toEqual({ waiting_info: 0 })
  })

  test('default: the shards that are here, the copies that are whole, and how far the others are', async () => {
    const standbys = [
      { shard: 2, isReady: true, lag: 0 },
      { shard: 3, isReady: false, lag: 40 },
      { shard: 4, isReady: true, lag: 2 },
    ]
    const shards: ShardedJobProgress['shards'] = { total: 5, owned: [0, 1], standbys, isMember: true }
    const measured = async (...all: readonly ShardedJobProgress['shards'][]) => {
      const measure = (measures: ReturnType<typeof detectionMetrics>) => all.forEach((one) => measures.shards(one))
      const [owned, standby, group] = await Promise.all(
        ['owned', 'standby', 'group'].map((prefix) => samplesAfter(prefix, measure)),
      )
      return { ...owned, ...standby, ...group }
    }
    expect(await measured(shards)).toEqual({
      ...{ owned_shards: 2, standby_shards: 2, standby_lag_records: 42, group_member_info: 1 },
    })
    expect(await measured(shards, { total: 5, owned: [], standbys: [], isMember: false })).toEqual({
      ...{ owned_shards: 0, standby_shards: 0, standby_lag_records: 0, group_member_info: 0 },
    })
  })

  test('behavior: takeovers are counted by what they restored from, and shards that others took one by one', async () => {
    const samples = await samplesAfter('', (measures) => {
      measures.shardEvent({ type: 'taken', shard: 0, tookMs: 10, fromStandby: true })
      measures.shardEvent({ type: 'taken', shard: 1, tookMs: 10, fromStandby: false })
      measures.shardEvent({ type: 'taken', shard: 2, tookMs: 10, fromStandby: true })
      measures.shardEvent({ type: 'fenced', shard: 0 })
      measures.shardEvent({ type: 'lost', shards: [1, 2], reason: 'it was not heard of' })
      measures.shardEvent({ type: 'released', shard: 3, tookMs: 10 })
      measures.shardEvent({ type: 'standing-by', shard: 3 })
      measures.shardEvent({ type: 'disturbed', reason: null })
    })
    expect(samples).toMatchObject({
      'shard_takeovers_total{from="copy"}': 2,
      'shard_takeovers_total{from="topic"}': 1,
      fenced_shards_total: 3,
    })
  })
})
