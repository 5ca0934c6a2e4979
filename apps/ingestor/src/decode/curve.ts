import type { AbiReader } from './abi-reader.ts'
import { call, event, type EventDecoder, type Protocol } from './protocol.ts'

/** Pools number few coins; a higher number is none of Curve's. */
const maxCoins = 8

const exchange = (underlying: boolean) => (read: AbiReader) => ({
  buyer: read.topicAddress(1),
  soldId: read.number(0, maxCoins - 1),
  amountSold: read.uint(1),
  boughtId: read.number(2, maxCoins - 1),
  amountBought: read.uint(3),
  underlying,
  tokenIn: null,
  tokenOut: null,
})

const exchangeCall = (underlying: boolean) => (read: AbiReader) => ({
  soldId: read.number(0, maxCoins - 1),
  boughtId: read.number(1, maxCoins - 1),
  amountSold: read.uint(2),
  amountBought: read.uint(3),
  underlying,
})

const amounts = (read: AbiReader, coins: number) => Array.from({ length: coins }, (_, coin) => read.uint(coin))

/** Amounts stand in arrays of fixed length, so each number of coins has signatures of its own. */
const liquidity = (coins: number): readonly EventDecoder[] => {
  const list = `uint256[${coins}]`
  return [
    event(
      'curve-add-liquidity',
      `AddLiquidity(address,${list},${list},uint256,uint256)`,
      { topics: 2, words: 2 * coins + 2 },
      (read) => ({
        provider: read.topicAddress(1),
        amounts: amounts(read, coins),
        tokenSupply: read.uint(2 * coins + 1),
      }),
    ),
    event(
      'curve-remove-liquidity',
      `RemoveLiquidity(address,${list},${list},uint256)`,
      { topics: 2, words: 2 * coins + 1 },
      (read) => ({ provider: read.topicAddress(1), amounts: amounts(read, coins), tokenSupply: read.uint(2 * coins) }),
    ),
    event(
      'curve-remove-liquidity',
      `RemoveLiquidityImbalance(address,${list},${list},uint256,uint256)`,
      { topics: 2, words: 2 * coins + 2 },
      (read) => ({
        provider: read.topicAddress(1),
        amounts: amounts(read, coins),
        tokenSupply: read.uint(2 * coins + 1),
      }),
    ),
  ]
}

/** Curve's stable and crypto pools, of all ages. Source: curve-contract, curve-crypto-contract, twocrypto-ng. */
export const curve: Protocol = {
  name: 'Curve',
  events: [
    event(
      'curve-exchange',
      'TokenExchange(address,int128,uint256,int128,uint256)',
      { topics: 2, words: 4 },
      exchange(false),
    ),
    event(
      'curve-exchange',
      'TokenExchange(address,uint256,uint256,uint256,uint256)',
      { topics: 2, words: 4 },
      exchange(false),
    ),
    // Newer crypto pools add the fee and the price scale.
    event(
      'curve-exchange',
      'TokenExchange(address,uint256,uint256,uint256,uint256,uint256,uint256)',
      { topics: 2, words: 6 },
      exchange(false),
    ),
    event(
      'curve-exchange',
      'TokenExchangeUnderlying(address,int128,uint256,int128,uint256)',
      { topics: 2, words: 4 },
      exchange(true),
    ),
    ...[2, 3, 4].flatMap(liquidity),
    event(
      'curve-remove-liquidity-one',
      'RemoveLiquidityOne(address,uint256,uint256)',
      { topics: 2, words: 2 },
      (read) => ({ provider: read.topicAddress(1), tokenAmount: read.uint(0), coinAmount: read.uint(1) }),
    ),
    event(
      'curve-remove-liquidity-one',
      'RemoveLiquidityOne(address,uint256,uint256,uint256)',
      { topics: 2, words: 3 },
      (read) => ({ provider: read.topicAddress(1), tokenAmount: read.uint(0), coinAmount: read.uint(1) }),
    ),
  ],
  calls: [
    call('curve-exchange', 'exchange(int128,int128,uint256,uint256)', exchangeCall(false)),
    call('curve-exchange', 'exchange_underlying(int128,int128,uint256,uint256)', exchangeCall(true)),
  ],
}
