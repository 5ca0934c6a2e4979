import { parseAddress, parseHash, zeroAddress, type Address, type ChainEvent } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { poolsCreatedBy, vouchedPools, withPoolTokens, type PoolTable } from './pool-tokens.ts'

const address = (digits: string) => parseAddress(`0x${digits.repeat(20)}`)
const [low, high, other, pool, trader] = ['11', '22', '33', 'dd', 'ee'].map(address) as [
  Address,
  Address,
  Address,
  Address,
  Address,
]
let logIndex = 0
const transfer = (token: Address, from: Address, to: Address, value: bigint): ChainEvent => ({
  type: 'erc20-transfer',
  logIndex: logIndex++,
  address: token,
  from,
  to,
  value,
})
const swap = (in0: bigint, in1: bigint, out0: bigint, out1: bigint): ChainEvent => ({
  type: 'uniswap-v2-swap',
  logIndex: logIndex++,
  address: pool,
  token0: null,
  token1: null,
  sender: trader,
  to: trader,
  amount0In: in0,
  amount1In: in1,
  amount0Out: out0,
  amount1Out: out1,
})
const tokensOf = (events: readonly ChainEvent[], pools: PoolTable = new Map()) =>
  withPoolTokens(events, pools).flatMap((event) =>
    event.type === 'uniswap-v2-swap' ? [[event.token0, event.token1]] : [],
  )

describe('withPoolTokens', () => {
  test('default: by the transfers that match the amounts exactly', () => {
    expect(tokensOf([transfer(low, trader, pool, 5n), transfer(high, pool, trader, 7n), swap(5n, 0n, 0n, 7n)])).toEqual(
      [[low, high]],
    )
  })

  test('behavior: several transfers may make up one amount', () => {
    const parts = [transfer(low, trader, pool, 2n), transfer(low, other, pool, 3n), transfer(high, pool, trader, 7n)]
    expect(tokensOf([...parts, swap(5n, 0n, 0n, 7n)])).toEqual([[low, high]])
  })

  test('behavior: a fee-on-transfer token is the only other one that moved', () => {
    const moves = [transfer(low, trader, pool, 6n), transfer(high, pool, trader, 7n)]
    expect(tokensOf([...moves, swap(5n, 0n, 0n, 7n)])).toEqual([[low, high]])
    expect(tokensOf([...moves, transfer(other, trader, pool, 9n), swap(5n, 0n, 0n, 7n)])).toEqual([[null, high]])
  })

  test('behavior: the order of addresses decides between candidates, and refuses what cannot be', () => {
    const equal = [transfer(low, trader, pool, 5n), transfer(other, trader, pool, 5n), transfer(high, pool, trader, 7n)]
    expect(tokensOf([...equal, swap(5n, 0n, 0n, 7n)])).toEqual([[low, high]])
    expect(tokensOf([transfer(high, trader, pool, 5n), transfer(low, pool, trader, 7n), swap(5n, 0n, 0n, 7n)])).toEqual(
      [[null, null]],
    )
  })

  test('behavior: what was proven of the pool counts before any transfer; what a stranger said only fills gaps', () => {
    const events = [transfer(low, trader, pool, 5n), swap(5n, 0n, 0n, 7n)]
    expect(tokensOf(events, new Map([[pool, { token0: high, token1: other, proven: true }]]))).toEqual([[high, other]])
    expect(tokensOf(events, new Map([[pool, { token0: high, token1: other, proven: false }]]))).toEqual([[low, other]])
  })
})

