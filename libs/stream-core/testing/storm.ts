import fc from 'fast-check'
import {
  jsonStateCodec,
  listState,
  mapState,
  numberCodec,
  outputTag,
  sliding,
  StreamBuilder,
  stringCodec,
  stringKey,
  timestampCodec,
  tumbling,
  valueState,
  type DataStream,
  type SinkCodec,
  type SourceCodec,
  type SourceRecord,
  type Topology,
} from '../src/index.ts'

/**
 * A topology that uses all of the library, and histories for it, for laws over random runs: a chain of blocks with
 * transfers, and prices on two partitions. Records are JSON of themselves.
 */
export interface Transfer {
  readonly from: string
  readonly to: string
  readonly amount: number
}
export interface Price {
  readonly token: string
  readonly price: number
}
export type ChainRecord = SourceRecord<Transfer>
export type PriceRecord = SourceRecord<Price>

const written = <T>(): SourceCodec<T> => ({
  // The histories below wrote the bytes.
  decode: (value) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<T> | readonly SourceRecord<T>[],
})

interface Finding {
  readonly id: string
  readonly detail: readonly (string | number)[]
}

const findings: SinkCodec<Finding> = {
  idOf: ({ id }) => id,
  encode: (output, { type, revision }) => ({
    key: Buffer.from(output.id),
    value: Buffer.from(JSON.stringify([output.id, ...output.detail, type, revision])),
  }),
  outputCodec: jsonStateCodec(),
}

export const blockTime = 1000
/** Fails on it, as a rule might. */
export const poison = 13

export interface StormOptions {
  readonly maxFinishedIds?: number
  /** What the streams go through where others might enrich them: blocks, what processes, windows and joins emit. */
  readonly through?: <T>(uid: string, stream: DataStream<T>) => DataStream<T>
}

export const stormTopology = ({ through = (_, stream) => stream, ...options }: StormOptions = {}): Topology => {
  const builder = new StreamBuilder({ job: 'storm', version: '1' })
  const in_log = { type: 'in-log' } as const
  const prices = builder.source('prices', { topic: 'prices', codec: written<Price>(), watermarks: in_log })
  const blocks = builder.source('chain', {
    topic: 'chain',
    codec: written<Transfer>(),
    watermarks: in_log,
    epochs: true,
  })

  const chain = through('asked-blocks', blocks)

  const total = valueState('total', numberCodec)
  const partners = mapState('partners', stringCodec, numberCodec)
  const amounts = listState('amounts', numberCodec)
  const quietAt = valueState('quiet-at', timestampCodec)
  const big = outputTag<Finding>('big')
  const spending = chain
    .keyBy(({ from }) => from, stringKey)
    .process<Finding>('spending', {
      processElement({ to, amount }, ctx) {
        const sum = ctx.state(total)
        sum.value = (sum.value ?? 0) + amount
        const known = ctx.state(partners)
        known.set(to, (known.get(to) ?? 0) + amount)
        ctx.state(amounts).add(amount)
        const end = ctx.state(quietAt)
        if (end.value !== undefined) ctx.timers.deleteEventTimeTimer(end.value)
        end.value = ctx.timestamp + 1500
        ctx.timers.registerEventTimeTimer(end.value)
        if (amount === poison) throw new Error('an unlucky number')
        // One id for all of a wallet's sums: updates that may be reverted one by one.
        if (sum.value > 20) ctx.emit({ id: `spent-${ctx.key}`, detail: [sum.value, known.size] })
        if (amount > 15) ctx.output(big, { id: `big-${ctx.key}-${ctx.timestamp}-${amount}`, detail: [to] })
      },
      onTimer(timestamp, ctx) {
        const known = [...ctx.state(partners)].flat()
        ctx.emit({ id: `quiet-${ctx.key}-${timestamp}`, detail: [...known, ...ctx.state(amounts).get()] })
        ctx.state(partners).clear()
        ctx.state(amounts).clear()
        ctx.state(quietAt).clear()
        if (ctx.state(partners).size === 0 && timestamp % 2 === 0) ctx.state(total).clear()
      },
    })
  const sums = { createAccumulator: () => 0, merge: (a: number, b: number) => a + b, getResult: (sum: number) => sum }
  const windows = chain
    .keyBy(({ to }) => to, stringKey)
    .window(sliding(3000, 1000))
    .allowedLateness(500)
    .aggregate<number, number, Finding>(
      'received',
      { ...sums, add: ({ amount }, sum) => sum + amount },
      numberCodec,
      (sum, window, key, emit) => emit({ id: `received-${key}-${window.start}`, detail: [sum] }),
    )
  const counts = prices
    .keyBy(({ token }) => token, stringKey)
    .window(tumbling(2000))
    .aggregate<number, number, Finding>(
      'ticks',
      { ...sums, add: (_, sum) => sum + 1 },
      numberCodec,
      (sum, window, key, emit) => emit({ id: `ticks-${key}-${window.start}`, detail: [sum] }),
    )
  const priced = chain
    .keyBy(({ to }) => to, stringKey)
    .intervalJoin(prices.keyBy(({ token }) => token, stringKey))
    .between(-1200, 400)
    .process<Finding>(
      'priced',
      { left: jsonStateCodec<Transfer>(), right: jsonStateCodec<Price>() },
      (transfer, price, ctx) =>
        ctx.emit({ id: `priced-${ctx.key}-${transfer.amount}-${price.price}`, detail: [transfer.from] }),
    )
  const last = valueState('last', numberCodec)
  const followed = chain
    .keyBy(({ to }) => to, stringKey)
    .connect(prices.keyBy(({ token }) => token, stringKey))
    .process<Finding>('followed', {
      processElement1: ({ amount }, ctx) => {
        const price = ctx.state(last).value
        if (price !== undefined) ctx.emit({ id: `at-${ctx.key}-${ctx.timestamp}-${amount}`, detail: [price] })
      },
      processElement2: ({ price }, ctx) => {
        ctx.state(last).value = price
      },
    })
  through('asked-spending', spending)
    .union(through('asked-windows', windows), priced, spending.sideOutput(big))
    .sinkTo('findings', { topic: 'findings', codec: findings, ...options })
  through('asked-others', counts.union(through('asked-followed', followed))).sinkTo('others', {
    topic: 'findings',
    codec: findings,
    ...options,
  })
  return builder.build()
}

