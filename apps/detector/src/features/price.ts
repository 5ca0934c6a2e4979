import type { Asset, PriceTick } from '@tocsin/chain-model'

/**
 * A price of `asset` as evidence names it. Of the native coin and its wrapped token, which share a price where only one
 * is given, `asset` is the one that was priced.
 */
export interface Price {
  readonly asset: Asset
  /** 1e-8 USD for one whole unit. */
  readonly price8: bigint
  readonly source: string
  /** Event time in ms. */
  readonly time: number
  /** How long it may be used, in ms; null: for ever. */
  readonly maxAge: number | null
  /** It does not fit the prices before it: nothing is valued with it. */
  readonly outlier?: true | undefined
}

/** May the price be used at `time`: it is not from later, and no older than `maxAge`. */
export const isUsable = (price: Price, time: number): boolean =>
  price.time <= time && (price.maxAge === null || time - price.time <= price.maxAge)

/** Older first; at one time by source, then price, so that the newest does not depend on arrival. */
export const byTime = (a: Price, b: Price): number =>
  a.time - b.time ||
  (a.source < b.source ? -1 : a.source > b.source ? 1 : 0) ||
  (a.price8 < b.price8 ? -1 : a.price8 > b.price8 ? 1 : 0)

/**
 * The newest price of `asset` at or before `time` that is not too old and no outlier. `prices` in the order of
 * {@link byTime}.
 */
export const priceAt = (prices: readonly Price[], asset: Asset, time: number): Price | null =>
  prices.findLast((price) => price.asset === asset && price.outlier !== true && isUsable(price, time)) ?? null

/** The newest outlier after the price that {@link priceAt} gives: it would have been the price, and evidence says so. */
export function outlierPassedOver(prices: readonly Price[], asset: Asset, time: number): Price | null {
  const newest = prices.findLast((price) => price.asset === asset && isUsable(price, time))
  return newest?.outlier === true ? newest : null
}

/** floor(amount × price8 / 10^decimals), in 1e-8 USD. */
export const usd8Of = (amount: bigint, decimals: number, price8: bigint): bigint =>
  (amount * price8) / 10n ** BigInt(decimals)

export const priceOf = (tick: PriceTick, asset: Asset = tick.asset): Price => ({
  asset,
  price8: tick.price8,
  source: tick.source,
  time: tick.time,
  maxAge: tick.maxAge,
  ...(tick.outlier === true && { outlier: true }),
})
