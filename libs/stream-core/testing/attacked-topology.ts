import {
  continuousEventTimeTrigger,
  countEvictor,
  countTrigger,
  cumulative,
  global,
  inProcessingTime,
  jsonStateCodec,
  listState,
  mapState,
  numberCodec,
  outputTag,
  processingTimeoutTrigger,
  purgingTrigger,
  reducingState,
  session,
  sliding,
  StreamBuilder,
  stringCodec,
  stringKey,
  timeEvictor,
  tumbling,
  valueState,
  windowsBy,
  type AggregateFunction,
  type DataStream,
  type KeyedStream,
  type Topology,
  type WindowFunction,
} from '../src/index.ts'
import { findings, json, poison, recordsOf, type Finding, type Price, type Transfer } from './simulation/market.ts'

const sum: AggregateFunction<unknown, number, number> = {
  createAccumulator: () => 0,
  add: (element, total) => total + ((element as Partial<Transfer>).amount ?? 1),
  merge: (a, b) => a + b,
  getResult: (total) => total,
}
const found =
  (name: string): WindowFunction<string, number, Finding> =>
  (total, { start, end }, key, emit) => {
    emit({ id: `${name}-${key}-${start}-${end}`, at: start, detail: [total] })
    if (total % 31 === poison) throw new Error('an unlucky sum')
  }
const totalOf = (transfers: readonly Transfer[]) => transfers.reduce((all, { amount }) => all + amount, 0)

/** What the pieces are made of: transfers of a chain, and prices beside it. */
interface Streams {
  readonly chain: DataStream<Transfer>
  readonly byReceiver: KeyedStream<string, Transfer>
  readonly bySender: KeyedStream<string, Transfer>
  readonly prices: DataStream<Price>
  readonly byToken: KeyedStream<string, Price>
}
/** One operator, to be put together with others at random. */
type Piece = (streams: Streams, uid: string) => DataStream<Finding>
const codecs = { left: jsonStateCodec<Transfer>(), right: jsonStateCodec<Price>() }
const transferCodec = jsonStateCodec<Transfer>()

