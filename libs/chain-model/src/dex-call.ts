import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema, signedAmountSchema } from './amount.ts'
import { callSchema } from './call-schema.ts'
import { hexSchema } from './hash.ts'
import { assetSchema } from './price.ts'

/** ms; null: none, or later than any date. */
const deadlineSchema = z.int().nonnegative().nullable()

/**
 * A swap as it was asked for. `exact` `in`: `amountIn` goes in, for at least `amountOut`; `out`: `amountOut` comes out,
 * for at most `amountIn`. `path`: the tokens, from first to last, in the order of the trade.
 */
const swap = {
  protocol: z.enum(['uniswap-v2', 'uniswap-v3']),
  exact: z.enum(['in', 'out']),
  assetIn: assetSchema,
  assetOut: assetSchema,
  path: z.array(addressSchema),
  amountIn: amountSchema,
  amountOut: amountSchema,
  recipient: addressSchema,
}
/** A swap by a router of Uniswap v2 or v3, or of a fork that kept the signatures. */
export const routerSwapCallSchema = callSchema('router-swap', { ...swap, deadline: deadlineSchema })
/**
 * Uniswap's Universal Router: a program of `commands`, a byte each. Its swaps by v2 and v3 and its Permit2 permits (the
 * caller's) are told; v4 and markets of NFTs are not. Recipient 1 in it is the caller, 2 the router: here by address.
 */
export const universalRouterCallSchema = callSchema('universal-router-execute', {
  commands: hexSchema,
  deadline: deadlineSchema,
  swaps: z.array(z.object(swap)),
  permits: z.array(
    z.object({ token: addressSchema, spender: addressSchema, amount: amountSchema, expiration: deadlineSchema }),
  ),
})
/** A router of Uniswap v2: the amounts wanted; less may go in. */
export const routerAddLiquidityCallSchema = callSchema('router-add-liquidity', {
  assetA: assetSchema,
  assetB: assetSchema,
  amountA: amountSchema,
  amountB: amountSchema,
  recipient: addressSchema,
  deadline: deadlineSchema,
})
/** `liquidity` in units of the pool's own token; the amounts are the least that is taken. */
export const routerRemoveLiquidityCallSchema = callSchema('router-remove-liquidity', {
  assetA: assetSchema,
  assetB: assetSchema,
  liquidity: amountSchema,
  amountA: amountSchema,
  amountB: amountSchema,
  recipient: addressSchema,
  deadline: deadlineSchema,
})
/** Positions of Uniswap v3's NonfungiblePositionManager. */
export const positionMintCallSchema = callSchema('position-mint', {
  token0: addressSchema,
  token1: addressSchema,
  fee: z.int(),
  tickLower: z.int(),
  tickUpper: z.int(),
  amount0: amountSchema,
  amount1: amountSchema,
  recipient: addressSchema,
  deadline: deadlineSchema,
})
export const positionIncreaseCallSchema = callSchema('position-increase', {
  tokenId: amountSchema,
  amount0: amountSchema,
  amount1: amountSchema,
  deadline: deadlineSchema,
})
export const positionDecreaseCallSchema = callSchema('position-decrease', {
  tokenId: amountSchema,
  liquidity: amountSchema,
  deadline: deadlineSchema,
})
export const positionCollectCallSchema = callSchema('position-collect', {
  tokenId: amountSchema,
  recipient: addressSchema,
})
/** A pair of Uniswap v2 itself: `flash` where the receiver is called before it pays. */
export const pairSwapCallSchema = callSchema('pair-swap', {
  amount0Out: amountSchema,
  amount1Out: amountSchema,
  to: addressSchema,
  flash: z.boolean(),
})
/** A pool of Uniswap v3 itself: it calls its caller back to be paid. */
export const poolSwapCallSchema = callSchema('pool-swap', {
  recipient: addressSchema,
  /** token0 goes in. */
  zeroForOne: z.boolean(),
  /** Positive: exactly this goes in; negative: exactly so much comes out. */
  amountSpecified: signedAmountSchema,
  sqrtPriceLimitX96: amountSchema,
})
/** A pool of Curve's: its coins by number, or what they are made of (`underlying`). */
export const curveExchangeCallSchema = callSchema('curve-exchange', {
  soldId: z.int().nonnegative(),
  boughtId: z.int().nonnegative(),
  amountSold: amountSchema,
  /** At least. */
  amountBought: amountSchema,
  underlying: z.boolean(),
})
/** A pool of Balancer v1 itself. The amount that is not `exact` is a limit. */
export const balancerPoolSwapCallSchema = callSchema('balancer-pool-swap', {
  exact: z.enum(['in', 'out']),
  tokenIn: addressSchema,
  tokenOut: addressSchema,
  amountIn: amountSchema,
  amountOut: amountSchema,
})
/**
 * 0x v4: a signed order is filled, in part or whole. The maker gives `makerToken` and gets `takerToken`; amounts are the
 * order's, and at most `fillAmount` of the taker's token goes to it.
 */
export const orderFillCallSchema = callSchema('order-fill', {
  order: z.enum(['limit', 'rfq']),
  makerToken: addressSchema,
  takerToken: addressSchema,
  makerAmount: amountSchema,
  takerAmount: amountSchema,
  maker: addressSchema,
  fillAmount: amountSchema,
  /** Who gets the maker's token. */
  recipient: addressSchema,
})
/** Uniswap v4's PoolManager: all that is done in the caller's callback settles at its end, loans too. */
export const poolManagerUnlockCallSchema = callSchema('pool-manager-unlock', {})

export const dexCallSchemas = [
  routerSwapCallSchema,
  universalRouterCallSchema,
  routerAddLiquidityCallSchema,
  routerRemoveLiquidityCallSchema,
  positionMintCallSchema,
  positionIncreaseCallSchema,
  positionDecreaseCallSchema,
  positionCollectCallSchema,
  pairSwapCallSchema,
  poolSwapCallSchema,
  curveExchangeCallSchema,
  balancerPoolSwapCallSchema,
  orderFillCallSchema,
  poolManagerUnlockCallSchema,
] as const
