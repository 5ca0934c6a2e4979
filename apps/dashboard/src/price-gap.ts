import type { Alert, Asset, Evidence } from '@tocsin/chain-model'
import { tokensOf } from './evidence.ts'

type Price = Evidence & { readonly type: 'price' }
type Swap = Evidence & { readonly type: 'swap' }

/** A trade's price of an asset against the feed's, both in 1e-8 USD. */
export interface PriceGap {
  readonly asset: Asset
  readonly tick: Price
  readonly trade8: bigint
  readonly swap: Swap
  /** How far the trade is from the tick, in basis points, towards zero; negative: the trade was cheaper. */
  readonly deviationBps: number
}

/**
 * The gap that the evidence shows: a swap of two tokens whose decimals and prices it lists. The trade's price of one
 * token is what was given or got of the other, at the other's tick; fees included, as the detector compares them.
 * Null where a part is missing: then only the threshold is drawn.
 */
export function priceGapOf(alert: Alert): PriceGap | null {
  const swap = alert.evidence.find((reference): reference is Swap => reference.type === 'swap')
  if (swap === undefined) return null
  const tokens = tokensOf(alert)
  // The detector's rule: the newest at or before the trade, else the first after; evidence lists prices by time.
  const priceOf = (asset: Asset) => {
    const prices = alert.evidence.filter((part): part is Price => part.type === 'price' && part.asset === asset)
    return prices.findLast(({ time }) => time <= swap.timestamp) ?? prices[0]
  }
  const sides = [
    { asset: swap.tokenIn, amount: swap.amountIn, other: swap.tokenOut, otherAmount: swap.amountOut },
    { asset: swap.tokenOut, amount: swap.amountOut, other: swap.tokenIn, otherAmount: swap.amountIn },
  ]
  // A key names the pair, base first; the base is what the price is of.
  const placeInKey = (asset: Asset) => (alert.key.includes(asset) ? alert.key.indexOf(asset) : Infinity)
  const [side] = sides.sort((a, b) => placeInKey(a.asset) - placeInKey(b.asset) || 0)
  if (side === undefined || side.amount === 0n) return null
  const tick = priceOf(side.asset)
  const otherPrice = priceOf(side.other)
  const token = tokens.get(side.asset)
  const other = tokens.get(side.other)
  if (tick === undefined || otherPrice === undefined || token === undefined || other === undefined) return null
  const trade8 =
    (side.otherAmount * otherPrice.price8 * 10n ** BigInt(token.decimals)) /
    (side.amount * 10n ** BigInt(other.decimals))
  const deviationBps = Number(((trade8 - tick.price8) * 10_000n) / tick.price8)
  return { asset: side.asset, tick, trade8, swap, deviationBps }
}
