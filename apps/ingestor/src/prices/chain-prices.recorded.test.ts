import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAddress, type Address, type PriceTick } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { decodeRecording } from '../ingest.ts'
import { openRecording } from '../sources/recording-source.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'
import type { ChainlinkFeed, ChainPriceFeed, ConstantFeed, PoolFeed } from './chain-price-feeds.ts'

const about = { chainId: 1, maxAgeMs: 3_900_000 } as const
const dollar = (asset: Address): ConstantFeed => ({
  ...{ kind: 'constant', ...about, asset, quote: 'usd', price8: 100_000_000n, source: `constant ${asset}` },
})
const chainlink = (aggregator: string, decimals: number, asset: string): ChainlinkFeed => ({
  ...{ kind: 'chainlink', ...about, asset: parseAddress(asset), quote: 'usd', source: `chainlink ${aggregator}` },
  ...{ proxy: parseAddress(aggregator), aggregator: { address: parseAddress(aggregator), decimals } },
})

/** The prices of a recording, each with its block. */
async function pricesOf(path: string, feeds: readonly ChainPriceFeed[]) {
  const recording = await openRecording([join(chainData, path)], { chainId: 1, onNotice: () => {} })
  const found: { readonly block: number; readonly tick: PriceTick }[] = []
  let ofBlock: PriceTick[] = []
  for await (const record of decodeRecording(recording, { priceFeeds: feeds })) {
    if (record.type === 'price') ofBlock.push(record)
    if (record.type !== 'sealed') continue
    found.push(...ofBlock.map((tick) => ({ block: record.block.number, tick })))
    ofBlock = []
  }
  return found
}

const assets: Readonly<Record<string, Address>> = {
  WETH: parseAddress('0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'),
  WBTC: parseAddress('0x2260fac5e5542a773aa44fbcfedf7c193bc2c599'),
  USDC: parseAddress('0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'),
  USDT: parseAddress('0xdac17f958d2ee523a2206206994597c13d831ec7'),
  DAI: parseAddress('0x6b175474e89094c44da98b954eedeac495271d0f'),
}
const named = (symbol = ''): Address => {
  const address = assets[symbol]
  if (address === undefined) throw new TypeError(`${symbol} is not among the assets of this test.`)
  return address
}

describe.skipIf(noChainData)('prices of recorded blocks', () => {
  /** Every observation of 11 pools in 51 blocks, computed apart from this code: chain-data/SOURCES.md. */
  const observed = () =>
    readFileSync(join(chainData, 'prices/dex-prices-18426253-18426303.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [block, , , , pair = '', venue = '', pool = '', price] = line.split(',')
        const [base, quote] = pair.split('/')
        return { block: Number(block), base, quote, venue, pool, price: Number(price) }
      })

  test('default: pool prices are those that were computed from the same logs in another way, none more, none less', async () => {
    const rows = observed()
    // The last of a block is the block's; what is quoted in WETH stands below what prices WETH.
    const last = new Map(rows.map((row) => [`${row.block} ${row.pool}`, row]))
    const pools = [...new Map(rows.map((row) => [row.pool, row])).values()].sort(
      (a, b) => Number(a.quote === 'WETH') - Number(b.quote === 'WETH'),
    )
    const feeds = [
      ...['USDC', 'USDT', 'DAI'].map((symbol) => dollar(named(symbol))),
      ...pools.map(({ venue, pool, base, quote }): PoolFeed => {
        const kind = venue.startsWith('univ3') ? 'uniswap-v3' : 'uniswap-v2'
        const of = { asset: named(base), quote: named(quote) }
        const address = parseAddress(pool)
        return { kind, ...about, ...of, address, poolId: null, minLiquidity8: 0n, source: `${kind} ${pool}` }
      }),
    ]
    const prices = await pricesOf('eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz', feeds)
    expect(prices).toHaveLength(113)
    expect(last.size).toBe(113)
    const ether = new Map<string, number>()
    for (const { block, tick } of prices) {
      const [, pool = ''] = tick.source.split(' ')
      const row = last.get(`${block} ${pool}`)
      const usd = Number(tick.price8) / 1e8
      ether.set(pool, usd)
      const [, quotedBy] = /^.* in uniswap-v3 (0x[0-9a-f]{40}) in /.exec(tick.source) ?? []
      const quote = quotedBy === undefined ? 1 : (ether.get(quotedBy) ?? Number.NaN)
      // The file has six or seven digits.
      expect(Math.abs(usd / quote / (row?.price ?? Number.NaN) - 1), `${block} ${tick.source}`).toBeLessThan(1e-6)
    }
  })

  test('behavior: Chainlink answers agree with the pools of their time', async () => {
    const bitcoin = chainlink('0xdbe1941bfbe4410d6865b9b7078e0b49af144d2d', 8, named('WBTC'))
    const [price] = await pricesOf('eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz', [bitcoin])
    expect(price).toMatchObject({ block: 18_426_297, tick: { price8: 3_405_761_258_872n } })
    const around =
      observed()
        .filter(({ base }) => base === 'WBTC')
        .at(-1)?.price ?? 0
    const etherThen =
      observed()
        .filter(({ base, block }) => base === 'WETH' && block <= 18_426_297)
        .at(-1)?.price ?? 0
    expect(Math.abs(34_057.61258872 / (around * etherThen) - 1)).toBeLessThan(0.005)

    const ether = chainlink('0xe62b71cf983019bff55bc83b48601ce8419650cc', 8, named('WETH'))
    const [later] = await pricesOf('eth-mainnet-blocks/19426586.json.gz', [ether])
    const [, , median] =
      readFileSync(join(chainData, 'prices/reference-eth-usd-by-block.csv'), 'utf8')
        .split('\n')
        .map((line) => line.split(','))
        .find(([block]) => block === '19426586') ?? []
    expect(later?.tick.price8).toBe(395_118_825_522n)
    expect(Math.abs(3_951.18825522 / Number(median) - 1)).toBeLessThan(0.005)
  })

  test('behavior: a recorded answer of 0 is no price, and of four submissions to a round the last one is', async () => {
    const zero = chainlink('0xf42ec9b498761f67fbe49ee8320dd19b6a285d2f', 8, named('WETH'))
    expect(await pricesOf('eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz', [zero])).toEqual([])
    const flux = chainlink('0xb8169f6d97c66c50ef27b7b1b3fb2875d2b036a4', 18, named('WETH'))
    const prices = await pricesOf('eth-mainnet-blocks/12498502.json.gz', [flux])
    expect(prices.map(({ tick }) => tick.price8)).toEqual([15_185_791_010n])
  })
})
