import type { Address, Asset, ChainTransaction, PriceTick } from '@tocsin/chain-model'
import {
  mapState,
  outputTag,
  valueState,
  type KeyedCoProcessFunction,
  type KeyedContext,
  type Timestamp,
} from '@tocsin/stream-core'
import { byTime, outlierPassedOver, priceAt, priceOf, type Price } from './features/price.ts'
import type { PricedTransaction } from './features/priced-transaction.ts'
import { textKey, valueCodec } from './value-codec.ts'

/** How far behind the newest price an element may stand and still find its own. */
const keptPricesMs = 60_000

const pricesState = mapState<Asset, readonly Price[]>('prices', textKey<Asset>(), valueCodec())
const wrappedNativesState = valueState<readonly Address[]>('wrapped-natives', valueCodec())
const logStartState = valueState<Timestamp>('log-start', valueCodec())

/** Every price as it comes, restated for the wrapped token where only the native coin has one. */
export const feedTag = outputTag<Price>('feed')

/**
 * Gives each transaction the prices as of its block's time: a temporal join, prices left, transactions right, and among
 * these the prices that the chain itself tells, which hold from the next block on: they stand after the transactions of
 * their own, and a reverted block takes them with it. Keyed by chain, not by asset: a transaction moves several assets,
 * its transfers must stay in the chain's own order, and the transactions topic is one partition anyway. The native coin
 * and the tokens that wrap it (as token lists say) share a price where only one is given. State: a minute of prices an
 * asset, the newest before that of each source, and one time.
 * Source: Flink's temporal join. Differs: a price that comes late is used from then on, nothing waits for it.
 */
export const priceTransactions: KeyedCoProcessFunction<
  number,
  PriceTick,
  ChainTransaction | PriceTick,
  PricedTransaction
> = {
  processElement1: learnPrice,
  processElement2(element, ctx) {
    if (element.type === 'price') learnPrice(element, ctx)
    else priceTransaction(element, ctx)
  },
}

type Context = KeyedContext<number, PricedTransaction>

function learnPrice(tick: PriceTick, ctx: Context): void {
  const prices = ctx.state(pricesState)
  const price = priceOf(tick)
  prices.set(tick.asset, withPrice(prices.get(tick.asset) ?? [], price))
  ctx.output(feedTag, price)
  if (tick.asset !== 'native') return
  for (const asset of ctx.state(wrappedNativesState).value ?? [])
    if (!prices.has(asset)) ctx.output(feedTag, { ...price, asset })
}

function priceTransaction(transaction: ChainTransaction, ctx: Context): void {
  learnWrappedNatives(transaction, ctx)
  const logStart = ctx.state(logStartState)
  logStart.value ??= transaction.block.timestamp
  const prices = assetsOf(transaction).flatMap((asset) => newestPrices(ctx, asset, transaction.block.timestamp))
  ctx.emit({ transaction, prices: prices.sort(byTime), logStart: logStart.value })
}

function learnWrappedNatives({ tokens }: ChainTransaction, ctx: Context): void {
  const state = ctx.state(wrappedNativesState)
  const prices = ctx.state(pricesState)
  for (const { address, kind } of tokens) {
    if (kind !== 'wrapped-native' || state.value?.includes(address) === true) continue
    state.value = [...(state.value ?? []), address].sort()
    if (prices.has(address)) continue
    for (const price of prices.get('native') ?? []) ctx.output(feedTag, { ...price, asset: address })
  }
}

/** The asset's price, or its twin's where it has none, and the outlier that was passed over for it. */
function newestPrices(ctx: Context, asset: Asset, time: Timestamp): readonly Price[] {
  const prices = ctx.state(pricesState)
  const wrappedNatives = ctx.state(wrappedNativesState).value ?? []
  const twins: readonly Asset[] = asset === 'native' ? wrappedNatives : wrappedNatives.includes(asset) ? ['native'] : []
  for (const one of [asset, ...twins]) {
    const known = prices.get(one) ?? []
    const price = priceAt(known, one, time)
    if (price === null) continue
    const passedOver = outlierPassedOver(known, one, time)
    return [price, ...(passedOver === null ? [] : [passedOver])].map((found) => ({ ...found, asset }))
  }
  return []
}

/**
 * Prices of a minute; before that the newest of each source, since one that speaks rarely holds for long; and the newest
 * constant, which outlives every feed. An outlier is never the newest, for it is no price to go back to.
 */
export function withPrice(prices: readonly Price[], price: Price): readonly Price[] {
  const sorted = [...prices, price].sort(byTime)
  const horizon = (sorted.at(-1)?.time ?? 0) - keptPricesMs
  const newest = new Map<string, Price>()
  let constant: Price | undefined
  for (const one of sorted) {
    if (one.outlier === true) continue
    if (one.time < horizon) newest.set(one.source, one)
    if (one.maxAge === null) constant = one
  }
  return sorted.filter((one) => one.time >= horizon || newest.get(one.source) === one || one === constant)
}

/** Every asset that the transaction may have moved. */
function assetsOf({ value, frames, tokens }: ChainTransaction): readonly Asset[] {
  const native = value > 0n || (frames ?? []).some((frame) => frame.value > 0n)
  return [...(native ? (['native'] as const) : []), ...tokens.map(({ address }) => address)]
}
