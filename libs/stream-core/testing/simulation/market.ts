import fc from 'fast-check'
import {
  countTrigger,
  global,
  inProcessingTime,
  jsonStateCodec,
  listState,
  mapState,
  numberCodec,
  outputTag,
  purgingTrigger,
  reducingState,
  session,
  sliding,
  StreamBuilder,
  stringCodec,
  stringKey,
  timestampCodec,
  tumbling,
  valueState,
  type SinkCodec,
  type SourceCodec,
  type SourceRecord,
  type Topology,
} from '../../src/index.ts'
import type { ReadOutput } from './laws.ts'

/**
 * What the simulator runs: a chain of blocks with transfers, prices on two partitions, a job that uses all of the library
 * over both, and one without epochs that reads prices and the first one's outputs. Records are JSON of themselves.
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

export interface Finding {
  readonly id: string
  readonly at: number
  readonly detail: readonly (string | number)[]
}

/** A finding with its transition, as a topic holds it. */
interface TransitionRecord extends Finding, Pick<ReadOutput, 'type' | 'revision'> {}

export const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const parsed = (value: Uint8Array): unknown => JSON.parse(Buffer.from(value).toString())

/** Of what `json` wrote. */
export const recordsOf = <T>(): SourceCodec<T> => ({ decode: (value) => parsed(value) as SourceRecord<T> })

export const findings: SinkCodec<Finding> = {
  idOf: ({ id }) => id,
  // Field by field: a restored finding has its fields in another order.
  encode: ({ id, at, detail }, { type, revision }) => ({
    key: Buffer.from(id),
    value: json({ id, at, detail, type, revision }),
  }),
  outputCodec: jsonStateCodec(),
}

export const readFinding = (value: Uint8Array): ReadOutput => {
  const { type, revision, ...finding } = parsed(value) as TransitionRecord
  return { id: finding.id, type, revision, content: JSON.stringify(finding) }
}

export const findingIdOf = (value: Uint8Array): string => (parsed(value) as Finding).id

export const blockMs = 1000
/** An amount that a function fails on, as a rule might. */
export const poison = 13

export interface SinkMemory {
  /** Of ids at rest, in each sink; a forgotten id counts its revisions from 1 again. */
  readonly maxFinishedIds: number
}

const sum = {
  createAccumulator: () => 0,
  merge: (a: number, b: number) => a + b,
  getResult: (total: number) => total,
}
const inLog = { type: 'in-log' } as const

/** What the service that the topology asks says of a question, always the same. @throws of what it does not know */
const rate = (question: string): string => {
  if (question.endsWith('0')) throw Object.assign(new Error('not known'), { handling: 'dead-letter' })
  return `${question.length}${question.at(-1)}`
}
/** For runs that do not wait for the service. */
export const watchAnswers = { 'rated-transfers': rate, 'rated-levels': rate, 'rated-windows': rate }

export interface WatchOptions extends SinkMemory {
  /** Whether the service is asked anything. Default: it is. */
  readonly asks?: boolean
  /** Comes to the service that is asked, or fails to. Default: at once. */
  readonly reach?: () => Promise<void>
}

