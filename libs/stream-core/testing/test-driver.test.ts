import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  jsonStateCodec,
  mapState,
  listState,
  maxTimestamp,
  numberCodec,
  outputTag,
  StreamBuilder,
  stringCodec,
  stringKey,
  timestampCodec,
  valueState,
  type SinkCodec,
  type SourceCodec,
} from '../src/index.ts'
import { openMemoryStore } from '../src/state/memory-store.ts'
import { checkpointedCells } from '../src/task/checkpoint.ts'
import { testDriver } from './index.ts'
import { priceHistory, storm, stormTopology, type PriceRecord, type Storm } from './storm.ts'

interface Payment {
  readonly wallet: string
  readonly amount: number
}

const codec: SourceCodec<Payment> = {
  decode: (value) => {
    const { at, ...payment } = JSON.parse(Buffer.from(value).toString()) as Payment & { at: number }
    return { type: 'element', timestamp: at, value: payment }
  },
}
const sinkCodec: SinkCodec<{ id: string; total: number }> = {
  idOf: ({ id }) => id,
  encode: (output, transition) => ({
    key: Buffer.from(output.id),
    value: Buffer.from(JSON.stringify({ ...output, ...transition })),
  }),
  outputCodec: jsonStateCodec(),
}
const pay = (timestamp: number, wallet: string, amount: number) =>
  ({ type: 'element', timestamp, value: { wallet, amount } }) as const

const late = outputTag<string>('big')

const runningTotal = () => {
  const total = valueState('total', numberCodec)
  const seen = mapState('seen', stringCodec, numberCodec)
  const all = listState('all', numberCodec)
  const first = valueState('first', timestampCodec)
  const builder = new StreamBuilder({ job: 'totals', version: '1' })
  const totals = builder
    .source('payments', { topic: 'payments', codec, watermarks: { type: 'in-log' }, epochs: true })
    .filter(({ amount }) => amount > 0)
    .keyBy(({ wallet }) => wallet, stringKey)
    .process<{ id: string; total: number }>('total', {
      processElement(payment, ctx) {
        const state = ctx.state(total)
        state.value = (state.value ?? 0) + payment.amount
        ctx.state(all).add(payment.amount)
        ctx.state(seen).set(String(payment.amount), ctx.timestamp)
        const start = ctx.state(first)
        if (start.value === undefined) {
          start.value = ctx.timestamp
          ctx.timers.registerEventTimeTimer(ctx.timestamp + 100)
        }
        if (payment.amount > 50) ctx.output(late, ctx.key)
        if (payment.amount === 13) throw new Error('thirteen')
        if (state.value >= 10) ctx.emit({ id: ctx.key, total: state.value })
      },
      onTimer(timestamp, ctx) {
        ctx.emit({ id: `${ctx.key}@${timestamp}`, total: ctx.state(total).value ?? 0 })
        ctx.state(total).clear()
        ctx.state(first).clear()
      },
    })
  totals.sinkTo('alerts', { topic: 'alerts', codec: sinkCodec })
  return builder.build()
}

