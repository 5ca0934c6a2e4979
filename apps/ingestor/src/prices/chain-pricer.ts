import type { Asset, Hash, PriceTick } from '@tocsin/chain-model'
import { isPool, type ChainPriceFeed } from './chain-price-feeds.ts'
import { quotedBy, type Observation, type ObservedFeeds } from './feed-observation.ts'
import { defaultOutlierRule, isOutlier } from './outliers.ts'

export interface PricedBlock {
  readonly number: number
  readonly hash: Hash | null
  /** Ms. */
  readonly timestamp: number
}

/** Asks what a feed says at the end of a block, whatever happened in it. */
export interface FeedReader {
  /** Null where nothing is there, or the node has the state no more. */
  read(feed: ChainPriceFeed, at: PricedBlock, signal: AbortSignal): Promise<Observation | null>
}

/** A price of the log and the block that told it. */
export interface ToldPrice {
  readonly number: number
  readonly tick: PriceTick
}

/** Prices of a chain's blocks, told in its order; a block told again, or one before, takes back what followed. */
export interface ChainPricer {
  /** The prices that the block's events tell, in the order of the feeds, outliers marked. */
  price(at: PricedBlock, observed: ObservedFeeds, signal: AbortSignal): Promise<readonly PriceTick[]>
}

/** Prices of an asset are compared with those of so many blocks before: as many as are read back when a process starts. */
export const comparedBlocks = 64
/** Deeper reorgs compare with fewer prices. */
const keptBlocks = comparedBlocks + 4_096
/** The newest round of each feed in so many blocks that had one. */
const keptRounds = 64

/** A round is not from after its block; but the times of blocks in a recording may be estimated. */
const maxAheadMs = 60_000

export interface ChainPricerOptions {
  readonly feeds: readonly ChainPriceFeed[]
  /** Null: there is no node to ask, and what is known of a quote is what earlier blocks told. */
  readonly reader: FeedReader | null
  /** The prices of the newest blocks in the log, oldest first. */
  readonly recent?: readonly ToldPrice[]
  /** Told once of each feed that is not what the file says. */
  readonly onNotice?: (message: string) => void
}

/**
 * A price is made where an event told something new, and from nothing else: of an answer ≤ 0, of an earlier round, of one
 * from the future or too old, of a pool below its minimum of liquidity, and of a quote without a price there is none. So
 * a block's prices are the same in every run, but for what an outlier is compared with, which is read back from the log.
 */
