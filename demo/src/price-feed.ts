import { createHash } from 'node:crypto'
import type { Asset, PriceTick } from '@tocsin/chain-model'
import type { DemoClock } from './clock.ts'
import { demoChainId } from './chain.ts'

/** An asset and the price (1e-8 USD) that it stays within 2 % of; `steady` does not move. */
export interface FedAsset {
  readonly asset: Asset
  readonly around8: bigint
  readonly steady: boolean
}

const feedSource = 'demo-feed'
/** Time between two ticks of an asset: shorter than the 10 s windows in which trades are joined with prices. */
const tickIntervalMs = 2_000
/** The same for the past that a new chain begins with. */
const pastIntervalMs = 10_000
/** How long a tick may be used. */
const maxAgeMs = 60_000
const minute = 60_000

/** Waves of chance over each other, slow and wide to quick and small: in all at most 2 % from the middle. */
const waves = [
  { periodMs: 480 * minute, partsPerMillion: 12_000 },
  { periodMs: 60 * minute, partsPerMillion: 5_000 },
  { periodMs: 10 * minute, partsPerMillion: 2_000 },
  { periodMs: minute, partsPerMillion: 1_000 },
] as const

/**
 * The price of `asset` at `time` (ms), in 1e-8 USD. It wanders like a market, yet is a function of seed and time, so
 * that the pools' arbitrageur, the feed and a second start agree without any of them remembering. Bounded, so that
 * pools left alone over a weekend are not further from the feed than an honest trade may be.
 * Source: value noise, fractal (several octaves), after Perlin.
 */
export function priceAt(seed: string, fed: FedAsset, time: number): bigint {
  if (fed.steady) return fed.around8
  let shift = 0
  for (const { periodMs, partsPerMillion } of waves) {
    const step = Math.floor(time / periodMs)
    const within = time / periodMs - step
    const smooth = within * within * (3 - 2 * within)
    const [from, to] = [chance(seed, fed.asset, periodMs, step), chance(seed, fed.asset, periodMs, step + 1)]
    shift += partsPerMillion * (from + (to - from) * smooth)
  }
  return fed.around8 + (fed.around8 * BigInt(Math.round(shift))) / 1_000_000n
}

/** In [-1, 1). */
function chance(seed: string, asset: string, periodMs: number, step: number): number {
  const digest = createHash('sha256').update(`price/${seed}/${asset}/${periodMs}/${step}`).digest()
  return digest.readUIntBE(0, 6) / 2 ** 47 - 1
}

/** A source of prices as the ingestor takes it (its port `PriceSource`, which this fits without knowing it). */
export interface DemoPriceSource {
  readonly name: string
  /** Runs until the signal is aborted. */
  readonly run: (
    push: (tick: PriceTick) => void,
    failed: (error: unknown) => void,
    signal: AbortSignal,
  ) => Promise<void>
}

/**
 * Ticks of all assets from `from` (ms) on: those of the past, one for 10 s, before `run` gives way for the first time,
 * so that no watermark of the ingestor's clock can come before them; then every 2 s as the clock goes. In order of
 * time, and at one time in the order of `assets`. Where the clock jumps ahead (the machine slept), what lies between is
 * left out: no block was mined then either.
 */
export function priceFeed({
  seed,
  assets,
  from,
  clock,
}: {
  seed: string
  assets: readonly FedAsset[]
  from: number
  clock: DemoClock
}): DemoPriceSource {
  const tick = (fed: FedAsset, time: number): PriceTick => {
    const price8 = priceAt(seed, fed, time)
    return { type: 'price', chainId: demoChainId, asset: fed.asset, price8, source: feedSource, time, maxAge: maxAgeMs }
  }
  return {
    name: feedSource,
    run: async (push, _failed, signal) => {
      let time = from
      for (; time < clock.now(); time += pastIntervalMs) for (const fed of assets) push(tick(fed, time))
      for (time = onGrid(clock.now()); await clock.until(time, signal); time += tickIntervalMs) {
        if (clock.now() - time > maxAgeMs) time = onGrid(clock.now())
        for (const fed of assets) push(tick(fed, time))
      }
    },
  }
}

const onGrid = (time: number) => Math.ceil(time / tickIntervalMs) * tickIntervalMs