describe('withPoolTokens of Uniswap v4', () => {
  const usdc = parseAddress('0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48')
  // Mainnet's pool of ETH and USDC with a fee of 0.05 %.
  const poolId = parseHash('0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27')
  const at = { logIndex: 0, address: pool, poolId, sender: trader }
  const amounts = { amount0: -5n, amount1: 7n, sqrtPriceX96: 1n, liquidity: 1n, tick: 0, fee: 500 }
  const v4Swap: ChainEvent = { type: 'uniswap-v4-swap', ...at, token0: null, token1: null, ...amounts }
  const key = { token0: zeroAddress, token1: usdc, fee: 500, tickSpacing: 10, hooks: zeroAddress }
  const initialize = { type: 'uniswap-v4-initialize', ...at, ...key, sqrtPriceX96: 1n, tick: 0 } as const

  test('default: its Initialize names them, in this transaction or before', () => {
    const named = { ...v4Swap, token0: zeroAddress, token1: usdc }
    expect(withPoolTokens([initialize, v4Swap], new Map())).toEqual([initialize, named])
    const known = new Map([[poolId, { token0: zeroAddress, token1: usdc, proven: true }]])
    expect(withPoolTokens([v4Swap], known)).toEqual([named])
    expect(withPoolTokens([v4Swap], new Map())).toEqual([v4Swap])
  })

  test('behavior: tokens that do not make the id are no stranger’s to tell', () => {
    for (const lie of [{ token1: other }, { fee: 501 }, { tickSpacing: -10 }, { hooks: trader }])
      expect(poolsCreatedBy([{ ...initialize, ...lie }]).size).toBe(0)
    expect(poolsCreatedBy([initialize]).get(poolId)).toEqual({ token0: zeroAddress, token1: usdc, factory: null })
  })
})

describe('withPoolTokens of Curve', () => {
  const exchange = (soldId: number, amountSold: bigint, boughtId: number, amountBought: bigint): ChainEvent => ({
    ...{ type: 'curve-exchange', logIndex: logIndex++, address: pool, buyer: trader, underlying: false },
    ...{ soldId, amountSold, boughtId, amountBought, tokenIn: null, tokenOut: null },
  })
  const coinsIn = (events: readonly ChainEvent[]) =>
    withPoolTokens(events, new Map()).flatMap((event) =>
      event.type === 'curve-exchange' ? [[event.tokenIn, event.tokenOut]] : [],
    )

  test('default: the tokens that moved by exactly what the log tells', () => {
    const moves = [transfer(high, trader, pool, 100n), transfer(low, pool, trader, 99n)]
    expect(coinsIn([...moves, exchange(1, 100n, 0, 99n)])).toEqual([[high, low]])
    expect(coinsIn([exchange(1, 100n, 0, 99n)])).toEqual([[null, null]]) // the native coin, or a fee on the transfer
  })

  test('behavior: another token of the same amount leaves it open, unless a second exchange of that coin tells', () => {
    const moves = [transfer(high, trader, pool, 100n), transfer(other, trader, pool, 100n)]
    const out = transfer(low, pool, trader, 99n)
    expect(coinsIn([...moves, out, exchange(1, 100n, 0, 99n)])).toEqual([[null, low]])
    const more = [transfer(high, trader, pool, 50n), transfer(low, pool, trader, 49n), exchange(1, 50n, 0, 49n)]
    expect(coinsIn([...moves, out, exchange(1, 100n, 0, 99n), ...more])).toEqual([
      [high, low],
      [high, low],
    ])
  })
})

describe('vouchedPools', () => {
  const created: ChainEvent = {
    ...{ type: 'uniswap-v2-pair-created', logIndex: 0, address: other, token0: low, token1: high },
    ...{ pair: pool, stable: false },
  }
  const trade = swap(1n, 0n, 0n, 1n)

  test('default: a pool that a listed factory made, in this transaction or before', () => {
    const vouched = [{ address: pool, factory: other }]
    expect(vouchedPools([created, trade, trade], new Map(), new Set([other]))).toEqual(vouched)
    const known = new Map([[pool, { token0: low, token1: high, proven: true, factory: other }]])
    expect(vouchedPools([trade], known, new Set([other]))).toEqual(vouched)
  })

  test('behavior: of a factory that anyone may have deployed, and of what a pool says of itself, nothing follows', () => {
    expect(vouchedPools([created, trade], new Map(), new Set())).toEqual([])
    const known = new Map([[pool, { token0: low, token1: high, proven: true }]])
    expect(vouchedPools([trade], known, new Set([other]))).toEqual([])
    expect(vouchedPools([created], new Map(), new Set([other]))).toEqual([]) // no event of the pool
  })
})