describe('testDriver', () => {
  test('default: an output is added, then confirmed when its epoch is final', () => {
    const driver = testDriver(runningTotal())
    driver.push('payments', pay(1000, 'ann', 7), pay(1000, 'ann', 4))
    driver.push('payments', { type: 'sealed', epoch: 1, watermark: 1011 }, { type: 'finalized', epoch: 1 })
    expect(driver.outputs().map(({ output, transition }) => [output, transition])).toEqual([
      [
        { id: 'ann', total: 11 },
        { type: 'added', revision: 1 },
      ],
      [
        { id: 'ann', total: 11 },
        { type: 'confirmed', revision: 2 },
      ],
    ])
    expect(driver.state('total')['total']).toEqual({ ann: 11 })
    expect(driver.timers('total')).toEqual({ ann: [1100] })
  })

  test('behavior: a reverted epoch takes its outputs, state and timers back', () => {
    const driver = testDriver(runningTotal())
    driver.push('payments', pay(1000, 'ann', 7), { type: 'sealed', epoch: 1, watermark: 1011 })
    const before = driver.dump()
    driver.push('payments', pay(1012, 'ann', 4), pay(1012, 'bob', 60), { type: 'sealed', epoch: 2, watermark: 1150 })
    expect([...driver.standing('alerts').keys()]).toEqual(['ann', 'ann@1100', 'bob', 'bob@1112'])
    driver.push('payments', { type: 'reverted', epoch: 2 })
    expect(driver.dump()).toEqual(before)
    expect(driver.standing('alerts').size).toBe(0)
    expect(
      driver
        .outputs()
        .slice(-4)
        .map(({ transition }) => transition),
    ).toEqual([
      { type: 'retracted', revision: 2 },
      { type: 'retracted', revision: 2 },
      { type: 'retracted', revision: 2 },
      { type: 'retracted', revision: 2 },
    ])
  })

  test('behavior: what the last watermark fires is final at once, for nothing follows', () => {
    const driver = testDriver(runningTotal())
    driver.push('payments', pay(1000, 'ann', 7), { type: 'sealed', epoch: 1, watermark: 1011 })
    driver.push('payments', { type: 'watermark', watermark: maxTimestamp })
    expect([...driver.standing('alerts').values()].map(({ status }) => status)).toEqual(['added'])
    driver.push('payments', { type: 'finalized', epoch: 1 })
    expect(driver.outputs().map(({ output, transition }) => [(output as { id: string }).id, transition.type])).toEqual([
      ['ann@1100', 'added'],
      ['ann@1100', 'confirmed'],
    ])
  })

  test('behavior: what an element changed before it failed is undone, and it becomes a dead letter', () => {
    const driver = testDriver(runningTotal())
    driver.push('payments', pay(1000, 'ann', 7), pay(1000, 'ann', 13), pay(1000, 'ann', 2))
    expect(driver.state('total')).toEqual({
      total: { ann: 9 },
      all: { ann: [7, 2] },
      seen: {
        ann: [
          ['2', 1000],
          ['7', 1000],
        ],
      },
      first: { ann: 1000 },
    })
    expect(driver.deadLetters()).toMatchObject([
      { operator: 'total', code: 'STREAM_FUNCTION_FAILED', reason: 'thirteen', origin: 'payments/0@1' },
    ])
  })

  test('error: bytes that the codec cannot read become a dead letter and the fold goes on', () => {
    const driver = testDriver(runningTotal())
    driver.pushBytes('payments', Buffer.from('{'))
    driver.pushBytes('payments', Buffer.from('{"at":5,"wallet":"ann","amount":10}'))
    expect(driver.deadLetters()).toMatchObject([{ operator: 'payments', code: 'STREAM_UNDECODABLE' }])
    expect(driver.outputs()).toHaveLength(1)
  })

  test('behavior: side outputs are seen whether they are read or not', () => {
    const driver = testDriver(runningTotal())
    driver.push('payments', pay(1000, 'ann', 60))
    expect(driver.sideOutput('total', late)).toEqual([{ value: 'ann', timestamp: 1000 }])
  })

  test('behavior: what was pushed after the checkpoint is forgotten by a restore', async () => {
    const driver = testDriver(runningTotal())
    driver.push('payments', pay(1000, 'ann', 7))
    const checkpoint = await driver.checkpoint()
    driver.push('payments', pay(1000, 'ann', 8))
    await driver.restore(checkpoint)
    expect(driver.state('total')['total']).toEqual({ ann: 7 })
    driver.push('payments', pay(1000, 'ann', 3))
    expect(driver.outputs().map(({ output }) => output)).toEqual([
      { id: 'ann', total: 15 }, // of the process that ended
      { id: 'ann', total: 10 },
    ])
  })

  test('property: restored again and again it goes on as if nothing had happened', async () => {
    const histories = fc.record({ storm, prices: fc.tuple(priceHistory(0), priceHistory(1)) })
    await fc.assert(
      fc.asyncProperty(histories, fc.array(fc.integer({ min: 1, max: 8 })), async (history, gaps) => {
        const calm = await pushed(history, [])
        expect(await pushed(history, gaps)).toEqual(calm)
      }),
      { numRuns: 60 },
    )
  })
})

/** Pushes a storm record by record; after each gap of so many it restores a checkpoint taken just then. */
const pushed = async (
  history: { readonly storm: Storm; readonly prices: readonly (readonly PriceRecord[])[] },
  gaps: readonly number[],
) => {
  const driver = testDriver(stormTopology(), { partitions: { prices: 2 } })
  const [first = [], second = []] = history.prices
  const records = [
    ...first.map((record) => ['prices', 0, record] as const),
    ...history.storm.stormy.map((record) => ['chain', 0, record] as const),
    ...second.map((record) => ['prices', 1, record] as const),
  ]
  const restarts = new Set<number>()
  gaps.reduce((at, gap) => (restarts.add(at + gap), at + gap), 0)
  for (const [index, [source, partition, record]] of records.entries()) {
    if (restarts.has(index)) await driver.restore(await driver.checkpoint())
    driver.pushTo(source, partition, record)
  }
  const { store } = await driver.checkpoint()
  const cells: unknown[] = []
  for await (const { value, ...cell } of checkpointedCells(openMemoryStore(store))) {
    cells.push({ ...cell, value: Buffer.from(value).toString('hex') })
  }
  return {
    outputs: driver.outputs(),
    letters: driver.deadLetters(),
    meta: Buffer.from(store.meta ?? []).toString(),
    cells,
  }
}
