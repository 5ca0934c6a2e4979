import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readChainPriceFeeds } from './chain-price-feeds.ts'

const [weth, usdc, pool, proxy] = ['11', '22', '33', '44'].map((byte) => `0x${byte.repeat(20)}`)

async function feedsOf(text: string, node = true) {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-feeds-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'feeds.csv')
  await writeFile(file, text)
  return readChainPriceFeeds(file, { node }).catch((error: unknown) => String(error).replace(file, 'feeds.csv'))
}

describe('readChainPriceFeeds', () => {
  test('default: CSV rows in their order, what is not said filled in', async () => {
    const rows = [
      'kind,address,asset,quote,price,minLiquidity,aggregator,decimals,chainId',
      `constant,,${usdc},,1`,
      `chainlink,${proxy},native`,
      `uniswap-v2,${pool},${weth},${usdc},,2500.5`,
      `chainlink,${pool},${weth},native,,,${proxy},18,1`,
    ]
    expect(await feedsOf(rows.join('\n'))).toEqual([
      {
        ...{ kind: 'constant', chainId: 1, asset: usdc, quote: 'usd', maxAgeMs: Infinity },
        ...{ price8: 100_000_000n, source: `constant ${usdc}` },
      },
      {
        ...{ kind: 'chainlink', proxy, aggregator: null, chainId: 1, asset: 'native', quote: 'usd' },
        ...{ maxAgeMs: 3_900_000, source: `chainlink ${proxy}` },
      },
      {
        ...{ kind: 'uniswap-v2', address: pool, poolId: null, chainId: 1, asset: weth, quote: usdc },
        ...{ maxAgeMs: 600_000, minLiquidity8: 250_050_000_000n, source: `uniswap-v2 ${pool}` },
      },
      {
        ...{ kind: 'chainlink', proxy: pool, aggregator: { address: proxy, decimals: 18 }, chainId: 1, asset: weth },
        ...{ quote: 'native', maxAgeMs: 3_900_000, source: `chainlink ${pool}` },
      },
    ])
  })

  const dollar = `{"kind":"constant","asset":"${usdc}","price":"1"}\n`
  test.for<readonly [string, string]>([
    ['{"kind":"curve"}', 'line 1: kind "curve" is none of constant, chainlink, uniswap-v2, uniswap-v3, uniswap-v4.'],
    [`{"kind":"chainlink","address":"${proxy}"}`, 'line 1: it has no asset.'],
    [`{"kind":"chainlink","asset":"native"}`, 'line 1: it has no address.'],
    [
      `{"kind":"uniswap-v2","address":"${pool}","asset":"${weth}","quote":"${usdc}"}`,
      `line 1: its quote ${usdc} has no price: a feed of it must stand above this line.`,
    ],
    [
      `${dollar}{"kind":"uniswap-v3","address":"${pool}","asset":"native","quote":"${usdc}"}`,
      'line 2: the native coin is in no such pool: name its wrapped token.',
    ],
    [`${dollar}${dollar}`, `line 2: constant ${usdc} stands there twice.`],
    [
      `{"kind":"chainlink","address":"${proxy}","asset":"native","decimals":8}`,
      'line 1: aggregator and decimals are given both or not at all.',
    ],
    [`{"kind":"constant","asset":"native","price":"-1"}`, 'line 1: price "-1" is no USD above 0 such as "1773.39".'],
    [`{"kind":"chainlink","address":"${proxy}","asset":"native","maxAge":0}`, 'line 1: maxAge is 0.'],
    ['{', "line 1: it is no JSON (Expected property name or '}' in JSON at position 1 (line 1 column 2))."],
  ])('error: %s', async ([text, reason]) => {
    expect(await feedsOf(text)).toBe(`Error: feeds.csv, ${reason}`)
  })

  test('error: a proxy whose aggregator only a node could tell', async () => {
    expect(await feedsOf(`{"kind":"chainlink","address":"${proxy}","asset":"native"}`, false)).toContain(
      'a recording cannot be asked for the aggregator of a proxy: give aggregator and decimals.',
    )
  })
})
