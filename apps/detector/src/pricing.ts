import type { Address, Asset, ChainTransaction, PriceTick } from '@tocsin/chain-model'
import {
  mapState,
  outputTag,
  valueState,
  type KeyedCoProcessFunction,
  type KeyedContext,
  type Timestamp,
} from '@tocsin/stream-core'
import { byTime, priceAt, priceOf, type Price } from './features/price.ts'
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
 * Gives each transaction the prices as of its block's time: a temporal join, prices left, transactions right. Keyed by
 * chain, not by asset: a transaction moves several assets, its transfers must stay in the chain's own order, and the
 * transactions topic is one partition anyway. The native coin and the tokens that wrap it (as token lists say) share a
 * price where only one is given. State: a minute of prices an asset, and one time.
 * Source: Flink's temporal join. Differs: a price that comes late is used from then on, nothing waits for it.
 */
export const priceTransactions: KeyedCoProcessFunction<number, PriceTick, ChainTransaction, PricedTransaction> = {
  processElement1(tick, ctx) {
    const prices = ctx.state(pricesState)
    const price = priceOf(tick)
    prices.set(tick.asset, withPrice(prices.get(tick.asset) ?? [], price))
    ctx.output(feedTag, price)
    if (tick.asset !== 'native') return
    for (const asset of ctx.state(wrappedNativesState).value ?? [])
      if (!prices.has(asset)) ctx.output(feedTag, { ...price, asset })
  },
  processElement2(transaction, ctx) {
    learnWrappedNatives(transaction, ctx)
    const logStart = ctx.state(logStartState)
    logStart.value ??= transaction.block.timestamp
    const prices = assetsOf(transaction)
      .map((asset) => newestPrice(ctx, asset, transaction.block.timestamp))
      .filter((price) => price !== null)
    ctx.emit({ transaction, prices: prices.sort(byTime), logStart: logStart.value })
  },
}

type Context = KeyedContext<number, PricedTransaction>

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

function newestPrice(ctx: Context, asset: Asset, time: Timestamp): Price | null {
  const prices = ctx.state(pricesState)
  const wrappedNatives = ctx.state(wrappedNativesState).value ?? []
  const twins: readonly Asset[] = asset === 'native' ? wrappedNatives : wrappedNatives.includes(asset) ? ['native'] : []
  for (const one of [asset, ...twins]) {
    const price = priceAt(prices.get(one) ?? [], one, time)
    if (price !== null) return { ...price, asset }
  }
  return null
}

/** Prices of a minute, the newest one before that, and the newest constant, which outlives every feed. */
export function withPrice(prices: readonly Price[], price: Price): readonly Price[] {
  const sorted = [...prices, price].sort(byTime)
  const horizon = (sorted.at(-1)?.time ?? 0) - keptPricesMs
  const before = sorted.findLast(({ time }) => time < horizon)
  const constant = sorted.findLast(({ maxAge }) => maxAge === null)
  return sorted.filter((one) => one.time >= horizon || one === before || one === constant)
}

/** Every asset that the transaction may have moved. */
function assetsOf({ value, frames, tokens }: ChainTransaction): readonly Asset[] {
  const native = value > 0n || (frames ?? []).some((frame) => frame.value > 0n)
  return [...(native ? (['native'] as const) : []), ...tokens.map(({ address }) => address)]
}