/** Over the chain, whose blocks are reverted and become final, and the prices. */
export const watchTopology = ({
  maxFinishedIds,
  asks = true,
  reach = async () => undefined,
}: WatchOptions): Topology => {
  const builder = new StreamBuilder({ job: 'watch', version: '1' })
  const prices = builder.source('prices', { topic: 'prices', codec: recordsOf<Price>(), watermarks: inLog })
  const chain = builder.source('chain', {
    topic: 'chain',
    codec: recordsOf<Transfer>(),
    watermarks: inLog,
    epochs: true,
  })
  const byToken = prices.keyBy(({ token }) => token, stringKey)
  const byReceiver = chain.keyBy(({ to }) => to, stringKey)
  const asking = {
    ask: async (question: string) => {
      await reach()
      return rate(question)
    },
    requestCodec: stringCodec,
    answerCodec: stringCodec,
    capacity: 3,
    // Weather must not decide about results.
    timeoutMs: 1e9,
    retry: { type: 'fixed-delay', attempts: Infinity, delayMs: 5 },
  } as const

  const total = valueState('total', numberCodec)
  const partners = mapState('partners', stringCodec, numberCodec)
  const amounts = listState('amounts', numberCodec)
  const quietAt = valueState('quiet-at', timestampCodec)
  const big = outputTag<Finding>('big')
  const spending = chain
    .keyBy(({ from }) => from, stringKey)
    .process<Finding>('spending', {
      processElement({ to, amount }, ctx) {
        const spent = ctx.state(total)
        spent.value = (spent.value ?? 0) + amount
        const known = ctx.state(partners)
        known.set(to, (known.get(to) ?? 0) + amount)
        ctx.state(amounts).add(amount)
        const end = ctx.state(quietAt)
        if (end.value !== undefined) ctx.timers.deleteEventTimeTimer(end.value)
        end.value = ctx.timestamp + 1500
        ctx.timers.registerEventTimeTimer(end.value)
        if (amount === poison) throw new Error('an unlucky number')
        const at = ctx.timestamp
        // One id for all of a wallet's sums: updates that may be reverted one by one.
        if (spent.value > 20) ctx.emit({ id: `spent-${ctx.key}`, at, detail: [spent.value, known.size] })
        if (amount > 15) ctx.output(big, { id: `big-${ctx.key}-${at}-${amount}`, at, detail: [to] })
      },
      onTimer(at, ctx) {
        const known = [...ctx.state(partners)].flat()
        ctx.emit({ id: `quiet-${ctx.key}-${at}`, at, detail: [...known, ...ctx.state(amounts).get()] })
        ctx.state(partners).clear()
        ctx.state(amounts).clear()
        ctx.state(quietAt).clear()
        if (at % 2 === 0) ctx.state(total).clear()
      },
    })
  const tooLate = outputTag<Transfer>('too-late')
  const received = byReceiver
    .window(sliding(3000, 1000))
    .allowedLateness(500)
    .sideOutputLateData(tooLate)
    .aggregate<number, number, Finding>(
      'received',
      { ...sum, add: ({ amount }, acc) => acc + amount },
      numberCodec,
      (value, { start }, key, emit) => emit({ id: `received-${key}-${start}`, at: start, detail: [value] }),
    )
  const late = received
    .sideOutput(tooLate)
    .map(({ from, to, amount }): Finding => ({ id: `late-${from}-${to}-${amount}`, at: 0, detail: [] }))
  // A second stage, keyed by what the first found.
  const level = valueState('level', numberCodec)
  const levels = received
    .keyBy(({ detail: [value = 0] }) => (Number(value) > 15 ? 'high' : 'low'), stringKey)
    .process<Finding>('levels', {
      processElement({ id, at }, ctx) {
        const count = ctx.state(level)
        count.value = (count.value ?? 0) + 1
        if (count.value % 3 === 0) ctx.emit({ id: `level-${ctx.key}-${count.value}`, at, detail: [id] })
      },
    })
  const ratedLevels = levels
    .filter(() => asks)
    .enrich<string, string, Finding>(
      'rated-levels',
      { ...asking, requestOf: ({ id, detail }) => `${id} ${detail.join(' ')}` },
      ({ id, at }, rating, emit) => emit({ id: `rated-${id}`, at, detail: [rating] }),
    )
  // Behind `levels`: a window that waits for its answer has told other tasks of itself already, and is undone.
  const ratedWindows = received
    .filter(({ detail: [value = 0] }) => asks && Number(value) % 3 !== 0)
    .enrich<string, string, Finding>(
      'rated-windows',
      { ...asking, requestOf: ({ id, detail }) => `${id} ${detail.join(' ')}` },
      ({ id, at }, rating, emit) => emit({ id: `rated-${id}`, at, detail: [rating] }),
    )
  const ratedTransfers = chain
    .filter(({ amount }) => asks && amount % 4 === 0)
    .enrich<string, string, Finding>(
      'rated-transfers',
      { ...asking, requestOf: ({ to, amount }) => `${to} ${amount}` },
      ({ from, to, amount }, rating, emit) => emit({ id: `rated-${from}-${to}-${amount}`, at: 0, detail: [rating] }),
    )
  const priced = byReceiver
    .intervalJoin(byToken)
    .between(-1200, 400)
    .process<Finding>(
      'priced',
      { left: jsonStateCodec<Transfer>(), right: jsonStateCodec<Price>() },
      ({ from, amount }, { price }, ctx) =>
        ctx.emit({ id: `priced-${ctx.key}-${amount}-${price}`, at: 0, detail: [from] }),
    )
  // Sessions that transfers close, join and, within the lateness, join again.
  const visits = byReceiver
    .window(session(1200))
    .allowedLateness(600)
    .aggregate<number, number, Finding>(
      'visits',
      { ...sum, add: ({ amount }, acc) => acc + amount },
      numberCodec,
      (value, { start, end }, key, emit) => emit({ id: `visit-${key}-${start}`, at: start, detail: [value, end] }),
    )
  const recent = valueState('recent', numberCodec, { ttl: 2500 })
  const regulars = mapState('regulars', stringCodec, numberCodec, { ttl: 3500, update: 'read-and-write' })
  const latest = listState('latest', numberCodec, { ttl: 1700, maxEntries: 3 })
  const most = reducingState<number>('most', (a, b) => Math.max(a, b), numberCodec)
  const memory = chain
    .keyBy(({ from }) => from, stringKey)
    .process<Finding>('memory', {
      processElement({ to, amount }, ctx) {
        const sums = ctx.state(recent)
        sums.value = (sums.value ?? 0) + amount
        const known = ctx.state(regulars)
        known.set(to, (known.get(to) ?? 0) + 1)
        ctx.state(latest).add(amount)
        ctx.state(most).add(amount)
        const at = ctx.timestamp
        if (amount % 3 !== 0) return
        const detail = [sums.value, ctx.state(most).get() ?? 0, ...ctx.state(latest), ...[...known].flat()]
        ctx.emit({ id: `memory-${ctx.key}-${at}-${amount}`, at, detail })
      },
    })
  const triples = byReceiver
    .window(global())
    .trigger(purgingTrigger(countTrigger(3)))
    .process<Finding>('triples', jsonStateCodec<Transfer>(), (transfers, _window, key, emit) => {
      const three = transfers.map(({ amount }) => amount)
      emit({ id: `triple-${key}-${three.join('-')}`, at: 0, detail: three })
    })
  const met = byReceiver
    .coGroup(byToken)
    .window(tumbling(2000))
    .process<Finding>(
      'met',
      { left: jsonStateCodec<Transfer>(), right: jsonStateCodec<Price>() },
      (transfers, quotes, { start }, key, emit) => {
        const detail = [transfers.length, ...quotes.map(({ price }) => price)]
        emit({ id: `met-${key}-${start}`, at: start, detail })
      },
    )
  const valued = byReceiver
    .temporalJoin(byToken)
    .leftOuter()
    .process<Finding>(
      'valued',
      { left: jsonStateCodec<Transfer>(), right: jsonStateCodec<Price>() },
      ({ from, amount }, version, ctx) => {
        const at = ctx.timestamp
        ctx.emit({ id: `valued-${ctx.key}-${at}-${amount}`, at, detail: [from, version?.price ?? -1] })
      },
    )
  const rules = mapState('rules', stringCodec, numberCodec)
  const newest = valueState('newest', numberCodec)
  const ruled = chain
    .keyBy(({ from }) => from, stringKey)
    .connect(prices.broadcast(rules))
    .process<Finding>('ruled', {
      processElement({ amount }, ctx) {
        ctx.state(newest).value = amount
        if (amount % 2 === 0) return
        const at = ctx.timestamp
        ctx.emit({ id: `ruled-${ctx.key}-${at}-${amount}`, at, detail: [...ctx.broadcastState(rules)].flat() })
      },
      processBroadcastElement({ token, price }, ctx) {
        if (price % 5 !== 0) {
          ctx.broadcastState(rules).set(`${token}${price % 2}`, price)
          return
        }
        ctx.broadcastState(rules).clear()
        ctx.applyToKeyedState(newest, (key, kept, emit) => {
          emit({ id: `told-${key}-${price}`, at: 0, detail: [kept.value ?? -1] })
          kept.clear()
        })
      },
    })
  // By the journaled clock, which the prices carry.
  const watched = byToken
    .window(inProcessingTime(tumbling(1500)))
    .aggregate<number, number, Finding>(
      'watched',
      { ...sum, add: (_, acc) => acc + 1 },
      numberCodec,
      (value, { start }, key, emit) => emit({ id: `watched-${key}-${start}`, at: start, detail: [value] }),
    )
  const ticks = byToken
    .window(tumbling(2000))
    .aggregate<number, number, Finding>(
      'ticks',
      { ...sum, add: (_, acc) => acc + 1 },
      numberCodec,
      (value, { start }, key, emit) => emit({ id: `ticks-${key}-${start}`, at: start, detail: [value] }),
    )
  const last = valueState('last', numberCodec)
  const followed = byReceiver.connect(byToken).process<Finding>('followed', {
    processElement1: ({ amount }, ctx) => {
      const price = ctx.state(last).value
      const at = ctx.timestamp
      if (price !== undefined) ctx.emit({ id: `at-${ctx.key}-${at}-${amount}`, at, detail: [price] })
    },
    processElement2: ({ price }, ctx) => {
      ctx.state(last).value = price
    },
  })
  spending
    .union(received, priced, levels, late, spending.sideOutput(big), visits, memory, triples)
    .union(ratedLevels, ratedWindows, ratedTransfers, valued, ruled)
    .sinkTo('findings', { topic: 'findings', codec: findings, maxFinishedIds })
  // `outcomes` is read by the second job.
  ticks.union(followed, met, watched).sinkTo('outcomes', { topic: 'outcomes', codec: findings, maxFinishedIds })
  return builder.build()
}

