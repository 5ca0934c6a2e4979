import { event, type Protocol } from './protocol.ts'

/** A pool's tokens as its own logs tell them: not at all. `pool-tokens.ts` fills them in. */
const unnamed = { token0: null, token1: null }

/** Uniswap v2 and its forks (SushiSwap, PancakeSwap v2 …), which kept the signatures. Source: v2-core. */
export const uniswapV2: Protocol = {
  name: 'Uniswap v2',
  events: [
    event(
      'uniswap-v2-pair-created',
      'PairCreated(address,address,address,uint256)',
      { topics: 3, words: 2 },
      (read) => ({
        token0: read.topicAddress(1),
        token1: read.topicAddress(2),
        pair: read.address(0),
        stable: false,
      }),
    ),
    event(
      'uniswap-v2-swap',
      'Swap(address,uint256,uint256,uint256,uint256,address)',
      { topics: 3, words: 4 },
      (read) => ({
        ...unnamed,
        sender: read.topicAddress(1),
        to: read.topicAddress(2),
        amount0In: read.uint(0),
        amount1In: read.uint(1),
        amount0Out: read.uint(2),
        amount1Out: read.uint(3),
      }),
    ),
    event('uniswap-v2-sync', 'Sync(uint112,uint112)', { topics: 1, words: 2 }, (read) => ({
      reserve0: read.uint(0),
      reserve1: read.uint(1),
    })),
    // Compound's Mint has the same first topic with nothing indexed: one topic, three words.
    event('uniswap-v2-mint', 'Mint(address,uint256,uint256)', { topics: 2, words: 2 }, (read) => ({
      ...unnamed,
      sender: read.topicAddress(1),
      amount0: read.uint(0),
      amount1: read.uint(1),
    })),
    event('uniswap-v2-burn', 'Burn(address,uint256,uint256,address)', { topics: 3, words: 2 }, (read) => ({
      ...unnamed,
      sender: read.topicAddress(1),
      to: read.topicAddress(2),
      amount0: read.uint(0),
      amount1: read.uint(1),
    })),
  ],
}

/**
 * Solidly's line (Velodrome, Aerodrome), which kept v2's Mint and, in its first version, v2's Swap. Source: Velodrome
 * IPool, IPoolFactory; Solidly BaseV1-core.
 */
export const solidly: Protocol = {
  name: 'Solidly',
  events: [
    event(
      'uniswap-v2-pair-created',
      'PairCreated(address,address,bool,address,uint256)',
      { topics: 3, words: 3 },
      (read) => ({
        token0: read.topicAddress(1),
        token1: read.topicAddress(2),
        stable: read.bool(0),
        pair: read.address(1),
      }),
    ),
    event(
      'uniswap-v2-pair-created',
      'PoolCreated(address,address,bool,address,uint256)',
      { topics: 4, words: 2 },
      (read) => ({
        token0: read.topicAddress(1),
        token1: read.topicAddress(2),
        stable: read.topicNumber(3, 1) === 1,
        pair: read.address(0),
      }),
    ),
    event(
      'uniswap-v2-swap',
      'Swap(address,address,uint256,uint256,uint256,uint256)',
      { topics: 3, words: 4 },
      (read) => ({
        ...unnamed,
        sender: read.topicAddress(1),
        to: read.topicAddress(2),
        amount0In: read.uint(0),
        amount1In: read.uint(1),
        amount0Out: read.uint(2),
        amount1Out: read.uint(3),
      }),
    ),
    event('uniswap-v2-sync', 'Sync(uint256,uint256)', { topics: 1, words: 2 }, (read) => ({
      reserve0: read.uint(0),
      reserve1: read.uint(1),
    })),
    event('uniswap-v2-burn', 'Burn(address,address,uint256,uint256)', { topics: 3, words: 2 }, (read) => ({
      ...unnamed,
      sender: read.topicAddress(1),
      to: read.topicAddress(2),
      amount0: read.uint(0),
      amount1: read.uint(1),
    })),
  ],
}