export const pieces: Readonly<Record<string, Piece>> = {
  process: ({ bySender }, uid) => {
    const spent = valueState('spent', numberCodec)
    const partners = mapState('partners', stringCodec, numberCodec)
    const amounts = listState('amounts', numberCodec)
    const until = valueState('until', numberCodec)
    const big = outputTag<Finding>(`${uid}-big`)
    const processed = bySender.process<Finding>(uid, {
      processElement({ to, amount }, ctx) {
        const total = ctx.state(spent)
        total.value = (total.value ?? 0) + amount
        ctx.state(partners).set(to, amount)
        ctx.state(amounts).add(amount)
        const end = ctx.state(until)
        if (end.value !== undefined) ctx.timers.deleteEventTimeTimer(end.value)
        end.value = ctx.timestamp + 1500
        ctx.timers.registerEventTimeTimer(end.value)
        ctx.timers.registerProcessingTimeTimer(ctx.timers.currentProcessingTime + 800)
        if (amount === poison) throw new Error('an unlucky number')
        const at = ctx.timestamp
        if (total.value > 20) ctx.emit({ id: `${uid}-spent-${ctx.key}`, at, detail: [total.value] })
        if (amount > 15) ctx.output(big, { id: `${uid}-big-${ctx.key}-${at}-${amount}`, at, detail: [to] })
      },
      onTimer(at, ctx) {
        if (ctx.timeDomain === 'processing') {
          ctx.emit({ id: `${uid}-clock-${ctx.key}-${at}`, at: 0, detail: [ctx.state(spent).value ?? -1] })
          return
        }
        const known = [...ctx.state(partners)].flat()
        ctx.emit({ id: `${uid}-quiet-${ctx.key}-${at}`, at, detail: [...known, ...ctx.state(amounts).get()] })
        ctx.state(partners).clear()
        ctx.state(amounts).clear()
        ctx.state(until).clear()
        if (at % 2 === 0) ctx.state(spent).clear()
      },
    })
    return processed.union(processed.sideOutput(big))
  },
  ttl: ({ bySender }, uid) => {
    const recent = valueState('recent', numberCodec, { ttl: 2500 })
    const regulars = mapState('regulars', stringCodec, numberCodec, { ttl: 3500, update: 'read-and-write' })
    const few = mapState('few', stringCodec, numberCodec, { maxEntries: 2 })
    const latest = listState('latest', numberCodec, { ttl: 1700, maxEntries: 3 })
    const most = reducingState<number>('most', (a, b) => Math.max(a, b), numberCodec, { ttl: 3000 })
    return bySender.process<Finding>(uid, {
      processElement({ to, amount }, ctx) {
        const sums = ctx.state(recent)
        sums.value = (sums.value ?? 0) + amount
        const known = ctx.state(regulars)
        known.set(to, (known.get(to) ?? 0) + 1)
        ctx.state(few).set(`${to}${amount % 3}`, amount)
        ctx.state(latest).add(amount)
        ctx.state(most).add(amount)
        const at = ctx.timestamp
        if (amount % 3 === 0) return
        const detail = [sums.value, ctx.state(most).get() ?? 0, ...ctx.state(latest), ...[...known].flat()]
        ctx.emit({ id: `${uid}-${ctx.key}-${at}-${amount}`, at, detail: [...detail, ...[...ctx.state(few)].flat()] })
      },
    })
  },
  sliding: ({ byReceiver }, uid) => byReceiver.window(sliding(3000, 1000)).aggregate(uid, sum, numberCodec, found(uid)),
  slidingLate: ({ byReceiver }, uid) => {
    const late = outputTag<Transfer>(`${uid}-late`)
    const windows = byReceiver
      .window(sliding(3000, 1000))
      .allowedLateness(700)
      .sideOutputLateData(late)
      .aggregate(uid, sum, numberCodec, found(uid))
    const tooLate = windows
      .sideOutput(late)
      .map(({ from, to, amount }): Finding => ({ id: `${uid}-late-${from}-${to}-${amount}`, at: 0, detail: [] }))
    return windows.union(tooLate)
  },
  cumulative: ({ byReceiver }, uid) =>
    byReceiver.window(cumulative(4000, 1000)).aggregate(uid, sum, numberCodec, found(uid)),
  tumbling: ({ byToken }, uid) => byToken.window(tumbling(2000)).aggregate(uid, sum, numberCodec, found(uid)),
  session: ({ byReceiver }, uid) => byReceiver.window(session(1100)).aggregate(uid, sum, numberCodec, found(uid)),
  sessionLate: ({ byReceiver }, uid) =>
    byReceiver.window(session(1200)).allowedLateness(600).aggregate(uid, sum, numberCodec, found(uid)),
  sessionDynamic: ({ byReceiver }, uid) =>
    byReceiver
      .window(session<Transfer>(({ amount }) => 400 + 100 * amount))
      .allowedLateness(300)
      .process<Finding>(uid, transferCodec, (transfers, window, key, emit, context) =>
        found(uid)(totalOf(transfers), window, key, emit, context),
      ),
  mergedCounts: ({ byReceiver }, uid) =>
    byReceiver
      .window(session(1500))
      .trigger(countTrigger(2))
      .allowedLateness(1500)
      .aggregate(uid, sum, numberCodec, found(uid)),
  counts: ({ byReceiver }, uid) =>
    byReceiver
      .window(global())
      .trigger(purgingTrigger(countTrigger(3)))
      .aggregate(uid, sum, numberCodec, found(uid)),
  evicting: ({ byReceiver }, uid) => {
    const firings = valueState('firings', numberCodec)
    return byReceiver
      .window(sliding(3000, 1000))
      .trigger(countTrigger(2))
      .evictor(timeEvictor(1000), transferCodec)
      .process<Finding>(uid, transferCodec, {
        process: (transfers, { start }, key, emit, ctx) => {
          const state = ctx.windowState(firings)
          state.value = (state.value ?? 0) + 1
          emit({ id: `${uid}-${key}-${start}-${state.value}`, at: start, detail: [totalOf(transfers)] })
        },
        clear: (_window, _key, ctx) => ctx.windowState(firings).clear(),
      })
  },
  lastTwo: ({ byReceiver }, uid) =>
    byReceiver
      .window(global({ firesAtEnd: true }))
      .evictor(countEvictor(2), transferCodec)
      .aggregate(uid, sum, numberCodec, found(uid)),
  continuous: ({ byReceiver }, uid) =>
    byReceiver
      .window(
        windowsBy<Transfer>({
          name: 'days',
          merges: true,
          assign: (_transfer, at) => [{ start: at - 500, end: at + 700 }],
        }),
      )
      .trigger(continuousEventTimeTrigger(900))
      .aggregate(uid, sum, numberCodec, found(uid)),
  clocked: ({ byReceiver }, uid) =>
    byReceiver.window(inProcessingTime(sliding(2000, 1000))).aggregate(uid, sum, numberCodec, found(uid)),
  clockedSessions: ({ byToken }, uid) =>
    byToken.window(inProcessingTime(session(1200))).aggregate(uid, sum, numberCodec, found(uid)),
  timeouts: ({ byReceiver }, uid) =>
    byReceiver
      .window(global())
      .trigger(purgingTrigger(processingTimeoutTrigger(countTrigger(3), 900)))
      .aggregate(uid, sum, numberCodec, found(uid)),
  intervalJoin: ({ byReceiver, byToken }, uid) =>
    byReceiver
      .intervalJoin(byToken)
      .between(-1200, 400)
      .process<Finding>(uid, codecs, ({ from, amount }, { price }, ctx) =>
        ctx.emit({ id: `${uid}-${ctx.key}-${amount}-${price}`, at: 0, detail: [from] }),
      ),
  intervalJoinNow: ({ byReceiver, byToken }, uid) =>
    byReceiver
      .intervalJoin(byToken)
      .between(0, 1000)
      .process<Finding>(uid, codecs, ({ from, amount }, { price }, ctx) =>
        ctx.emit({ id: `${uid}-${ctx.key}-${amount}-${price}`, at: 0, detail: [from] }),
      ),
  windowJoin: ({ byReceiver, byToken }, uid) =>
    byReceiver
      .windowJoin(byToken)
      .window(sliding(2000, 1000))
      .process<Finding>(uid, codecs, ({ from, amount }, { price }, { start }, key, emit) =>
        emit({ id: `${uid}-${key}-${start}-${amount}-${price}`, at: start, detail: [from] }),
      ),
  coGroup: ({ byReceiver, byToken }, uid) =>
    byReceiver
      .coGroup(byToken)
      .window(session(900))
      .process<Finding>(uid, codecs, (transfers, quotes, { start, end }, key, emit) => {
        const detail = [transfers.length, ...quotes.map(({ price }) => price)]
        emit({ id: `${uid}-${key}-${start}-${end}`, at: start, detail })
      }),
  temporalJoin: ({ byReceiver, byToken }, uid) =>
    byReceiver
      .temporalJoin(byToken)
      .leftOuter()
      .process<Finding>(uid, codecs, ({ from, amount }, version, ctx) =>
        ctx.emit({ id: `${uid}-${ctx.key}-${ctx.timestamp}-${amount}`, at: 0, detail: [from, version?.price ?? -1] }),
      ),
  connect: ({ byReceiver, byToken }, uid) => {
    const last = valueState('last', numberCodec)
    return byReceiver.connect(byToken).process<Finding>(uid, {
      processElement1: ({ amount }, ctx) => {
        const at = ctx.timestamp
        ctx.emit({ id: `${uid}-${ctx.key}-${at}-${amount}`, at, detail: [ctx.state(last).value ?? -1] })
        ctx.timers.registerEventTimeTimer(at + amount * 100)
      },
      processElement2: ({ price }, ctx) => {
        if (price % 4 === 0) ctx.state(last).clear()
        else ctx.state(last).value = price
      },
      onTimer(at, ctx) {
        ctx.emit({ id: `${uid}-then-${ctx.key}-${at}`, at, detail: [ctx.state(last).value ?? -1] })
      },
    })
  },
  broadcast: ({ bySender, prices }, uid) => {
    const rules = mapState('rules', stringCodec, numberCodec)
    const seen = valueState('seen', numberCodec)
    const numbers = listState('numbers', numberCodec)
    return bySender.connect(prices.broadcast(rules)).process<Finding>(uid, {
      processElement({ amount }, ctx) {
        const at = ctx.timestamp
        const state = ctx.state(seen)
        const detail = [...[...ctx.broadcastState(rules)].flat(), state.value ?? -1]
        ctx.emit({ id: `${uid}-${ctx.key}-${at}-${amount}`, at, detail })
        if (amount % 4 === 0) {
          state.clear()
          ctx.state(numbers).clear()
        } else {
          state.value = amount
          ctx.state(numbers).add(amount)
        }
      },
      processBroadcastElement({ token, price }, ctx) {
        const state = ctx.broadcastState(rules)
        if (price % 5 !== 0) {
          state.set(`${token}${price % 3}`, price)
          return
        }
        state.clear()
        ctx.applyToKeyedState(seen, (key, kept, emit) => {
          emit({ id: `${uid}-told-${key}-${price}`, at: 0, detail: [kept.value ?? -1] })
          kept.clear()
        })
        ctx.applyToKeyedState(numbers, (key, kept, emit) =>
          emit({ id: `${uid}-numbers-${key}-${price}`, at: 0, detail: [...kept.get()] }),
        )
      },
    })
  },
}

