import { zeroAddress, type Asset, type ChainEvent, type ChainEventOf, type ChainTransaction } from '@tocsin/chain-model'
import { isPool, type ChainlinkFeed, type ChainPriceFeed, type PoolFeed } from './chain-price-feeds.ts'

/** What a feed says at the end of a block, in its own numbers. Exact: a price is the ratio of two integers. */
export type Observation =
  | {
      readonly type: 'answer'
      readonly answer: bigint
      readonly decimals: number
      readonly roundId: bigint
      /** Ms. */
      readonly updatedAt: number
    }
  | { readonly type: 'reserves'; readonly reserve0: bigint; readonly reserve1: bigint; readonly decimals: PairDecimals }
  | {
      readonly type: 'root'
      readonly sqrtPriceX96: bigint
      readonly liquidity: bigint
      readonly decimals: PairDecimals
    }

/** Of asset and quote; null where the block's transactions do not say. */
export interface PairDecimals {
  readonly asset: number | null
  readonly quote: number | null
}

/** What the events of a block tell of the feeds. Plain data: it may come from another thread. */
export interface ObservedFeeds {
  /** By the feed's source. A feed of several events in the block has the last one's. */
  readonly observations: ReadonlyMap<string, Observation>
  /** Answers of aggregators that no feed names: a proxy that is asked says whose they are. */
  readonly answers: readonly Pick<ChainEventOf<'chainlink-answer'>, 'answer' | 'roundId'>[]
  /** Pools that are of other tokens than the feed says, by source. */
  readonly strangers: readonly string[]
}

/** Which events tell of which feeds, for blocks of one chain. */
export function feedObserver(
  feeds: readonly ChainPriceFeed[],
): (transactions: readonly ChainTransaction[]) => ObservedFeeds {
  const pools = new Map<string, PoolFeed[]>()
  const aggregators = new Map<string, ChainlinkFeed[]>()
  const add = <F>(map: Map<string, F[]>, key: string, feed: F) => map.set(key, [...(map.get(key) ?? []), feed])
  for (const feed of feeds) {
    if (isPool(feed)) add(pools, feed.poolId ?? feed.address, feed)
    else if (feed.kind === 'chainlink' && feed.aggregator !== null) add(aggregators, feed.aggregator.address, feed)
  }
  const isAsked = feeds.some((feed) => feed.kind === 'chainlink' && feed.aggregator === null)

  return (transactions) => {
    const observations = new Map<string, Observation>()
    const answers: ObservedFeeds['answers'][number][] = []
    const strangers = new Set<string>()
    for (const transaction of transactions)
      for (const event of transaction.events) {
        if (event.type === 'chainlink-answer') {
          const named = aggregators.get(event.address) ?? []
          for (const { source, aggregator } of named) {
            const { answer, roundId, updatedAt } = event
            const before = observations.get(source)
            // A late answer to an earlier round is no news.
            if (aggregator === null || (before?.type === 'answer' && before.roundId > roundId)) continue
            observations.set(source, { type: 'answer', answer, decimals: aggregator.decimals, roundId, updatedAt })
          }
          if (named.length === 0 && isAsked) answers.push({ answer: event.answer, roundId: event.roundId })
          continue
        }
        for (const feed of pools.get('poolId' in event ? event.poolId : event.address) ?? []) {
          if (feed.address !== event.address) continue
          const found = poolObservation(event, feed, decimalsIn(transaction, feed))
          if (found !== null) observations.set(feed.source, found)
          if (isOfOthers(event, feed)) strangers.add(feed.source)
        }
      }
    for (const source of strangers) observations.delete(source)
    return { observations, answers, strangers: [...strangers] }
  }
}

function poolObservation(event: ChainEvent, { kind }: PoolFeed, decimals: PairDecimals): Observation | null {
  if (event.type === 'uniswap-v2-sync' && kind === 'uniswap-v2')
    return { type: 'reserves', reserve0: event.reserve0, reserve1: event.reserve1, decimals }
  if (
    (event.type === 'uniswap-v3-swap' && kind === 'uniswap-v3') ||
    (event.type === 'uniswap-v4-swap' && kind === 'uniswap-v4')
  )
    return { type: 'root', sqrtPriceX96: event.sqrtPriceX96, liquidity: event.liquidity, decimals }
  return null
}

const addressOf = (asset: Asset) => (asset === 'native' ? zeroAddress : asset)

/** Whether the asset is the pool's first token: pools sort their two by address. */
export const isFirst = ({ asset, quote }: Pick<PoolFeed, 'asset' | 'quote'>): boolean =>
  addressOf(asset) < addressOf(quote)

function isOfOthers(event: ChainEvent, feed: PoolFeed): boolean {
  if (!('token0' in event) || event.token0 === null || event.token1 === null) return false
  const pair = [addressOf(feed.asset), addressOf(feed.quote)]
  return !pair.includes(event.token0) || !pair.includes(event.token1)
}

function decimalsIn({ tokens }: ChainTransaction, { asset, quote }: PoolFeed): PairDecimals {
  const of = (one: Asset) => (one === 'native' ? 18 : (tokens.find(({ address }) => address === one)?.decimals ?? null))
  return { asset: of(asset), quote: of(quote) }
}

/** Quote for one whole unit of the asset, as a ratio; null where it is no price. `depth`: the pool's side of the quote. */
export interface Quoted {
  readonly numerator: bigint
  readonly denominator: bigint
  /** In base units of the quote, and its decimals; null where the feed is no pool. */
  readonly depth: { readonly amount: bigint; readonly decimals: number } | null
}

const two96 = 1n << 96n

/**
 * What the observation makes of the price. A v2 pool: the ratio of its reserves. v3 and v4: sqrtPriceX96² / 2¹⁹² of the
 * second token for one of the first, and as the quote's side the reserve that a pool of its liquidity without ranges would
 * have. Source: Uniswap v2 whitepaper §2.2, v3 whitepaper §6.2; Chainlink's AggregatorV3Interface.
 */
export function quotedBy(feed: ChainPriceFeed, observation: Observation): Quoted | null {
  if (observation.type === 'answer') {
    const { answer, decimals } = observation
    return answer > 0n ? { numerator: answer, denominator: 10n ** BigInt(decimals), depth: null } : null
  }
  if (!isPool(feed)) return null
  const { asset, quote } = observation.decimals
  if (asset === null || quote === null) return null
  const [first, second, depth] =
    observation.type === 'reserves'
      ? [observation.reserve0, observation.reserve1, isFirst(feed) ? observation.reserve1 : observation.reserve0]
      : ofRoot(observation, isFirst(feed))
  if (first === 0n || second === 0n) return null
  const [paid, bought] = isFirst(feed) ? [second, first] : [first, second]
  return {
    numerator: paid * 10n ** BigInt(asset),
    denominator: bought * 10n ** BigInt(quote),
    depth: { amount: depth, decimals: quote },
  }
}

function ofRoot(
  { sqrtPriceX96, liquidity }: Extract<Observation, { type: 'root' }>,
  first: boolean,
): readonly [bigint, bigint, bigint] {
  if (sqrtPriceX96 === 0n) return [0n, 0n, 0n]
  const depth = first ? (liquidity * sqrtPriceX96) / two96 : (liquidity * two96) / sqrtPriceX96
  return [two96 * two96, sqrtPriceX96 * sqrtPriceX96, depth]
}
