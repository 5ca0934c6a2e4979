import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema, signedAmountSchema } from './amount.ts'
import { eventSchema, poolTokens } from './event-schema.ts'
import { hashSchema } from './hash.ts'

/** A pool of Uniswap v2's kind was created. Its curve may be another: Solidly's `stable` pools. */
export const uniswapV2PairCreatedSchema = eventSchema('uniswap-v2-pair-created', {
  token0: addressSchema,
  token1: addressSchema,
  pair: addressSchema,
  stable: z.boolean(),
})
/** Uniswap v2's Swap and that of its forks and of Solidly's. */
export const uniswapV2SwapSchema = eventSchema('uniswap-v2-swap', {
  ...poolTokens,
  sender: addressSchema,
  to: addressSchema,
  amount0In: amountSchema,
  amount1In: amountSchema,
  amount0Out: amountSchema,
  amount1Out: amountSchema,
})
export const uniswapV2SyncSchema = eventSchema('uniswap-v2-sync', { reserve0: amountSchema, reserve1: amountSchema })
export const uniswapV2MintSchema = eventSchema('uniswap-v2-mint', {
  ...poolTokens,
  sender: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV2BurnSchema = eventSchema('uniswap-v2-burn', {
  ...poolTokens,
  sender: addressSchema,
  to: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV3PoolCreatedSchema = eventSchema('uniswap-v3-pool-created', {
  token0: addressSchema,
  token1: addressSchema,
  /** Hundredths of a basis point: 3000 is 0.3 %. */
  fee: z.int(),
  tickSpacing: z.int(),
  pool: addressSchema,
})
/** `amount0` and `amount1` are the pool's changes: positive came in, negative went out. PancakeSwap v3's too. */
export const uniswapV3SwapSchema = eventSchema('uniswap-v3-swap', {
  ...poolTokens,
  sender: addressSchema,
  recipient: addressSchema,
  amount0: signedAmountSchema,
  amount1: signedAmountSchema,
  sqrtPriceX96: amountSchema,
  liquidity: amountSchema,
  tick: z.int(),
})
const v3Range = { owner: addressSchema, tickLower: z.int(), tickUpper: z.int() }
export const uniswapV3MintSchema = eventSchema('uniswap-v3-mint', {
  ...poolTokens,
  ...v3Range,
  sender: addressSchema,
  liquidity: amountSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV3BurnSchema = eventSchema('uniswap-v3-burn', {
  ...poolTokens,
  ...v3Range,
  liquidity: amountSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV3CollectSchema = eventSchema('uniswap-v3-collect', {
  ...poolTokens,
  ...v3Range,
  recipient: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
/** A flash loan of a v3 pool: what was lent, and what was paid beyond it. */
export const uniswapV3FlashSchema = eventSchema('uniswap-v3-flash', {
  ...poolTokens,
  sender: addressSchema,
  recipient: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
  paid0: amountSchema,
  paid1: amountSchema,
})
/** A pool of the v4 PoolManager (`address`), known by `poolId`. The zero address as a currency is the native coin. */
export const uniswapV4InitializeSchema = eventSchema('uniswap-v4-initialize', {
  poolId: hashSchema,
  token0: addressSchema,
  token1: addressSchema,
  /** Hundredths of a basis point; 0x800000: the hook decides at each swap. */
  fee: z.int(),
  tickSpacing: z.int(),
  hooks: addressSchema,
  sqrtPriceX96: amountSchema,
  tick: z.int(),
})
/** `amount0` and `amount1` as the log has them, which are the *caller's* changes: negative went into the pool. */
export const uniswapV4SwapSchema = eventSchema('uniswap-v4-swap', {
  poolId: hashSchema,
  ...poolTokens,
  sender: addressSchema,
  amount0: signedAmountSchema,
  amount1: signedAmountSchema,
  sqrtPriceX96: amountSchema,
  liquidity: amountSchema,
  tick: z.int(),
  fee: z.int(),
})
export const uniswapV4ModifyLiquiditySchema = eventSchema('uniswap-v4-modify-liquidity', {
  poolId: hashSchema,
  ...poolTokens,
  sender: addressSchema,
  tickLower: z.int(),
  tickUpper: z.int(),
  liquidityDelta: signedAmountSchema,
})
/**
 * Curve's TokenExchange of all pools. Coins are numbered in the pool's order, or in that of its underlying coins;
 * `tokenIn` and `tokenOut` are null where transfers do not tell them.
 */
export const curveExchangeSchema = eventSchema('curve-exchange', {
  buyer: addressSchema,
  soldId: z.int().nonnegative(),
  amountSold: amountSchema,
  boughtId: z.int().nonnegative(),
  amountBought: amountSchema,
  underlying: z.boolean(),
  tokenIn: addressSchema.nullable(),
  tokenOut: addressSchema.nullable(),
})
/** Amounts by coin, in the pool's order. `tokenSupply` is what is then there of the pool's own token. */
export const curveAddLiquiditySchema = eventSchema('curve-add-liquidity', {
  provider: addressSchema,
  amounts: z.array(amountSchema),
  tokenSupply: amountSchema,
})
export const curveRemoveLiquiditySchema = eventSchema('curve-remove-liquidity', {
  provider: addressSchema,
  amounts: z.array(amountSchema),
  tokenSupply: amountSchema,
})
/** Liquidity taken out in one coin, which the log does not name. */
export const curveRemoveLiquidityOneSchema = eventSchema('curve-remove-liquidity-one', {
  provider: addressSchema,
  tokenAmount: amountSchema,
  coinAmount: amountSchema,
})
export const balancerV1SwapSchema = eventSchema('balancer-v1-swap', {
  caller: addressSchema,
  tokenIn: addressSchema,
  tokenOut: addressSchema,
  amountIn: amountSchema,
  amountOut: amountSchema,
})
/** Balancer v1's LOG_JOIN (positive) and LOG_EXIT (negative): one token of the pool came or went. */
export const balancerV1LiquiditySchema = eventSchema('balancer-v1-liquidity', {
  caller: addressSchema,
  token: addressSchema,
  amount: signedAmountSchema,
})
/** A swap in Balancer's vault (`address`): the pool is the first 20 bytes of `poolId`. */
export const balancerV2SwapSchema = eventSchema('balancer-v2-swap', {
  poolId: hashSchema,
  tokenIn: addressSchema,
  tokenOut: addressSchema,
  amountIn: amountSchema,
  amountOut: amountSchema,
})
/** Balancer v2's PoolBalanceChanged: by token what came (positive) or went (negative). */
export const balancerV2LiquiditySchema = eventSchema('balancer-v2-liquidity', {
  poolId: hashSchema,
  provider: addressSchema,
  changes: z.array(z.object({ token: addressSchema, delta: signedAmountSchema })),
})

export const dexEventSchemas = [
  uniswapV2PairCreatedSchema,
  uniswapV2SwapSchema,
  uniswapV2SyncSchema,
  uniswapV2MintSchema,
  uniswapV2BurnSchema,
  uniswapV3PoolCreatedSchema,
  uniswapV3SwapSchema,
  uniswapV3MintSchema,
  uniswapV3BurnSchema,
  uniswapV3CollectSchema,
  uniswapV3FlashSchema,
  uniswapV4InitializeSchema,
  uniswapV4SwapSchema,
  uniswapV4ModifyLiquiditySchema,
  curveExchangeSchema,
  curveAddLiquiditySchema,
  curveRemoveLiquiditySchema,
  curveRemoveLiquidityOneSchema,
  balancerV1SwapSchema,
  balancerV1LiquiditySchema,
  balancerV2SwapSchema,
  balancerV2LiquiditySchema,
] as const
