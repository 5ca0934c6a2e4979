import type { AbiReader } from './abi-reader.ts'
import { call, event, type Protocol } from './protocol.ts'

const poolSwap = (exact: 'in' | 'out') => (read: AbiReader) => {
  read.uint(4) // the highest price
  return {
    exact,
    tokenIn: read.address(0),
    amountIn: read.uint(1),
    tokenOut: read.address(2),
    amountOut: read.uint(3),
  }
}

/** Balancer v1's pools and v2's vault. Source: balancer-core BPool, balancer-v2-monorepo IVault. */
export const balancer: Protocol = {
  name: 'Balancer',
  events: [
    event('balancer-v1-swap', 'LOG_SWAP(address,address,address,uint256,uint256)', { topics: 4, words: 2 }, (read) => ({
      caller: read.topicAddress(1),
      tokenIn: read.topicAddress(2),
      tokenOut: read.topicAddress(3),
      amountIn: read.uint(0),
      amountOut: read.uint(1),
    })),
    event('balancer-v1-liquidity', 'LOG_JOIN(address,address,uint256)', { topics: 3, words: 1 }, (read) => ({
      caller: read.topicAddress(1),
      token: read.topicAddress(2),
      amount: read.uint(0),
    })),
    event('balancer-v1-liquidity', 'LOG_EXIT(address,address,uint256)', { topics: 3, words: 1 }, (read) => ({
      caller: read.topicAddress(1),
      token: read.topicAddress(2),
      amount: -read.uint(0),
    })),
    event('balancer-v2-swap', 'Swap(bytes32,address,address,uint256,uint256)', { topics: 4, words: 2 }, (read) => ({
      poolId: read.topicHash(1),
      tokenIn: read.topicAddress(2),
      tokenOut: read.topicAddress(3),
      amountIn: read.uint(0),
      amountOut: read.uint(1),
    })),
    event(
      'balancer-v2-liquidity',
      'PoolBalanceChanged(bytes32,address,address[],int256[],uint256[])',
      { topics: 3, words: null },
      (read) => {
        const tokens = read.addresses(0)
        const deltas = read.list(1, (at) => read.int(at))
        if (tokens.length !== deltas.length) read.refuse()
        return {
          poolId: read.topicHash(1),
          provider: read.topicAddress(2),
          changes: tokens.map((token, at) => ({ token, delta: deltas[at] ?? 0n })),
        }
      },
    ),
  ],
  calls: [
    call('balancer-pool-swap', 'swapExactAmountIn(address,uint256,address,uint256,uint256)', poolSwap('in')),
    call('balancer-pool-swap', 'swapExactAmountOut(address,uint256,address,uint256,uint256)', poolSwap('out')),
  ],
}
