import { parseAddress, parseHash, type Address, type Asset } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChainlinkFeed, ChainPriceFeed, ConstantFeed, PoolFeed } from './chain-price-feeds.ts'
import { chainPricer, type FeedReader, type ToldPrice } from './chain-pricer.ts'
import type { Observation } from './feed-observation.ts'

const address = (byte: string): Address => parseAddress(`0x${byte.repeat(20)}`)
const [low, high, pool, proxy] = [address('11'), address('22'), address('33'), address('44')]
const never = new AbortController().signal
const timeOf = (number: number) => 1_700_000_000_000 + 12_000 * number
const at = (number: number) => ({
  number,
  hash: parseHash(`0x${number.toString(16).padStart(64, '0')}`),
  timestamp: timeOf(number),
})

const dollar = (asset: Asset): ConstantFeed => ({
  ...{ kind: 'constant', chainId: 1, asset, quote: 'usd', maxAgeMs: Infinity, price8: 100_000_000n },
  source: `constant ${asset}`,
})
const poolFeed = (kind: PoolFeed['kind'], asset: Asset, quote: Asset, minLiquidity8 = 0n): PoolFeed => ({
  ...{ kind, address: pool, poolId: null, chainId: 1, asset, quote, maxAgeMs: 600_000, minLiquidity8 },
  source: `${kind} ${pool}`,
})
const feed: ChainlinkFeed = {
  ...{ kind: 'chainlink', proxy, aggregator: { address: pool, decimals: 8 }, chainId: 1, asset: 'native' },
  ...{ quote: 'usd', maxAgeMs: 3_900_000, source: `chainlink ${proxy}` },
}
const answer = (price: bigint, roundId: bigint, updatedAt: number, decimals = 8): Observation => ({
  ...{ type: 'answer', answer: price, decimals, roundId, updatedAt },
})
const decimals = { asset: 18, quote: 6 }
const reserves = (reserve0: bigint, reserve1: bigint): Observation => ({
  type: 'reserves',
  reserve0,
  reserve1,
  decimals,
})

type Told = readonly (readonly [source: string, Observation])[]
function pricerOf(
  feeds: readonly ChainPriceFeed[],
  reader: FeedReader | null = null,
  recent: readonly ToldPrice[] = [],
) {
  const pricer = chainPricer({ feeds, reader, recent })
  return {
    told: (number: number, observations: Told, answers: { answer: bigint; roundId: bigint }[] = []) =>
      pricer.price(at(number), { observations: new Map(observations), answers, strangers: [] }, never),
  }
}
const price8Of = (ticks: readonly { readonly price8: bigint }[]) => ticks.map(({ price8 }) => price8)

