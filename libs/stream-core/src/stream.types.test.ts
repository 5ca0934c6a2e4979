import { expect, expectTypeOf, test } from 'vitest'
import {
  aggregatingState,
  bigintCodec,
  countEvictor,
  countTrigger,
  deltaEvictor,
  integerKey,
  jsonStateCodec,
  listState,
  mapState,
  neverTrigger,
  numberCodec,
  outputTag,
  purgingTrigger,
  reducingState,
  session,
  StreamBuilder,
  stringCodec,
  stringKey,
  tumbling,
  valueState,
  type AggregateFunction,
  type DataStream,
  type KeyedContext,
  type KeyedStream,
  type PlainSinkCodec,
  type SidedElement,
  type SourceCodec,
  type TimeDomain,
  type Trigger,
} from './index.ts'

/**
 * Types of keys, values, state and outputs, end to end: `tsc` is the test. What must not compile says so; were it to
 * compile, `tsc` would fail. None of it runs but the building of what is right.
 */
interface Transfer {
  readonly from: string
  readonly value: bigint
}
interface Price {
  readonly token: string
  readonly usd: number
}
const source = <T>(): SourceCodec<T> => ({ decode: () => [] })
const sink = <T>(): PlainSinkCodec<T> => ({ encode: () => ({ key: null, value: new Uint8Array() }) })
const sumOfValues: AggregateFunction<Transfer, bigint, string> = {
  createAccumulator: () => 0n,
  add: ({ value }, sum) => sum + value,
  merge: (a, b) => a + b,
  getResult: (sum) => sum.toString(),
}
const inLog = { type: 'in-log' } as const
const codecs = { left: jsonStateCodec<Transfer>(), right: jsonStateCodec<Price>() }

const streams = () => {
  const builder = new StreamBuilder({ job: 'types', version: '1' })
  const transfers = builder.source('transfers', { topic: 'transfers', codec: source<Transfer>(), watermarks: inLog })
  const prices = builder.source('prices', { topic: 'prices', codec: source<Price>(), watermarks: inLog })
  return {
    builder,
    transfers,
    prices,
    byWallet: transfers.keyBy(({ from }) => from, stringKey),
    byToken: prices.keyBy(({ token }) => token, stringKey),
    byNumber: prices.keyBy(({ usd }) => usd, integerKey),
  }
}

const total = valueState('total', bigintCodec)
const recent = listState('recent', numberCodec, { ttl: 1000, maxEntries: 10 })
const partners = mapState('partners', stringCodec, numberCodec)
const highest = reducingState('highest', (a: number, b: number) => Math.max(a, b), numberCodec)
const volume = aggregatingState('volume', sumOfValues, bigintCodec)