/** Over the prices and the first job's outcomes, both without epochs. */
export const digestTopology = ({ maxFinishedIds }: SinkMemory): Topology => {
  const builder = new StreamBuilder({ job: 'digest', version: '1' })
  const prices = builder.source('prices', { topic: 'prices', codec: recordsOf<Price>(), watermarks: inLog })
  const outcomes = builder.source<TransitionRecord>('outcomes', {
    topic: 'outcomes',
    codec: {
      decode: (value) => {
        const outcome = parsed(value) as TransitionRecord
        return { type: 'element', timestamp: outcome.at, value: outcome }
      },
    },
    watermarks: { type: 'bounded-out-of-orderness', delay: 1500 },
  })
  const counted = outcomes
    .keyBy(({ type }) => type, stringKey)
    .window(tumbling(2000))
    .allowedLateness(1000)
    .aggregate<number, number, Finding>(
      'counted',
      { ...sum, add: (_, acc) => acc + 1 },
      numberCodec,
      (value, { start }, key, emit) => emit({ id: `counted-${key}-${start}`, at: start, detail: [value] }),
    )
  const highest = valueState('highest', numberCodec)
  const peaks = prices
    .keyBy(({ token }) => token, stringKey)
    .process<Finding>('peaks', {
      processElement({ price }, ctx) {
        const best = ctx.state(highest)
        if (price <= (best.value ?? -1)) return
        best.value = price
        ctx.timers.registerEventTimeTimer(ctx.timestamp + 700)
        ctx.emit({ id: `peak-${ctx.key}`, at: ctx.timestamp, detail: [price] })
      },
      onTimer(at, ctx) {
        ctx.emit({ id: `stood-${ctx.key}-${at}`, at, detail: [ctx.state(highest).value ?? -1] })
      },
    })
  counted.union(peaks).sinkTo('digest', { topic: 'digest', codec: findings, maxFinishedIds })
  peaks.sinkPlainTo('peaks-log', {
    topic: 'peaks',
    codec: { encode: (finding) => ({ key: Buffer.from(finding.id), value: json(finding) }) },
  })
  return builder.build()
}

