import type { Address, ChainEvent } from '@tocsin/chain-model'
import { placeOf, type Place, type PricedTransaction } from './priced-transaction.ts'
import { tokenOf, type Token } from './transfer.ts'

/** One exchange with one pool, in the direction of the trade. Amounts are the pool's: the fee is in them. */
export interface SwapLeg extends Place {
  readonly type: 'swap'
  readonly ordinal: string
  readonly logIndex: number
  readonly pool: Address
  readonly tokenIn: Address
  readonly amountIn: bigint
  readonly tokenOut: Address
  readonly amountOut: bigint
  readonly tokens: { readonly in: Token; readonly out: Token }
}

/** The swaps of the transaction whose two tokens are known. */
export function swapLegsOf({ transaction }: Pick<PricedTransaction, 'transaction'>): readonly SwapLeg[] {
  if (transaction.status === 'failed') return []
  const place = placeOf(transaction)
  return transaction.events.flatMap((event, position): readonly SwapLeg[] => {
    const pair = poolDeltas(event)
    if (pair === null || pair.token0 === null || pair.token1 === null) return []
    const { token0, token1, delta0, delta1 } = pair
    // Both into the pool, or nothing out of it, is a donation or a flash loan's fee, not a trade.
    if (!(delta0 > 0n && delta1 < 0n) && !(delta0 < 0n && delta1 > 0n)) return []
    const [tokenIn, amountIn, tokenOut, amountOut] =
      delta0 > 0n ? ([token0, delta0, token1, -delta1] as const) : ([token1, delta1, token0, -delta0] as const)
    const tokens = { in: tokenOf(transaction, tokenIn), out: tokenOf(transaction, tokenOut) }
    const { address: pool, logIndex } = event
    return [
      {
        type: 'swap',
        ...place,
        ordinal: `${position}`,
        logIndex,
        pool,
        tokenIn,
        amountIn,
        tokenOut,
        amountOut,
        tokens,
      },
    ]
  })
}

/** What the pool gained (positive) and gave (negative) of its tokens. */
function poolDeltas(event: ChainEvent) {
  if (event.type === 'uniswap-v2-swap') {
    const { token0, token1 } = event
    return { token0, token1, delta0: event.amount0In - event.amount0Out, delta1: event.amount1In - event.amount1Out }
  }
  if (event.type === 'uniswap-v3-swap') {
    const { token0, token1, amount0, amount1 } = event
    return { token0, token1, delta0: amount0, delta1: amount1 }
  }
  return null
}
