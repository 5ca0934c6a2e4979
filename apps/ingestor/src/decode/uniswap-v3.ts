import type { LogReader } from './log-reader.ts'
import { event, type Protocol } from './protocol.ts'

/** A pool's tokens as its own logs tell them: not at all. `pool-tokens.ts` fills them in. */
const unnamed = { token0: null, token1: null }

const swap = (read: LogReader) => ({
  ...unnamed,
  sender: read.topicAddress(1),
  recipient: read.topicAddress(2),
  amount0: read.int(0),
  amount1: read.int(1),
  sqrtPriceX96: read.uint(2),
  liquidity: read.uint(3),
  tick: read.int24(4),
})
const range = (read: LogReader) => ({
  owner: read.topicAddress(1),
  tickLower: read.topicInt24(2),
  tickUpper: read.topicInt24(3),
})

/** Uniswap v3 and the forks that kept its signatures. Source: v3-core, IUniswapV3PoolEvents. */
export const uniswapV3: Protocol = {
  name: 'Uniswap v3',
  events: [
    event(
      'uniswap-v3-pool-created',
      'PoolCreated(address,address,uint24,int24,address)',
      { topics: 4, words: 2 },
      (read) => ({
        token0: read.topicAddress(1),
        token1: read.topicAddress(2),
        fee: read.topicNumber(3, 2 ** 24 - 1),
        tickSpacing: read.int24(0),
        pool: read.address(1),
      }),
    ),
    event(
      'uniswap-v3-swap',
      'Swap(address,address,int256,int256,uint160,uint128,int24)',
      { topics: 3, words: 5 },
      swap,
    ),
    // PancakeSwap v3 adds the protocol's fees, which are left out.
    event(
      'uniswap-v3-swap',
      'Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)',
      { topics: 3, words: 7 },
      swap,
    ),
    event(
      'uniswap-v3-mint',
      'Mint(address,address,int24,int24,uint128,uint256,uint256)',
      { topics: 4, words: 4 },
      (read) => ({
        ...unnamed,
        ...range(read),
        sender: read.address(0),
        liquidity: read.uint(1),
        amount0: read.uint(2),
        amount1: read.uint(3),
      }),
    ),
    event('uniswap-v3-burn', 'Burn(address,int24,int24,uint128,uint256,uint256)', { topics: 4, words: 3 }, (read) => ({
      ...unnamed,
      ...range(read),
      liquidity: read.uint(0),
      amount0: read.uint(1),
      amount1: read.uint(2),
    })),
    event(
      'uniswap-v3-collect',
      'Collect(address,address,int24,int24,uint128,uint128)',
      { topics: 4, words: 3 },
      (read) => ({
        ...unnamed,
        ...range(read),
        recipient: read.address(0),
        amount0: read.uint(1),
        amount1: read.uint(2),
      }),
    ),
    event(
      'uniswap-v3-flash',
      'Flash(address,address,uint256,uint256,uint256,uint256)',
      { topics: 3, words: 4 },
      (read) => ({
        ...unnamed,
        sender: read.topicAddress(1),
        recipient: read.topicAddress(2),
        amount0: read.uint(0),
        amount1: read.uint(1),
        paid0: read.uint(2),
        paid1: read.uint(3),
      }),
    ),
  ],
}
