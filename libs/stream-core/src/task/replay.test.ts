import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { openJob, type JobOptions } from '../job.ts'
import { newMemoryStoreContents, openMemoryStore } from '../state/memory-store.ts'
import {
  DeterminismError,
  jsonStateCodec,
  stringKey,
  StreamBuilder,
  type SourceRecord,
  type Topology,
} from '../index.ts'

interface Payment {
  readonly wallet: string
  readonly amount: number
}

/** Two operators into one sink; `told` is what an impure function would make of a payment's receipt. */
const receipts = (told: (payment: Payment, nth: number) => readonly string[]): Topology => {
  const builder = new StreamBuilder({ job: 'receipts', version: '1' })
  const payments = builder.source<Payment>('payments', {
    topic: 'payments',
    codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Payment> },
    watermarks: { type: 'in-log' },
  })
  let nth = 0
  const receipt = payments
    .keyBy(({ wallet }) => wallet, stringKey)
    .process<string>('receipt', {
      processElement(payment, ctx) {
        nth += 1
        for (const line of told(payment, nth)) ctx.emit(line)
      },
    })
  const audit = payments
    .keyBy(({ wallet }) => wallet, stringKey)
    .process<string>('audit', {
      processElement({ amount }, ctx) {
        if (amount > 100) ctx.emit(`audit ${ctx.key}`)
      },
    })
  receipt
    .map((line) => line)
    .union(audit)
    .sinkPlainTo('lines', {
      topic: 'lines',
      codec: { encode: (line) => ({ key: Buffer.from(line.slice(0, 3)), value: Buffer.from(line) }) },
    })
  return builder.build()
}

const pure = ({ wallet, amount }: Payment) => [`${wallet} paid ${amount}`]

const open = async (log: SimulatedLog, topology: Topology, more: Partial<JobOptions> = {}) =>
  openJob({
    topology,
    log,
    stateFolder: '',
    store: openMemoryStore(),
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: ({ reason }) => Buffer.from(reason) },
    clock: () => 0,
    restart: { type: 'none' },
    ...more,
  })

const append = async (log: SimulatedLog, topic: string, values: readonly (readonly [number, string])[]) => {
  const producer = await log.openProducer(`writer of ${topic}`)
  await producer.append(
    values.map(([partition, value]) => ({ topic, partition, key: null, value: Buffer.from(value) })),
  )
  await producer.close()
}

const pay = async (log: SimulatedLog, ...payments: readonly Payment[]) =>
  append(
    log,
    'payments',
    payments.map((value) => [0, JSON.stringify({ type: 'element', timestamp: 1, value })]),
  )

const newLog = async () => {
  const log = openSimulatedLog()
  await log.createTopics([
    { topic: 'payments', partitions: 1 },
    { topic: 'lines', partitions: 1 },
    { topic: 'dead', partitions: 1 },
  ])
  return log
}

/** Three payments, committed in two commits. */
const paidLog = async () => {
  const log = await newLog()
  const job = await open(log, receipts(pure))
  await pay(log, { wallet: 'ann', amount: 1 })
  await job.runToEnd()
  await pay(log, { wallet: 'bob', amount: 2 }, { wallet: 'cyd', amount: 300 })
  await job.runToEnd()
  return log
}

const failureOf = async (log: SimulatedLog, topology: Topology, more?: Partial<JobOptions>) => {
  const job = await open(log, topology, more)
  const error: unknown = await job.runToEnd().catch((thrown: unknown) => thrown)
  expect(job.progress().status).toBe('failed')
  if (!(error instanceof DeterminismError)) throw error
  return error
}

