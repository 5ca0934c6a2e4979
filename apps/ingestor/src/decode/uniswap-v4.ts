import type { ChainEventOf, Hash } from '@tocsin/chain-model'
import { keccak } from '../verify/keccak.ts'
import { call, event, type Protocol } from './protocol.ts'

/** A pool's tokens as its own logs tell them: not at all. Only its Initialize names them. */
const unnamed = { token0: null, token1: null }

/** Uniswap v4: every pool lives in one PoolManager, by its id. Source: v4-core, IPoolManager. */
export const uniswapV4: Protocol = {
  name: 'Uniswap v4',
  events: [
    event(
      'uniswap-v4-initialize',
      'Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)',
      { topics: 4, words: 5 },
      (read) => ({
        poolId: read.topicHash(1),
        token0: read.topicAddress(2),
        token1: read.topicAddress(3),
        fee: read.number(0, 2 ** 24 - 1),
        tickSpacing: read.int24(1),
        hooks: read.address(2),
        sqrtPriceX96: read.uint(3),
        tick: read.int24(4),
      }),
    ),
    event(
      'uniswap-v4-swap',
      'Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)',
      { topics: 3, words: 6 },
      (read) => ({
        poolId: read.topicHash(1),
        ...unnamed,
        sender: read.topicAddress(2),
        amount0: read.int(0),
        amount1: read.int(1),
        sqrtPriceX96: read.uint(2),
        liquidity: read.uint(3),
        tick: read.int24(4),
        fee: read.number(5, 2 ** 24 - 1),
      }),
    ),
    event(
      'uniswap-v4-modify-liquidity',
      'ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)',
      { topics: 3, words: 4 },
      (read) => ({
        poolId: read.topicHash(1),
        ...unnamed,
        sender: read.topicAddress(2),
        tickLower: read.int24(0),
        tickUpper: read.int24(1),
        liquidityDelta: read.int(2),
      }),
    ),
  ],
  calls: [
    call('pool-manager-unlock', 'unlock(bytes)', (read) => {
      read.bytes(0) // for the caller's own callback
      return {}
    }),
  ],
}

/**
 * The id that a pool of these tokens, fee, spacing and hooks has: so whoever tells them with the id proves them, wherever
 * the event came from. Source: v4-core, PoolId: Keccak-256 of the ABI-encoded PoolKey.
 */
export function poolIdOf({
  token0,
  token1,
  fee,
  tickSpacing,
  hooks,
}: Pick<ChainEventOf<'uniswap-v4-initialize'>, 'token0' | 'token1' | 'fee' | 'tickSpacing' | 'hooks'>): Hash {
  const words = [BigInt(token0), BigInt(token1), BigInt(fee), BigInt.asUintN(256, BigInt(tickSpacing)), BigInt(hooks)]
  return keccak(Buffer.from(words.map((word) => word.toString(16).padStart(64, '0')).join(''), 'hex'))
}
