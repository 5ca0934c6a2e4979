import { emitted, type Protocol } from './protocol.ts'

/** A pool's tokens as its own logs tell them: not at all. `pool-tokens.ts` fills them in. */
const unnamed = { token0: null, token1: null }

/** Uniswap v2 and its forks (SushiSwap, PancakeSwap v2 …), which kept the signatures. Source: v2-core. */
export const uniswapV2: Protocol = {
  name: 'Uniswap v2',
  events: [
    {
      signature: 'PairCreated(address,address,address,uint256)',
      topics: 3,
      words: 2,
      decode: (read, log) => ({
        type: 'uniswap-v2-pair-created',
        ...emitted(log),
        token0: read.topicAddress(1),
        token1: read.topicAddress(2),
        pair: read.address(0),
      }),
    },
    {
      signature: 'Swap(address,uint256,uint256,uint256,uint256,address)',
      topics: 3,
      words: 4,
      decode: (read, log) => ({
        type: 'uniswap-v2-swap',
        ...emitted(log),
        ...unnamed,
        sender: read.topicAddress(1),
        to: read.topicAddress(2),
        amount0In: read.uint(0),
        amount1In: read.uint(1),
        amount0Out: read.uint(2),
        amount1Out: read.uint(3),
      }),
    },
    {
      signature: 'Sync(uint112,uint112)',
      topics: 1,
      words: 2,
      decode: (read, log) => ({
        type: 'uniswap-v2-sync',
        ...emitted(log),
        reserve0: read.uint(0),
        reserve1: read.uint(1),
      }),
    },
    {
      // Compound's Mint has the same first topic with nothing indexed: one topic, three words.
      signature: 'Mint(address,uint256,uint256)',
      topics: 2,
      words: 2,
      decode: (read, log) => ({
        type: 'uniswap-v2-mint',
        ...emitted(log),
        ...unnamed,
        sender: read.topicAddress(1),
        amount0: read.uint(0),
        amount1: read.uint(1),
      }),
    },
    {
      signature: 'Burn(address,uint256,uint256,address)',
      topics: 3,
      words: 2,
      decode: (read, log) => ({
        type: 'uniswap-v2-burn',
        ...emitted(log),
        ...unnamed,
        sender: read.topicAddress(1),
        to: read.topicAddress(2),
        amount0: read.uint(0),
        amount1: read.uint(1),
      }),
    },
  ],
}
