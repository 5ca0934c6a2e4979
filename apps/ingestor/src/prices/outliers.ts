import type { PriceTick } from '@tocsin/chain-model'

export interface OutlierRule {
  /** How many of an asset's newest prices are compared with. */
  readonly window: number
  /** With fewer of them nothing is marked. */
  readonly fewest: number
  /** Marked is what is further from their median than this, in 1/10,000 of it. */
  readonly beyondBps: bigint
}

export const defaultOutlierRule: OutlierRule = { window: 21, fewest: 5, beyondBps: 1_000n }

/** Whether the price does not fit the asset's prices before it, in their order. */
export function isOutlier(tick: PriceTick, before: readonly PriceTick[], rule: OutlierRule): boolean {
  const kept = before
    .filter(({ time, maxAge }) => maxAge === null || tick.time - time <= maxAge)
    .slice(-rule.window)
    .map(({ price8 }) => price8)
  if (kept.length < rule.fewest) return false
  const sorted = kept.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? tick.price8
  const distance = tick.price8 > median ? tick.price8 - median : median - tick.price8
  return distance * 10_000n > rule.beyondBps * median
}

/**
 * Marks prices that do not fit the ones before: more than 10 % off the median of the asset's newest 21 prices, of all
 * its sources, that are not older than a price may be used. A mark takes nothing away: the price is written as it is, and
 * counts for the median like any other, so that after 11 prices at a new level that level is the usual one. Pure.
 */
export function outlierMarker(rule: OutlierRule = defaultOutlierRule): (tick: PriceTick) => PriceTick {
  const recent = new Map<string, readonly PriceTick[]>()
  return (tick) => {
    const key = `${tick.chainId} ${tick.asset}`
    const before = recent.get(key) ?? []
    recent.set(key, [...before, tick].slice(-rule.window))
    return isOutlier(tick, before, rule) ? { ...tick, outlier: true } : tick
  }
}