const name = fc.constantFrom('ann', 'bob', 'cyd')
const transfer = fc.record({ from: name, to: name, amount: fc.integer({ min: 1, max: 20 }) })
const block = fc.array(transfer, { maxLength: 4 })

const blockRecords = (number: number, transfers: readonly Transfer[]): readonly ChainRecord[] => [
  ...transfers.map((value) => ({ type: 'element', timestamp: number * blockTime, value }) as const),
  { type: 'sealed', epoch: number, watermark: (number + 1) * blockTime - 1 },
]

export interface Storm {
  /** The surviving blocks alone, final one after the other at the end. */
  readonly canonical: readonly ChainRecord[]
  /** With forks that are reverted, in reorgs nested and in a row. */
  readonly stormy: readonly ChainRecord[]
}

/** Canonical blocks, and between them forks: a fork reverts some of them, grows some of its own, and falls. */
export const storm: fc.Arbitrary<Storm> = fc
  .record({
    blocks: fc.array(block, { minLength: 2, maxLength: 12 }),
    forks: fc.array(
      fc.record({ at: fc.nat(12), depth: fc.integer({ min: 0, max: 6 }), own: fc.array(block, { maxLength: 7 }) }),
      { maxLength: 6 },
    ),
    finality: fc.integer({ min: 1, max: 14 }),
  })
  .map(({ blocks, forks, finality }) => {
    const canonical: ChainRecord[] = []
    const stormy: ChainRecord[] = []
    let final = 0
    blocks.forEach((transfers, index) => {
      const number = index + 1
      canonical.push(...blockRecords(number, transfers))
      stormy.push(...blockRecords(number, transfers))
      for (const { depth, own } of forks.filter(({ at }) => at === index)) {
        const reverted = Math.min(depth, number - final)
        for (let n = number; n > number - reverted; n -= 1) stormy.push({ type: 'reverted', epoch: n })
        const first = number - reverted + 1
        own.forEach((others, i) => stormy.push(...blockRecords(first + i, others)))
        for (let n = first + own.length - 1; n >= first; n -= 1) stormy.push({ type: 'reverted', epoch: n })
        for (let n = first; n <= number; n += 1) stormy.push(...blockRecords(n, blocks[n - 1] ?? []))
      }
      if (number - finality > final) {
        final = number - finality
        stormy.push({ type: 'finalized', epoch: final })
      }
    })
    const end: readonly ChainRecord[] = [
      { type: 'finalized', epoch: blocks.length },
      { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER },
    ]
    return { canonical: [...canonical, ...end], stormy: [...stormy, ...end] }
  })

/** Prices of one partition, nearly in order, with heartbeats. Idleness only where asked: it has no order of its own. */
export const priceHistory = (partition: number): fc.Arbitrary<readonly PriceRecord[]> =>
  fc
    .array(fc.record({ gap: fc.nat(900), back: fc.nat(300), token: name, beat: fc.boolean() }), { maxLength: 16 })
    .map((ticks) => {
      const records: PriceRecord[] = []
      let now = 500
      ticks.forEach(({ gap, back, token, beat }, index) => {
        now += gap
        records.push({ type: 'element', timestamp: now - back, value: { token, price: index + 100 * partition } })
        if (beat) records.push({ type: 'watermark', watermark: now - 300 })
      })
      return [...records, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }]
    })