describe('DeterminismError', () => {
  test('default: a pure job replays its own outputs', async () => {
    const job = await open(await paidLog(), receipts(pure))
    await job.runToEnd()
    expect(job.progress()).toMatchObject({ status: 'stopped', outputs: 4, divergences: 0 })
  })

  test('error: an impure function: the sink, what feeds it, the first output that differs and both values', async () => {
    const log = await paidLog()
    const error = await failureOf(
      log,
      receipts((payment, nth) => (nth === 2 ? [`bob paid 2 at noon`] : pure(payment))),
    )
    expect(error.message).toBe(
      'The replay of steps 1 to 3 of job "receipts" differs from the run before it at "lines" (4 outputs then, 4 now, ' +
        'fed by "receipt", "audit"). First at output 2 of lines/0: then key bob, value bob paid 2; now key bob, value ' +
        'bob paid 2 at noon.',
    )
    expect(error.difference).toMatchObject({ topic: 'lines', partition: 0, number: 2 })
  })

  test('error: an output is missing', async () => {
    const error = await failureOf(
      await paidLog(),
      receipts((payment, nth) => (nth === 3 ? [] : pure(payment))),
    )
    expect(error.message).toContain('(4 outputs then, 3 now')
    expect(error.message).toContain(
      'output 3 of lines/0: then key cyd, value cyd paid 300; now key aud, value audit cyd',
    )
  })

  test('error: the last output is missing', async () => {
    const log = await newLog()
    const job = await open(log, receipts(pure))
    await pay(log, { wallet: 'ann', amount: 1 }, { wallet: 'bob', amount: 2 })
    await job.runToEnd()
    const error = await failureOf(
      log,
      receipts((payment, nth) => (nth === 2 ? [] : pure(payment))),
    )
    expect(error.message).toContain('First at output 2 of lines/0: then key bob, value bob paid 2; now none.')
  })

  test('error: one output too many', async () => {
    const error = await failureOf(
      await paidLog(),
      receipts((payment, nth) => (nth === 1 ? [...pure(payment), 'ann thanks'] : pure(payment))),
    )
    expect(error.message).toContain(
      'First at output 2 of lines/0: then key bob, value bob paid 2; now key ann, value ann thanks.',
    )
  })

  test('error: one output too many at the end', async () => {
    const log = await newLog()
    const job = await open(log, receipts(pure))
    await pay(log, { wallet: 'ann', amount: 1 })
    await job.runToEnd()
    const error = await failureOf(
      log,
      receipts((payment) => [...pure(payment), 'ann thanks']),
    )
    expect(error.message).toContain('First at output 2 of lines/0: then none; now key ann, value ann thanks.')
  })

  test('error: the order of two outputs has changed', async () => {
    const both = (reversed: boolean) =>
      receipts(({ wallet }) => (reversed ? [`${wallet} b`, `${wallet} a`] : [`${wallet} a`, `${wallet} b`]))
    const log = await newLog()
    const job = await open(log, both(false))
    await pay(log, { wallet: 'ann', amount: 1 })
    await job.runToEnd()
    const error = await failureOf(log, both(true))
    expect(error.message).toContain(
      'First at output 1 of lines/0: then key ann, value ann a; now key ann, value ann b.',
    )
  })

  test('behavior: of long values it shows the stretch where they part', async () => {
    const long = (end: string) => receipts(() => [`${'x'.repeat(500)}${end}${'y'.repeat(500)}`])
    const log = await newLog()
    const job = await open(log, long('THEN'))
    await pay(log, { wallet: 'ann', amount: 1 })
    await job.runToEnd()
    const { message } = await failureOf(log, long('NOW!'))
    expect(message).toContain(`then key xxx, value …${'x'.repeat(40)}THEN${'y'.repeat(76)}…;`)
    expect(message).toContain(`now key xxx, value …${'x'.repeat(40)}NOW!${'y'.repeat(76)}….`)
  })

  test('behavior: behind a checkpoint the numbers go on', async () => {
    const contents = newMemoryStoreContents()
    const log = await newLog()
    const job = await open(log, receipts(pure), { store: openMemoryStore(contents) })
    await pay(log, { wallet: 'ann', amount: 1 })
    await job.runToEnd()
    const later = await open(log, receipts(pure), { store: openMemoryStore() })
    await pay(log, { wallet: 'bob', amount: 2 })
    await later.runToEnd()
    // The checkpoint holds the first payment, the markers both.
    const impure = receipts(({ wallet }) => [`${wallet} paid with a smile`])
    const { message } = await failureOf(log, impure, { store: openMemoryStore(contents) })
    expect(message).toContain('The replay of steps 2 to 2')
    expect(message).toContain('First at output 2 of lines/0: then key bob, value bob paid 2; now key bob,')
  })

  test('behavior: of a commit in which the checkpoint stands only what is behind it comes again', async () => {
    const told = (word: string): Topology => {
      const builder = new StreamBuilder({ job: 'blocks', version: '1' })
      builder
        .source<Payment>('payments', {
          topic: 'payments',
          codec: { decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<Payment> },
          watermarks: { type: 'in-log' },
          epochs: true,
        })
        .map(({ wallet, amount }) => (amount === 2 ? `${wallet} ${word}` : wallet))
        .sinkTo('lines', {
          topic: 'lines',
          codec: {
            idOf: (line) => line,
            encode: (line, { type }) => ({ key: null, value: Buffer.from(`${line} ${type}`) }),
            outputCodec: jsonStateCodec(),
          },
        })
      return builder.build()
    }
    const contents = newMemoryStoreContents()
    const log = await newLog()
    const element = (timestamp: number, wallet: string, amount: number) =>
      ({ type: 'element', timestamp, value: { wallet, amount } }) as const
    const blocks: readonly SourceRecord<Payment>[] = [
      element(1, 'ann', 1),
      { type: 'sealed', epoch: 1, watermark: 1 },
      element(2, 'bob', 2),
      { type: 'sealed', epoch: 2, watermark: 2 },
      { type: 'finalized', epoch: 1 },
    ]
    await append(
      log,
      'payments',
      blocks.map((record) => [0, JSON.stringify(record)]),
    )
    const job = await open(log, told('paid'), { store: openMemoryStore(contents) })
    await job.runToEnd()
    expect(job.progress()).toMatchObject({ commits: 1, lastCheckpoint: { steps: 2 } })
    const { message } = await failureOf(log, told('lied'), { store: openMemoryStore(contents) })
    expect(message).toContain('The replay of steps 3 to 5')
    expect(message).toContain(
      'First at output 2 of lines/0: then key none, value bob paid added; now key none, value bob lied',
    )
  })

  test('behavior: records of others in the topic are passed over', async () => {
    const log = await newLog()
    const job = await open(log, receipts(pure))
    await append(log, 'lines', [[0, 'a stranger']])
    await pay(log, { wallet: 'ann', amount: 1 }, { wallet: 'bob', amount: 2 })
    await job.runToEnd()
    await append(log, 'lines', [[0, 'a stranger']])
    const same = await open(log, receipts(pure))
    await same.runToEnd()
    expect(same.progress().status).toBe('stopped')
    const { message } = await failureOf(
      log,
      receipts((payment, nth) => (nth === 2 ? ['bob paid nothing'] : pure(payment))),
    )
    expect(message).toContain('First at output 2 of lines/0: then none; now key bob, value bob paid nothing.')
  })

  test('behavior: where what was committed is gone it says so', async () => {
    const log = await paidLog()
    await log.trim({ topic: 'lines', partition: 0 }, 3)
    const { message, difference } = await failureOf(
      log,
      receipts(() => []),
    )
    expect(difference).toBeNull()
    expect(message).toContain('Which output it is cannot be told')
  })
})
