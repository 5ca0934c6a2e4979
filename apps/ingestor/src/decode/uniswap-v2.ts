import type { Asset } from '@tocsin/chain-model'
import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol, type SourceCall } from './protocol.ts'

/** A pool's tokens as its own logs tell them: not at all. `pool-tokens.ts` fills them in. */
const unnamed = { token0: null, token1: null }

interface Trade {
  readonly exact: 'in' | 'out'
  readonly amountIn: bigint
  readonly amountOut: bigint
  /** Which side is the native coin, for which its wrapped token stands in the path. */
  readonly native?: 'in' | 'out'
}

/** A trade whose path's offset stands in the word `at`, the recipient and, if there is one, the deadline behind it. */
function routed(read: AbiReader, at: number, { exact, amountIn, amountOut, native }: Trade, words: 2 | 3 = 3) {
  const path = read.addresses(at)
  const [first, last] = [path.at(0), path.at(-1)]
  if (first === undefined || last === undefined || path.length < 2) read.refuse()
  const assetIn: Asset = native === 'in' ? 'native' : (first ?? 'native')
  const assetOut: Asset = native === 'out' ? 'native' : (last ?? 'native')
  const [recipient, deadline] = [read.address(at + 1), words === 3 ? read.deadline(at + 2) : null]
  return { protocol: 'uniswap-v2' as const, exact, assetIn, assetOut, path, amountIn, amountOut, recipient, deadline }
}

/** With the amount of the first word in and that of the second out, or the other way round. */
const exactIn = (read: AbiReader) => ({ exact: 'in' as const, amountIn: read.uint(0), amountOut: read.uint(1) })
const exactOut = (read: AbiReader) => ({ exact: 'out' as const, amountIn: read.uint(1), amountOut: read.uint(0) })
/** The value sent is the amount that goes in, or at most goes in; the word tells the other. */
const coinIn = (read: AbiReader, { value }: SourceCall, exact: 'in' | 'out') => ({
  exact,
  amountIn: value,
  amountOut: read.uint(0),
  native: 'in' as const,
})

/** Two tokens, or one and the native coin, of which `removeLiquidity` and its kin take so much out. */
function removed(read: AbiReader, native: boolean, permitAt?: number) {
  if (permitAt !== undefined) {
    read.bool(permitAt)
    read.number(permitAt + 1, 255)
    read.hash(permitAt + 2)
    read.hash(permitAt + 3)
  }
  const assetB: Asset = native ? 'native' : read.address(1)
  const at = native ? 1 : 2
  return {
    assetA: read.address(0),
    assetB,
    liquidity: read.uint(at),
    amountA: read.uint(at + 1),
    amountB: read.uint(at + 2),
    recipient: read.address(at + 3),
    deadline: read.deadline(at + 4),
  }
}

/** Uniswap v2 and its forks (SushiSwap, PancakeSwap v2 …), which kept the signatures. Source: v2-core, v2-periphery. */
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
  calls: [
    ...['swapExactTokensForTokens', 'swapExactTokensForTokensSupportingFeeOnTransferTokens'].map((name) =>
      call('router-swap', `${name}(uint256,uint256,address[],address,uint256)`, (read) =>
        routed(read, 2, exactIn(read)),
      ),
    ),
    call('router-swap', 'swapTokensForExactTokens(uint256,uint256,address[],address,uint256)', (read) =>
      routed(read, 2, exactOut(read)),
    ),
    ...['swapExactETHForTokens', 'swapExactETHForTokensSupportingFeeOnTransferTokens'].map((name) =>
      call('router-swap', `${name}(uint256,address[],address,uint256)`, (read, made) =>
        routed(read, 1, coinIn(read, made, 'in')),
      ),
    ),
    call('router-swap', 'swapETHForExactTokens(uint256,address[],address,uint256)', (read, made) =>
      routed(read, 1, coinIn(read, made, 'out')),
    ),
    ...['swapExactTokensForETH', 'swapExactTokensForETHSupportingFeeOnTransferTokens'].map((name) =>
      call('router-swap', `${name}(uint256,uint256,address[],address,uint256)`, (read) =>
        routed(read, 2, { ...exactIn(read), native: 'out' }),
      ),
    ),
    call('router-swap', 'swapTokensForExactETH(uint256,uint256,address[],address,uint256)', (read) =>
      routed(read, 2, { ...exactOut(read), native: 'out' }),
    ),
    // Router 2, where `multicall` has the deadline.
    call('router-swap', 'swapExactTokensForTokens(uint256,uint256,address[],address)', (read) =>
      routed(read, 2, exactIn(read), 2),
    ),
    call('router-swap', 'swapTokensForExactTokens(uint256,uint256,address[],address)', (read) =>
      routed(read, 2, exactOut(read), 2),
    ),
    call(
      'router-add-liquidity',
      'addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)',
      (read) => {
        read.uint(4) // the least of each
        read.uint(5)
        return {
          assetA: read.address(0),
          assetB: read.address(1),
          amountA: read.uint(2),
          amountB: read.uint(3),
          recipient: read.address(6),
          deadline: read.deadline(7),
        }
      },
    ),
    call('router-add-liquidity', 'addLiquidityETH(address,uint256,uint256,uint256,address,uint256)', (read, made) => {
      read.uint(2)
      read.uint(3)
      return {
        assetA: read.address(0),
        assetB: 'native' as const,
        amountA: read.uint(1),
        amountB: made.value,
        recipient: read.address(4),
        deadline: read.deadline(5),
      }
    }),
    call(
      'router-remove-liquidity',
      'removeLiquidity(address,address,uint256,uint256,uint256,address,uint256)',
      (read) => removed(read, false),
    ),
    call(
      'router-remove-liquidity',
      'removeLiquidityWithPermit(address,address,uint256,uint256,uint256,address,uint256,bool,uint8,bytes32,bytes32)',
      (read) => removed(read, false, 7),
    ),
    ...['removeLiquidityETH', 'removeLiquidityETHSupportingFeeOnTransferTokens'].map((name) =>
      call('router-remove-liquidity', `${name}(address,uint256,uint256,uint256,address,uint256)`, (read) =>
        removed(read, true),
      ),
    ),
    ...['removeLiquidityETHWithPermit', 'removeLiquidityETHWithPermitSupportingFeeOnTransferTokens'].map((name) =>
      call(
        'router-remove-liquidity',
        `${name}(address,uint256,uint256,uint256,address,uint256,bool,uint8,bytes32,bytes32)`,
        (read) => removed(read, true, 6),
      ),
    ),
    call('pair-swap', 'swap(uint256,uint256,address,bytes)', (read) => ({
      amount0Out: read.uint(0),
      amount1Out: read.uint(1),
      to: read.address(2),
      flash: read.bytes(3) !== '0x',
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
