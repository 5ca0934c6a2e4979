import { describe, expect, test } from 'vitest'
import { priceGapOf } from './price-gap.ts'
import { address, hash, sampleAlert } from './testing/sample-alert.ts'

const [weth, usdc] = [address('1'), address('2')]
const token = (at: string, symbol: string, decimals: number) => ({ type: 'token', address: at, symbol, decimals })
const price = (asset: string, price8: string, time: number) => ({
  type: 'price',
  asset,
  price8,
  source: 'feed',
  time,
  maxAge: 60_000,
})
const swap = {
  type: 'swap',
  blockNumber: 1,
  blockHash: hash('b'),
  transactionHash: hash('d'),
  logIndex: 0,
  pool: address('9'),
  timestamp: 10_000,
  tokenIn: usdc,
  amountIn: '2200000000',
  tokenOut: weth,
  amountOut: '1000000000000000000',
}
const tokens = [token(weth, 'WETH', 18), token(usdc, 'USDC', 6)]
const gapOf = (...prices: readonly object[]) =>
  priceGapOf(
    sampleAlert({ detector: 'price-deviation', key: `${weth}/${usdc}`, evidence: [swap, ...tokens, ...prices] }),
  )

describe('priceGapOf', () => {
  test('default: the price of the base by what was paid, against its tick', () => {
    const gap = gapOf(price(usdc, '100000000', 9_000), price(weth, '200000000000', 9_000))
    expect(gap).toMatchObject({ asset: weth, trade8: 220_000_000_000n, deviationBps: 1_000 })
  })

  test('behavior: the newest tick at or before the trade counts, else the first after', () => {
    const quote = price(usdc, '100000000', 9_000)
    const before = gapOf(quote, price(weth, '1', 1_000), price(weth, '200000000000', 10_000), price(weth, '2', 10_001))
    expect(before?.tick.time).toBe(10_000)
    expect(gapOf(quote, price(weth, '200000000000', 10_500), price(weth, '2', 11_000))?.tick.time).toBe(10_500)
  })

  test('behavior: nothing is drawn where a price is missing', () => {
    expect(gapOf(price(weth, '200000000000', 9_000))).toBeNull()
  })
})
