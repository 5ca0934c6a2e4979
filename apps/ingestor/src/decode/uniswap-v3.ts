import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'
import { tokensOfPath } from './v3-path.ts'

/** A pool's tokens as its own logs tell them: not at all. `pool-tokens.ts` fills them in. */
const unnamed = { token0: null, token1: null }

const swap = (read: AbiReader) => ({
  ...unnamed,
  sender: read.topicAddress(1),
  recipient: read.topicAddress(2),
  amount0: read.int(0),
  amount1: read.int(1),
  sqrtPriceX96: read.uint(2),
  liquidity: read.uint(3),
  tick: read.int24(4),
})
const range = (read: AbiReader) => ({
  owner: read.topicAddress(1),
  tickLower: read.topicInt24(2),
  tickUpper: read.topicInt24(3),
})

/** An ExactInputSingleParams or ExactOutputSingleParams: router 2 has no deadline, in the word 4. */
function single(read: AbiReader, exact: 'in' | 'out', hasDeadline: boolean) {
  const amounts = hasDeadline ? 5 : 4
  read.number(2, 2 ** 24 - 1) // the fee
  read.uint(amounts + 2, 160) // a limit of the price
  const [assetIn, assetOut] = [read.address(0), read.address(1)]
  return {
    protocol: 'uniswap-v3' as const,
    exact,
    assetIn,
    assetOut,
    path: [assetIn, assetOut],
    amountIn: read.uint(exact === 'in' ? amounts : amounts + 1),
    amountOut: read.uint(exact === 'in' ? amounts + 1 : amounts),
    recipient: read.address(3),
    deadline: hasDeadline ? read.deadline(4) : null,
  }
}

/** An ExactInputParams or ExactOutputParams: path, recipient, deadline if it has one, and the two amounts. */
function multiHop(read: AbiReader, exact: 'in' | 'out', hasDeadline: boolean) {
  const start = read.start(0)
  const amounts = start + (hasDeadline ? 3 : 2)
  const tokens = tokensOfPath(read.bytes(start, start))
  const path = exact === 'in' ? tokens : tokens.toReversed()
  const [assetIn, assetOut] = [path.at(0), path.at(-1)]
  if (assetIn === undefined || assetOut === undefined) read.refuse()
  return {
    protocol: 'uniswap-v3' as const,
    exact,
    assetIn: assetIn ?? ('native' as const),
    assetOut: assetOut ?? ('native' as const),
    path,
    amountIn: read.uint(exact === 'in' ? amounts : amounts + 1),
    amountOut: read.uint(exact === 'in' ? amounts + 1 : amounts),
    recipient: read.address(start + 1),
    deadline: hasDeadline ? read.deadline(start + 2) : null,
  }
}

const singleParams = '(address,address,uint24,address,uint256,uint256,uint256,uint160)'
const singleParams2 = '(address,address,uint24,address,uint256,uint256,uint160)'

/** Uniswap v3 and the forks that kept its signatures. Source: v3-core, v3-periphery, swap-router-contracts. */
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
  calls: [
    call('pool-swap', 'swap(address,bool,int256,uint160,bytes)', (read) => {
      read.bytes(4) // for the callback
      return {
        recipient: read.address(0),
        zeroForOne: read.bool(1),
        amountSpecified: read.int(2),
        sqrtPriceLimitX96: read.uint(3, 160),
      }
    }),
    call('router-swap', `exactInputSingle(${singleParams})`, (read) => single(read, 'in', true)),
    call('router-swap', `exactInputSingle(${singleParams2})`, (read) => single(read, 'in', false)),
    call('router-swap', `exactOutputSingle(${singleParams})`, (read) => single(read, 'out', true)),
    call('router-swap', `exactOutputSingle(${singleParams2})`, (read) => single(read, 'out', false)),
    call('router-swap', 'exactInput((bytes,address,uint256,uint256,uint256))', (read) => multiHop(read, 'in', true)),
    call('router-swap', 'exactInput((bytes,address,uint256,uint256))', (read) => multiHop(read, 'in', false)),
    call('router-swap', 'exactOutput((bytes,address,uint256,uint256,uint256))', (read) => multiHop(read, 'out', true)),
    call('router-swap', 'exactOutput((bytes,address,uint256,uint256))', (read) => multiHop(read, 'out', false)),
    call(
      'position-mint',
      'mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))',
      (read) => {
        read.uint(7) // the least of each
        read.uint(8)
        return {
          token0: read.address(0),
          token1: read.address(1),
          fee: read.number(2, 2 ** 24 - 1),
          tickLower: read.int24(3),
          tickUpper: read.int24(4),
          amount0: read.uint(5),
          amount1: read.uint(6),
          recipient: read.address(9),
          deadline: read.deadline(10),
        }
      },
    ),
    call('position-increase', 'increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))', (read) => {
      read.uint(3)
      read.uint(4)
      return { tokenId: read.uint(0), amount0: read.uint(1), amount1: read.uint(2), deadline: read.deadline(5) }
    }),
    call('position-decrease', 'decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))', (read) => {
      read.uint(2)
      read.uint(3)
      return { tokenId: read.uint(0), liquidity: read.uint(1, 128), deadline: read.deadline(4) }
    }),
    call('position-collect', 'collect((uint256,address,uint128,uint128))', (read) => {
      read.uint(2, 128) // at most
      read.uint(3, 128)
      return { tokenId: read.uint(0), recipient: read.address(1) }
    }),
  ],
}