export function chainPricer({ feeds, reader, recent = [], onNotice }: ChainPricerOptions): ChainPricer {
  /** Oldest block first. */
  const told = [...recent]
  const rounds = new Map<string, readonly { readonly number: number; readonly roundId: bigint }[]>()
  /** Without a reader: the newest observation of each feed. */
  const known = new Map<string, { readonly observation: Observation; readonly time: number }>()
  const noticed = new Set<string>()

  function rewind(number: number): void {
    while ((told.at(-1)?.number ?? -1) >= number) told.pop()
    for (const [source, list] of rounds) {
      if ((list.at(-1)?.number ?? -1) >= number)
        rounds.set(
          source,
          list.filter((one) => one.number < number),
        )
    }
  }

  /** Whether it is of the newest round, or no round at all. */
  function isNews(source: string, observation: Observation, number: number): boolean {
    if (observation.type !== 'answer') return true
    const { roundId } = observation
    const list = rounds.get(source) ?? []
    if ((list.at(-1)?.roundId ?? -1n) > roundId) return false
    rounds.set(source, [...list, { number, roundId }].slice(-keptRounds))
    return true
  }

  function marked(tick: PriceTick, number: number): PriceTick {
    const first = told.findLastIndex((one) => one.number < number - comparedBlocks) + 1
    const before = told.slice(first).map((one) => one.tick)
    const same = before.filter(({ asset }) => asset === tick.asset)
    return isOutlier(tick, same, defaultOutlierRule) ? { ...tick, outlier: true } : tick
  }

  /** What a proxy says, where one of the answers of the block is what it says. */
  async function answerOf(
    feed: ChainPriceFeed,
    answers: ObservedFeeds['answers'],
    latest: (feed: ChainPriceFeed) => Promise<Observation | null>,
  ): Promise<Observation | null> {
    if (feed.kind !== 'chainlink' || feed.aggregator !== null || answers.length === 0 || reader === null) return null
    const found = await latest(feed)
    if (found?.type !== 'answer') return null
    // The proxy's rounds carry the number of its aggregator in their upper bits.
    const roundId = BigInt.asUintN(64, found.roundId)
    return answers.some((one) => one.answer === found.answer && one.roundId === roundId) ? found : null
  }

  return {
    async price(at, observed, signal) {
      rewind(at.number)
      for (const source of observed.strangers) {
        if (!noticed.has(source))
          onNotice?.(`${source} is a pool of other tokens than the feed says: it gives no price`)
        noticed.add(source)
      }
      const own = new Map(
        [...observed.observations].filter(([source, observation]) => isNews(source, observation, at.number)),
      )
      const asked = new Map<string, Promise<Observation | null>>()
      const latest = (feed: ChainPriceFeed): Promise<Observation | null> => {
        const { source } = feed
        if (feed.kind === 'constant') {
          const holds = { decimals: 8, roundId: 0n, updatedAt: at.timestamp }
          return Promise.resolve({ type: 'answer', answer: feed.price8, ...holds })
        }
        const fromEvents = own.get(source)
        if (fromEvents !== undefined) return Promise.resolve(fromEvents)
        if (reader === null) {
          const before = known.get(source)
          const isUsable = before !== undefined && at.timestamp - before.time <= feed.maxAgeMs
          return Promise.resolve(isUsable ? before.observation : null)
        }
        const answer = asked.get(source) ?? reader.read(feed, at, signal)
        asked.set(source, answer)
        return answer
      }
      const usd = new Map<string, UsdPrice | null>()
      const usdOf = async (feed: ChainPriceFeed, observation: Observation | null): Promise<UsdPrice | null> => {
        const before = usd.get(feed.source)
        if (before !== undefined) return before
        const price = observation === null ? null : await usdPrice(feed, observation, at, quoteOf)
        usd.set(feed.source, price)
        return price
      }
      /** Of the feeds above the one that asks, the first that has a price: there is no way round in a circle. */
      const quoteOf = async (asset: Asset, feed: ChainPriceFeed): Promise<UsdPrice | null> => {
        for (const one of feeds.slice(0, feeds.indexOf(feed))) {
          if (one.asset !== asset || one.chainId !== feed.chainId) continue
          const price = await usdOf(one, await latest(one))
          if (price !== null) return price
        }
        return null
      }
      const ticks: PriceTick[] = []
      for (const feed of feeds) {
        const observation = own.get(feed.source) ?? (await answerOf(feed, observed.answers, latest))
        if (observation === null) continue
        known.set(feed.source, { observation, time: at.timestamp })
        const price = await usdOf(feed, observation)
        if (price === null) continue
        const { chainId, asset, maxAgeMs: maxAge } = feed
        const tick = marked({ type: 'price', chainId, asset, ...price, maxAge }, at.number)
        ticks.push(tick)
        told.push({ number: at.number, tick })
      }
      while ((told[0]?.number ?? at.number) < at.number - keptBlocks) told.shift()
      return ticks
    },
  }
}

type UsdPrice = Pick<PriceTick, 'price8' | 'source' | 'time'>

/** In 1e-8 USD, cut; null where it is none. */
async function usdPrice(
  feed: ChainPriceFeed,
  observation: Observation,
  { timestamp }: PricedBlock,
  quoteOf: (asset: Asset, feed: ChainPriceFeed) => Promise<UsdPrice | null>,
): Promise<UsdPrice | null> {
  const quoted = quotedBy(feed, observation)
  const told = observation.type === 'answer' ? observation.updatedAt : timestamp
  const time = Math.min(told, timestamp)
  if (quoted === null || told > timestamp + maxAheadMs || timestamp - time > feed.maxAgeMs) return null
  const quote = feed.quote === 'usd' ? null : await quoteOf(feed.quote, feed)
  if (feed.quote !== 'usd' && quote === null) return null
  const quote8 = quote?.price8 ?? 100_000_000n
  if (isPool(feed)) {
    const { amount, decimals } = quoted.depth ?? { amount: 0n, decimals: 0 }
    if (amount * quote8 < feed.minLiquidity8 * 10n ** BigInt(decimals)) return null
  }
  const price8 = (quoted.numerator * quote8) / quoted.denominator
  const source = quote === null ? feed.source : `${feed.source} in ${quote.source}`
  return price8 > 0n ? { price8, source, time } : null
}