describe('chainPricer', () => {
  test('default: an answer is a price at its own time, with its source', async () => {
    const { told } = pricerOf([feed])
    expect(await told(1, [[feed.source, answer(177_300_000_000n, 7n, timeOf(1) - 2_000)]])).toEqual([
      {
        ...{ type: 'price', chainId: 1, asset: 'native', price8: 177_300_000_000n, source: feed.source },
        ...{ time: timeOf(1) - 2_000, maxAge: 3_900_000 },
      },
    ])
    expect(await told(2, [])).toEqual([])
  })

  test.for<readonly [string, Observation]>([
    ['an answer of 0', answer(0n, 8n, timeOf(2))],
    ['a negative answer', answer(-5n, 8n, timeOf(2))],
    ['an earlier round', answer(9n, 6n, timeOf(2))],
    ['a round older than its maxAge', answer(9n, 8n, timeOf(2) - 3_900_001)],
    ['a round from after its block', answer(9n, 8n, timeOf(2) + 60_001)],
    ['an answer below 1e-8 USD', answer(1n, 8n, timeOf(2), 17)],
  ])('behavior: %s is no price', async ([, observation]) => {
    const { told } = pricerOf([feed])
    expect(price8Of(await told(1, [[feed.source, answer(5n, 7n, timeOf(1))]]))).toEqual([5n])
    expect(await told(2, [[feed.source, observation]])).toEqual([])
  })

  test('behavior: the same round again, with what became of it, is a price: FluxAggregator tells each submission', async () => {
    const { told } = pricerOf([feed])
    await told(1, [[feed.source, answer(5n, 7n, timeOf(1))]])
    expect(price8Of(await told(2, [[feed.source, answer(6n, 7n, timeOf(2))]]))).toEqual([6n])
  })

  test('behavior: after a revert the rounds of the lost branch are forgotten', async () => {
    const { told } = pricerOf([feed])
    await told(1, [[feed.source, answer(5n, 7n, timeOf(1))]])
    await told(2, [[feed.source, answer(6n, 9n, timeOf(2))]])
    expect(price8Of(await told(2, [[feed.source, answer(7n, 8n, timeOf(2))]]))).toEqual([7n])
  })

  test('behavior: a pool is priced by its quote, either way round, in whole units of both', async () => {
    const [ether, cents] = [10n ** 18n, 10n ** 6n]
    const forward = pricerOf([dollar(high), poolFeed('uniswap-v2', low, high)])
    const source = `uniswap-v2 ${pool}`
    const [tick] = await forward.told(1, [[source, reserves(100n * ether, 177_300n * cents)]])
    expect(tick).toMatchObject({ asset: low, price8: 177_300_000_000n, source: `${source} in constant ${high}` })
    const backward = pricerOf([dollar(low), poolFeed('uniswap-v2', high, low)])
    expect(price8Of(await backward.told(1, [[source, reserves(177_300n * cents, 100n * ether)]]))).toEqual([
      177_300_000_000n,
    ])
  })

  test('property: a v3 pool at the root of the ratio of two reserves has the price of a v2 pool with these', async () => {
    const units = fc.bigInt({ min: 10n ** 6n, max: 10n ** 30n })
    await fc.assert(
      fc.asyncProperty(units, units, fc.boolean(), async (reserve0, reserve1, isFirst) => {
        const [asset, quote] = isFirst ? [low, high] : [high, low]
        const same = { asset: 18, quote: 18 }
        const root = squareRoot((reserve1 << 192n) / reserve0)
        fc.pre(root > 1n << 60n)
        const priceIn = async (kind: PoolFeed['kind'], observation: Observation) => {
          const { told } = pricerOf([dollar(quote), poolFeed(kind, asset, quote)])
          return price8Of(await told(1, [[`${kind} ${pool}`, observation]]))[0] ?? 0n
        }
        const v2 = await priceIn('uniswap-v2', { type: 'reserves', reserve0, reserve1, decimals: same })
        const v3 = await priceIn('uniswap-v3', {
          type: 'root',
          sqrtPriceX96: root,
          liquidity: 1n << 100n,
          decimals: same,
        })
        const gap = v2 > v3 ? v2 - v3 : v3 - v2
        expect(gap * 1_000_000_000n <= v2 + 2_000_000_000n).toBe(true)
      }),
      { numRuns: 100, examples: [[10n ** 18n, 10n ** 18n, true]] },
    )
  })

  test('behavior: below its minimum of liquidity, on the side of the quote, a pool has no price', async () => {
    const reserve = 1_000n * 10n ** 6n
    const source = `uniswap-v2 ${pool}`
    const thousand = pricerOf([dollar(high), poolFeed('uniswap-v2', low, high, 1_000_00000000n)])
    expect(await thousand.told(1, [[source, reserves(10n ** 18n, reserve)]])).toHaveLength(1)
    expect(await thousand.told(2, [[source, reserves(10n ** 18n, reserve - 1n)]])).toEqual([])
    // At a root of 1 the virtual reserves of a v3 pool are its liquidity.
    const v3 = (liquidity: bigint): Told => [
      [`uniswap-v3 ${pool}`, { type: 'root', sqrtPriceX96: 1n << 96n, liquidity, decimals: { asset: 6, quote: 6 } }],
    ]
    const ranged = pricerOf([dollar(high), poolFeed('uniswap-v3', low, high, 1_000_00000000n)])
    expect(price8Of(await ranged.told(1, v3(reserve)))).toEqual([100_000_000n])
    expect(await ranged.told(2, v3(reserve - 1n))).toEqual([])
  })

  test('behavior: unknown decimals, an empty side or a quote without a price make no price', async () => {
    const source = `uniswap-v2 ${pool}`
    const { told } = pricerOf([dollar(high), poolFeed('uniswap-v2', low, high)])
    const unknown = { type: 'reserves', reserve0: 1n, reserve1: 1n, decimals: { asset: null, quote: 6 } } as const
    expect(await told(1, [[source, unknown]])).toEqual([])
    expect(await told(2, [[source, reserves(0n, 1n)]])).toEqual([])
    const quoted = pricerOf([{ ...feed, asset: high }, poolFeed('uniswap-v2', low, high)])
    const trade: Told = [[source, reserves(10n ** 18n, 10n ** 6n)]]
    expect(await quoted.told(1, trade)).toEqual([])
    await quoted.told(2, [[feed.source, answer(200_000_000n, 1n, timeOf(2))]])
    expect(price8Of(await quoted.told(3, trade))).toEqual([200_000_000n])
    expect(await quoted.told(3 + 326, trade)).toEqual([]) // 3,912 s later: the quote is too old
  })

  test('behavior: a proxy is asked where any aggregator answered, and gives a price only if the answer is its own', async () => {
    const asked: string[] = []
    const phase = 5n << 64n
    const reader: FeedReader = {
      async read({ source }, { number }) {
        asked.push(`${source} ${number}`)
        return answer(600n, phase + 9n, timeOf(number))
      },
    }
    const byProxy: ChainlinkFeed = { ...feed, aggregator: null }
    const { told } = pricerOf([byProxy], reader)
    expect(await told(1, [])).toEqual([])
    expect(await told(2, [], [{ answer: 600n, roundId: 8n }])).toEqual([])
    expect(await told(3, [], [{ answer: 601n, roundId: 9n }])).toEqual([])
    expect(asked).toEqual([`${feed.source} 2`, `${feed.source} 3`])
    expect(price8Of(await told(4, [], [{ answer: 600n, roundId: 9n }]))).toEqual([600n])
  })

  test('behavior: an outlier is marked as such, the same whether the process was started anew or not', async () => {
    const prices = [100n, 101n, 99n, 100n, 102n, 150n, 100n]
    const whole: ToldPrice[] = []
    const { told } = pricerOf([feed])
    for (const [index, price] of prices.entries())
      for (const tick of await told(index, [[feed.source, answer(price, BigInt(index), timeOf(index))]]))
        whole.push({ number: index, tick })
    expect(whole.map(({ tick }) => tick.outlier === true)).toEqual([false, false, false, false, false, true, false])
    for (let start = 1; start < prices.length; start++) {
      const again = pricerOf([feed], null, whole.slice(0, start))
      const price = prices[start] ?? 0n
      const [tick] = await again.told(start, [[feed.source, answer(price, BigInt(start), timeOf(start))]])
      expect(tick).toEqual(whole[start]?.tick)
    }
  })
})

function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}