/** A piece, and perhaps a second stage over what it finds. */
export interface Part {
  readonly piece: string
  readonly stage: 'none' | 'process' | 'session' | 'sliding'
}

const staged = (stream: DataStream<Finding>, stage: Part['stage'], uid: string): DataStream<Finding> => {
  if (stage === 'none') return stream
  const byDetail = stream.keyBy(({ detail: [value = 0] }) => `d${Number(value) % 3}`, stringKey)
  switch (stage) {
    case 'process': {
      const level = valueState('level', numberCodec)
      return byDetail.process<Finding>(uid, {
        processElement({ id, at }, ctx) {
          const count = ctx.state(level)
          count.value = (count.value ?? 0) + 1
          ctx.timers.registerEventTimeTimer(
            Math.min(Math.max(ctx.timers.currentWatermark, 0) + 600, Number.MAX_SAFE_INTEGER),
          )
          if (count.value % 3 === 0) ctx.emit({ id: `${uid}-${ctx.key}-${count.value}`, at, detail: [id] })
        },
        onTimer(at, ctx) {
          ctx.emit({ id: `${uid}-then-${ctx.key}-${at}`, at, detail: [ctx.state(level).value ?? -1] })
        },
      })
    }
    case 'session':
      return byDetail.window(session(700)).aggregate(uid, sum, numberCodec, found(uid))
    case 'sliding':
      return byDetail.window(sliding(2000, 500)).allowedLateness(400).aggregate(uid, sum, numberCodec, found(uid))
  }
}