test('default: from source to sink each type follows from the one before', () => {
  const { builder, transfers, byWallet, byToken } = streams()
  expectTypeOf(transfers).toEqualTypeOf<DataStream<Transfer>>()
  expectTypeOf(byWallet).toEqualTypeOf<KeyedStream<string, Transfer>>()
  expectTypeOf(transfers.map(({ value }) => value)).toEqualTypeOf<DataStream<bigint>>()
  expectTypeOf(transfers.flatMap(({ from }) => [from])).toEqualTypeOf<DataStream<string>>()

  const sums = byWallet.window(tumbling(10)).aggregate('sums', sumOfValues, bigintCodec)
  expectTypeOf(sums).toEqualTypeOf<DataStream<string>>()
  sums.sinkPlainTo('sink', { topic: 'sums', codec: sink<string>() })

  const priced = byWallet.intervalJoin(byToken).process<number>('priced', codecs, (transfer, price, ctx) => {
    expectTypeOf(transfer).toEqualTypeOf<Transfer>()
    expectTypeOf(price).toEqualTypeOf<Price>()
    expectTypeOf(ctx.key).toEqualTypeOf<string>()
    ctx.emit(price.usd)
  })
  expectTypeOf(priced).toEqualTypeOf<DataStream<number>>()
  byWallet.temporalJoin(byToken).process<number>('inner', codecs, (_, price) => {
    expectTypeOf(price).toEqualTypeOf<Price>()
  })
  byWallet
    .temporalJoin(byToken)
    .leftOuter()
    .process<number>('outer', codecs, (_, price) => {
      expectTypeOf(price).toEqualTypeOf<Price | undefined>()
    })
  byWallet
    .coGroup(byToken)
    .window(session(5))
    .sideOutputLateData(outputTag<SidedElement<Transfer, Price>>('late'))
    .process<number>('grouped', codecs, (lefts, rights, _window, key) => {
      expectTypeOf(lefts).toEqualTypeOf<readonly Transfer[]>()
      expectTypeOf(rights).toEqualTypeOf<readonly Price[]>()
      expectTypeOf(key).toEqualTypeOf<string>()
    })
  byWallet
    .windowJoin(byToken)
    .window(tumbling(10))
    .process<number>('joined', codecs, (left, right) => {
      expectTypeOf(left).toEqualTypeOf<Transfer>()
      expectTypeOf(right).toEqualTypeOf<Price>()
    })
  const alarms = outputTag<bigint>('alarms')
  const processed = byWallet.process<string>('processed', {
    processElement(transfer, ctx) {
      expectTypeOf(transfer).toEqualTypeOf<Transfer>()
      expectTypeOf(ctx).toEqualTypeOf<KeyedContext<string, string>>()
      expectTypeOf(ctx.state(total).value).toEqualTypeOf<bigint | undefined>()
      expectTypeOf(ctx.state(recent).get()).toEqualTypeOf<readonly number[]>()
      expectTypeOf(ctx.state(partners).get('a')).toEqualTypeOf<number | undefined>()
      expectTypeOf(ctx.state(highest).get()).toEqualTypeOf<number | undefined>()
      expectTypeOf(ctx.state(volume).get()).toEqualTypeOf<string | undefined>()
      ctx.state(volume).add(transfer)
      ctx.output(alarms, transfer.value)
    },
  })
  expectTypeOf(processed.sideOutput(alarms)).toEqualTypeOf<DataStream<bigint>>()
  byWallet.connect(byToken.broadcast(partners)).process<string>('ruled', {
    processElement(transfer, ctx) {
      expectTypeOf(transfer).toEqualTypeOf<Transfer>()
      expectTypeOf(ctx.broadcastState(partners).get('a')).toEqualTypeOf<number | undefined>()
    },
    processBroadcastElement(price, ctx) {
      expectTypeOf(price).toEqualTypeOf<Price>()
      ctx.applyToKeyedState(volume, (key, state, emit) => {
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(state.get()).toEqualTypeOf<string | undefined>()
        emit(key)
      })
    },
  })
  byWallet
    .window(session((transfer) => Number(transfer.value)))
    .trigger(purgingTrigger(countTrigger(2)))
    .evictor(
      deltaEvictor(5, (first, last) => Number(last.value - first.value)),
      codecs.left,
    )
    .sideOutputLateData(outputTag<Transfer>('too-late'))
    .process<number>('evicted', codecs.left, (elements, window, key, emit) => {
      expectTypeOf(elements).toEqualTypeOf<readonly Transfer[]>()
      expectTypeOf(window.end).toEqualTypeOf<number>()
      expectTypeOf(key).toEqualTypeOf<string>()
      emit(elements.length)
    })
  const largest = byWallet.window(tumbling(10)).reduce('largest', (a, b) => (a.value > b.value ? a : b), codecs.left)
  expectTypeOf(largest).toEqualTypeOf<DataStream<Transfer>>()
  byWallet.connect(byToken).process<string>('connected', {
    processElement1: (transfer) => expectTypeOf(transfer).toEqualTypeOf<Transfer>(),
    processElement2: (price) => expectTypeOf(price).toEqualTypeOf<Price>(),
    onTimer: (_, ctx) => expectTypeOf(ctx.timeDomain).toEqualTypeOf<TimeDomain>(),
  })
  const owned = transfers.enrich(
    'owner',
    {
      ...{ requestCodec: stringCodec, answerCodec: numberCodec, timeoutMs: 1 },
      requestOf: ({ from }) => from,
      ask: async (address) => {
        expectTypeOf(address).toEqualTypeOf<string>()
        return 1
      },
    },
    (transfer, owner, emit: (out: bigint) => void) => {
      expectTypeOf(owner).toEqualTypeOf<number>()
      emit(transfer.value)
    },
  )
  expectTypeOf(owned).toEqualTypeOf<DataStream<bigint>>()
  expect(builder.build().nodes.length).toBeGreaterThan(10)
})

const priceEvictor = deltaEvictor<Price>(5, (first, last) => last.usd - first.usd)
const priceTrigger: Trigger<Price> = { ...neverTrigger, onElement: ({ usd }) => (usd > 1 ? 'fire' : 'continue') }

