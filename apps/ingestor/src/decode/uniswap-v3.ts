import { emitted, type Protocol } from './protocol.ts'

/** A pool's tokens as its own logs tell them: not at all. `pool-tokens.ts` fills them in. */
const unnamed = { token0: null, token1: null }

/** Uniswap v3 and the forks that kept its signatures. Source: v3-core, IUniswapV3PoolEvents. */
export const uniswapV3: Protocol = {
  name: 'Uniswap v3',
  events: [
    {
      signature: 'PoolCreated(address,address,uint24,int24,address)',
      topics: 4,
      words: 2,
      decode: (read, log) => ({
        type: 'uniswap-v3-pool-created',
        ...emitted(log),
        token0: read.topicAddress(1),
        token1: read.topicAddress(2),
        fee: read.topicNumber(3, 2 ** 24 - 1),
        tickSpacing: read.int24(0),
        pool: read.address(1),
      }),
    },
    {
      signature: 'Swap(address,address,int256,int256,uint160,uint128,int24)',
      topics: 3,
      words: 5,
      decode: (read, log) => ({
        type: 'uniswap-v3-swap',
        ...emitted(log),
        ...unnamed,
        sender: read.topicAddress(1),
        recipient: read.topicAddress(2),
        amount0: read.int(0),
        amount1: read.int(1),
        sqrtPriceX96: read.uint(2),
        liquidity: read.uint(3),
        tick: read.int24(4),
      }),
    },
    {
      signature: 'Mint(address,address,int24,int24,uint128,uint256,uint256)',
      topics: 4,
      words: 4,
      decode: (read, log) => ({
        type: 'uniswap-v3-mint',
        ...emitted(log),
        ...unnamed,
        owner: read.topicAddress(1),
        tickLower: read.topicInt24(2),
        tickUpper: read.topicInt24(3),
        sender: read.address(0),
        liquidity: read.uint(1),
        amount0: read.uint(2),
        amount1: read.uint(3),
      }),
    },
    {
      signature: 'Burn(address,int24,int24,uint128,uint256,uint256)',
      topics: 4,
      words: 3,
      decode: (read, log) => ({
        type: 'uniswap-v3-burn',
        ...emitted(log),
        ...unnamed,
        owner: read.topicAddress(1),
        tickLower: read.topicInt24(2),
        tickUpper: read.topicInt24(3),
        liquidity: read.uint(0),
        amount0: read.uint(1),
        amount1: read.uint(2),
      }),
    },
    {
      signature: 'Collect(address,address,int24,int24,uint128,uint128)',
      topics: 4,
      words: 3,
      decode: (read, log) => ({
        type: 'uniswap-v3-collect',
        ...emitted(log),
        ...unnamed,
        owner: read.topicAddress(1),
        tickLower: read.topicInt24(2),
        tickUpper: read.topicInt24(3),
        recipient: read.address(0),
        amount0: read.uint(1),
        amount1: read.uint(2),
      }),
    },
  ],
}
