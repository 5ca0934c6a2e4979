import { describe, expect, test } from 'vitest'
import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import {
  jsonStateCodec,
  numberCodec,
  openJob,
  StreamBuilder,
  stringKey,
  valueState,
  type JobOptions,
  type SourceCodec,
  type SourceRecord,
  type Topology,
} from './index.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from './state/memory-store.ts'

interface Payment {
  readonly wallet: string
  readonly amount: number
}

/** The log's records are the source's, in JSON. */
const asWritten: SourceCodec<Payment> = {
  decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Payment>,
}

const totals = (
  options: {
    readonly epochs?: boolean
    readonly version?: string
    readonly noise?: () => number
    readonly uid?: string
  } = {},
): Topology => {
  const { epochs = false, version = '1', noise = () => 0, uid = 'total' } = options
  const total = valueState('total', numberCodec)
  const builder = new StreamBuilder({ job: 'totals', version })
  builder
    .source('payments', { topic: 'payments', codec: asWritten, watermarks: { type: 'in-log' }, epochs })
    .keyBy(({ wallet }) => wallet, stringKey)
    .process<{ id: string; total: number }>(uid, {
      processElement(payment, ctx) {
        const state = ctx.state(total)
        state.value = (state.value ?? 0) + payment.amount
        ctx.emit({ id: `${ctx.key}-${state.value}`, total: state.value + noise() })
      },
    })
    .sinkTo('alerts', {
      topic: 'alerts',
      codec: {
        idOf: ({ id }) => id,
        encode: (output, transition) => ({
          key: Buffer.from(output.id),
          value: Buffer.from(JSON.stringify([output.id, output.total, transition.type, transition.revision])),
        }),
        outputCodec: jsonStateCodec(),
      },
    })
  return builder.build()
}

const topics = async (log: SimulatedLog) =>
  log.createTopics([
    { topic: 'payments', partitions: 1 },
    { topic: 'alerts', partitions: 2 },
    { topic: 'dead', partitions: 1 },
  ])

const write = async (log: SimulatedLog, ...records: readonly SourceRecord<Payment>[]) => {
  const producer = await log.openProducer('writer')
  await producer.append(
    records.map((record) => ({
      topic: 'payments',
      partition: 0,
      key: null,
      value: Buffer.from(JSON.stringify(record)),
    })),
  )
  await producer.close()
}

const optionsOf = (
  log: SimulatedLog,
  topology: Topology,
  contents: MemoryStoreContents,
  more: Partial<JobOptions> = {},
): JobOptions => ({
  topology,
  log,
  stateFolder: '',
  store: openMemoryStore(contents),
  progressTopic: 'progress',
  deadLetters: { topic: 'dead', encode: (letter) => Buffer.from(`${letter.operator} ${letter.code} ${letter.origin}`) },
  clock: () => 0,
  restart: { type: 'none' },
  ...more,
})

const alerts = (log: SimulatedLog) =>
  [0, 1].map((partition) =>
    log.records({ topic: 'alerts', partition }).map(({ value }) => Buffer.from(value).toString()),
  )

const pay = (timestamp: number, wallet: string, amount: number) =>
  ({ type: 'element', timestamp, value: { wallet, amount } }) as const

describe('openJob', () => {
  test('default: reads to the end, commits outputs with their progress, and stops', async () => {
    const log = openSimulatedLog()
    await topics(log)
    await write(log, pay(1, 'ann', 1), pay(2, 'bob', 2))
    const job = await openJob(optionsOf(log, totals(), newMemoryStoreContents()))
    await job.runToEnd()
    expect(alerts(log).flat().sort()).toEqual([
      '["ann-1",1,"added",1]',
      '["ann-1",1,"confirmed",2]',
      '["bob-2",2,"added",1]',
      '["bob-2",2,"confirmed",2]',
    ])
    expect(job.progress()).toMatchObject({ status: 'stopped', elements: 2, outputs: 4, commits: 1, checkpoints: 1 })
    await job.close()
  })

  test('behavior: a second start goes on where the first stood, nothing twice', async () => {
    const log = openSimulatedLog()
    await topics(log)
    const contents = newMemoryStoreContents()
    await write(log, pay(1, 'ann', 1))
    const first = await openJob(optionsOf(log, totals(), contents))
    await first.runToEnd()
    await first.close()
    await write(log, pay(2, 'ann', 2))
    const second = await openJob(optionsOf(log, totals(), contents))
    await second.runToEnd()
    expect(alerts(log).flat().sort()).toEqual([
      '["ann-1",1,"added",1]',
      '["ann-1",1,"confirmed",2]',
      '["ann-3",3,"added",1]',
      '["ann-3",3,"confirmed",2]',
    ])
  })

  test('behavior: without its state folder it replays from the beginning and sends nothing again', async () => {
    const log = openSimulatedLog()
    await topics(log)
    await write(log, pay(1, 'ann', 1), pay(2, 'ann', 2))
    const first = await openJob(optionsOf(log, totals(), newMemoryStoreContents()))
    await first.runToEnd()
    const before = alerts(log)
    const second = await openJob(optionsOf(log, totals(), newMemoryStoreContents()))
    await second.runToEnd()
    expect(alerts(log)).toEqual(before)
    await write(log, pay(3, 'ann', 3))
    await second.runToEnd()
    expect(alerts(log).flat()).toHaveLength(6)
  })

  test('behavior: under a changed version other outputs are counted and the job goes on', async () => {
    const log = openSimulatedLog()
    await topics(log)
    await write(log, pay(1, 'ann', 1))
    const first = await openJob(optionsOf(log, totals(), newMemoryStoreContents()))
    await first.runToEnd()
    const second = await openJob(optionsOf(log, totals({ noise: () => 1, version: '2' }), newMemoryStoreContents()))
    await second.runToEnd()
    expect(second.progress()).toMatchObject({ status: 'stopped', divergences: 1 })
  })

  test('error: a checkpoint of other operators is refused, as many as there may be', async () => {
    const log = openSimulatedLog()
    await topics(log)
    const contents = newMemoryStoreContents()
    await write(log, pay(1, 'ann', 1))
    const first = await openJob(optionsOf(log, totals(), contents))
    await first.runToEnd()
    await first.close()
    await expect(openJob(optionsOf(log, totals({ uid: 'sum', version: '2' }), contents))).rejects.toMatchObject({
      code: 'STREAM_STATE_MISMATCH',
      message: expect.stringMatching(
        /^The checkpoint has state of total\/.*; this job has no such operator\.$/,
      ) as unknown,
    })
  })
})