/** What becomes of the chain, step by step; the blocks that are left at the end are the surviving history. */
export type ChainStep =
  | { readonly type: 'block'; readonly transfers: readonly (Transfer & { readonly back: number })[] }
  /** The newest `depth` blocks, as far as they are not final; the first `again` of them come back, as reorgs do. */
  | { readonly type: 'revert'; readonly depth: number; readonly again: number }
  /** All but the newest `depth` blocks. */
  | { readonly type: 'finalize'; readonly depth: number }

export type PriceStep =
  | { readonly type: 'price'; readonly gap: number; readonly back: number; readonly token: string }
  | { readonly type: 'beat'; readonly gap: number }
  /** The journaled clock shows a time so much later than the newest price's. */
  | { readonly type: 'clock'; readonly ahead: number }
  | { readonly type: 'garbage' }
  | { readonly type: 'idle' }

const name = fc.constantFrom('ann', 'bob', 'cyd')
const transfer = fc.record({
  from: name,
  to: name,
  amount: fc.integer({ min: 1, max: 20 }),
  back: fc.oneof({ weight: 5, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(9000) }),
})

export const chainSteps: fc.Arbitrary<readonly ChainStep[]> = fc.array(
  fc.oneof<[fc.WeightedArbitrary<ChainStep>, ...fc.WeightedArbitrary<ChainStep>[]]>(
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant('block' as const), transfers: fc.array(transfer, { maxLength: 4 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('revert' as const),
        depth: fc.integer({ min: 1, max: 6 }),
        again: fc.nat(6),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('finalize' as const), depth: fc.nat(5) }) },
  ),
  { minLength: 4, maxLength: 32, size: 'max' },
)