/** Never called. */
export const refused = (): void => {
  const { transfers, byWallet, byToken, byNumber } = streams()
  // @ts-expect-error -- a sink of other elements
  transfers.sinkPlainTo('a', { topic: 'a', codec: sink<Price>() })
  // @ts-expect-error -- a key codec of another key
  transfers.keyBy(({ value }) => value, stringKey)
  // @ts-expect-error -- a field that the element has not
  transfers.filter(({ usd }) => usd === 1)
  // @ts-expect-error -- a union of unlike streams
  transfers.union(byToken)
  // @ts-expect-error -- an aggregate of other elements
  byToken.window(tumbling(10)).aggregate('b', sumOfValues, bigintCodec)
  // @ts-expect-error -- a codec of another accumulator
  byWallet.window(tumbling(10)).aggregate('c', sumOfValues, stringCodec)
  // @ts-expect-error -- a late tag of other elements
  byWallet.window(tumbling(10)).sideOutputLateData(outputTag<Price>('late'))
  // @ts-expect-error -- streams of unlike keys, joined
  byWallet.intervalJoin(byNumber)
  // @ts-expect-error -- likewise, as of a time
  byWallet.temporalJoin(byNumber)
  // @ts-expect-error -- likewise, in windows
  byWallet.windowJoin(byNumber)
  // @ts-expect-error -- likewise, in groups
  byWallet.coGroup(byNumber)
  // @ts-expect-error -- likewise, connected
  byWallet.connect(byNumber)
  // @ts-expect-error -- codecs of the wrong sides
  byWallet.intervalJoin(byToken).process<number>('e', { left: codecs.right, right: codecs.left }, () => undefined)
  // @ts-expect-error -- a late tag of the other side
  byWallet.intervalJoin(byToken).sideOutputLeftLateData(outputTag<Price>('late'))
  // @ts-expect-error -- an output of another type
  byWallet.intervalJoin(byToken).process<number>('f', codecs, (_, { token }, ctx) => ctx.emit(token))
  const outer = byWallet.temporalJoin(byToken).leftOuter()
  // @ts-expect-error -- a version that may not be there
  outer.process<number>('g', codecs, (_, price, ctx) => ctx.emit(price.usd))
  byWallet.process<string>('h', {
    processElement(transfer, ctx) {
      // @ts-expect-error -- an output of another type
      ctx.emit(transfer.value)
      // @ts-expect-error -- a side output of another type
      ctx.output(outputTag<bigint>('alarms'), transfer.from)
      // @ts-expect-error -- a value of another type than the state's
      ctx.state(total).value = 1
      // @ts-expect-error -- an element of another type than the list's
      ctx.state(recent).add('1')
      // @ts-expect-error -- a key of another type than the map's
      ctx.state(partners).get(1)
      // @ts-expect-error -- an input of another type than the aggregate's
      ctx.state(volume).add(1n)
      // @ts-expect-error -- a reducing state has no value to assign
      ctx.state(highest).value = 1
    },
  })
  // @ts-expect-error -- a reduce function of another type than the codec's
  reducingState('x', (a: number, b: number) => a + b, bigintCodec)
  // @ts-expect-error -- a value has no bound
  valueState('x', numberCodec, { maxEntries: 1 })
  // @ts-expect-error -- there is no such update
  valueState('x', numberCodec, { ttl: 1, update: 'never' })
  // @ts-expect-error -- a gap by a field that the element has not
  byWallet.window(session(({ usd }: Price) => usd))
  // @ts-expect-error -- an evictor's codec of other elements
  byWallet.window(tumbling(10)).evictor(countEvictor(2), codecs.right)
  // @ts-expect-error -- an evictor of other elements
  byWallet.window(tumbling(10)).evictor(priceEvictor, codecs.left)
  // @ts-expect-error -- a trigger of other elements
  byWallet.window(tumbling(10)).trigger(priceTrigger)
  // @ts-expect-error -- a window's elements are of the stream's type
  byWallet.window(tumbling(10)).process<number>('j', codecs.right, () => undefined)
  // @ts-expect-error -- what is reduced stays of one type
  byWallet.window(tumbling(10)).reduce('k', (a) => a.value, codecs.left)
  byWallet.connect(byToken).process<string>('l', {
    // @ts-expect-error -- a field of the other input
    processElement1: ({ usd }) => usd === 1,
    // @ts-expect-error -- likewise
    processElement2: ({ from }) => from === 'a',
  })
  const asked = { requestCodec: stringCodec, answerCodec: numberCodec, timeoutMs: 1 }
  // @ts-expect-error -- a request of another type than its codec's
  transfers.enrich('m', { ...asked, requestOf: ({ value }) => value, ask: async () => 1 }, () => undefined)
  // @ts-expect-error -- an answer of another type than its codec's
  transfers.enrich('n', { ...asked, requestOf: ({ from }) => from, ask: async () => 'x' }, () => undefined)
  // @ts-expect-error -- broadcast state is a map
  byToken.broadcast(total)
  byWallet.connect(byToken.broadcast(partners)).process<string>('i', {
    processElement(_, ctx) {
      expectTypeOf(ctx.broadcastState(partners)).not.toHaveProperty('set') // it reads only
    },
    processBroadcastElement(_, ctx) {
      expectTypeOf(ctx).not.toHaveProperty('state') // it has no key of its own
      expectTypeOf(ctx).not.toHaveProperty('emit') // it emits by key alone
    },
  })
}
