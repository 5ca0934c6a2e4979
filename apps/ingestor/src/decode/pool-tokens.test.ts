import { parseAddress, type Address, type ChainEvent } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { withPoolTokens, type PoolTable } from './pool-tokens.ts'

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