export const priceSteps = (mayIdle: boolean): fc.Arbitrary<readonly PriceStep[]> =>
  fc.array(
    fc.oneof<[fc.WeightedArbitrary<PriceStep>, ...fc.WeightedArbitrary<PriceStep>[]]>(
      {
        weight: 8,
        arbitrary: fc.record({
          type: fc.constant('price' as const),
          gap: fc.nat(900),
          back: fc.nat(300),
          token: name,
        }),
      },
      { weight: 4, arbitrary: fc.record({ type: fc.constant('beat' as const), gap: fc.nat(900) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('clock' as const), ahead: fc.nat(1500) }) },
      { weight: 1, arbitrary: fc.constant({ type: 'garbage' as const }) },
      { weight: mayIdle ? 2 : 0, arbitrary: fc.constant({ type: 'idle' as const }) },
    ),
    { maxLength: 24, size: 'max' },
  )

const ending: SourceRecord<never> = { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER }

type Block = Extract<ChainStep, { readonly type: 'block' }>['transfers']

const blockRecords = (number: number, transfers: Block): readonly SourceRecord<Transfer>[] => [
  ...transfers.map(({ back, ...value }) => ({
    type: 'element' as const,
    timestamp: Math.max(0, number * blockMs - back),
    value,
  })),
  { type: 'sealed', epoch: number, watermark: number * blockMs },
]

/** The chain's log, and that of its surviving blocks alone. */
export const chainLogs = (
  steps: readonly ChainStep[],
  ends: boolean,
): { readonly stormy: readonly Uint8Array[]; readonly surviving: readonly Uint8Array[] } => {
  const records: SourceRecord<Transfer>[] = []
  const blocks: Block[] = []
  let final = 0
  const grow = (transfers: Block): void => {
    blocks.push(transfers)
    records.push(...blockRecords(blocks.length, transfers))
  }
  for (const step of steps) {
    switch (step.type) {
      case 'block':
        grow(step.transfers)
        break
      case 'revert': {
        const depth = Math.min(step.depth, blocks.length - final)
        for (let n = 0; n < depth; n += 1) records.push({ type: 'reverted', epoch: blocks.length - n })
        const reverted = blocks.splice(blocks.length - depth)
        for (const again of reverted.slice(0, step.again)) grow(again)
        break
      }
      case 'finalize': {
        const next = blocks.length - step.depth
        if (next <= final) break
        final = next
        records.push({ type: 'finalized', epoch: final })
      }
    }
  }
  const end: readonly SourceRecord<Transfer>[] = ends ? [{ type: 'finalized', epoch: blocks.length }, ending] : []
  const surviving = blocks.flatMap((transfers, index) => blockRecords(index + 1, transfers))
  return { stormy: [...records, ...end].map(json), surviving: [...surviving, ...end].map(json) }
}

export const priceLog = (partition: number, steps: readonly PriceStep[], ends: boolean): readonly Uint8Array[] => {
  const log: Uint8Array[] = []
  let now = 500
  let price = 100 * partition
  for (const step of steps) {
    switch (step.type) {
      case 'price': {
        now += step.gap
        price += 1
        const value: Price = { token: step.token, price }
        log.push(json({ type: 'element', timestamp: now - step.back, value }))
        break
      }
      case 'beat':
        now += step.gap
        log.push(json({ type: 'watermark', watermark: now - 300 }))
        break
      case 'clock':
        log.push(json({ type: 'clock', time: now + step.ahead }))
        break
      case 'garbage':
        log.push(Buffer.from('{ not JSON'))
        break
      case 'idle':
        log.push(json({ type: 'idle', time: now }))
    }
  }
  return ends ? [...log, json(ending)] : log
}