export const attackedTopology = (
  parts: readonly Part[],
  { maxFinishedIds, epochs }: { readonly maxFinishedIds: number; readonly epochs: boolean },
): Topology => {
  const builder = new StreamBuilder({ job: 'attacked', version: '1' })
  const watermarks = { type: 'in-log' } as const
  const prices = builder.source('prices', { topic: 'prices', codec: recordsOf<Price>(), watermarks })
  const chain = builder.source('chain', { topic: 'chain', codec: recordsOf<Transfer>(), watermarks, epochs })
  const streams = {
    chain,
    prices,
    byToken: prices.keyBy(({ token }) => token, stringKey),
    byReceiver: chain.keyBy(({ to }) => to, stringKey),
    bySender: chain.keyBy(({ from }) => from, stringKey),
  }
  const sinks = { topic: 'findings', codec: findings, maxFinishedIds }
  const all = parts.flatMap(({ piece, stage }, index) => {
    const create = pieces[piece]
    if (create === undefined) return []
    const uid = `${piece}${index}`
    const first = create(streams, uid)
    return stage === 'none' ? [first] : [first, staged(first, stage, `${uid}-${stage}`)]
  })
  const [first, ...others] = all
  if (first === undefined) throw new Error('A topology needs a part.')
  first.union(...others).sinkTo('findings', sinks)
  if (!epochs)
    first.sinkPlainTo('plain', {
      topic: 'plain',
      codec: { encode: (finding) => ({ key: Buffer.from(finding.id), value: json(finding) }) },
    })
  return builder.build()
}
