import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema, signedAmountSchema } from './amount.ts'
import { hashSchema, hexSchema } from './hash.ts'

/** What every decoded log has: its index in the block and the contract that emitted it. */
const emitted = { logIndex: z.int().nonnegative(), address: addressSchema }

/**
 * The two tokens of a pool in its own order. Null where neither the log, nor a factory event seen before, nor the
 * transfers of the transaction tell them.
 */
const poolTokens = { token0: addressSchema.nullable(), token1: addressSchema.nullable() }

const event = <Type extends string, Shape extends z.core.$ZodShape>(type: Type, shape: Shape) =>
  z.object({ type: z.literal(type), ...emitted, ...shape })

/** EIP-20 Transfer: three topics, 32 bytes. `address` is the token. */
export const erc20TransferSchema = event('erc20-transfer', {
  from: addressSchema,
  to: addressSchema,
  value: amountSchema,
})
/** EIP-721 Transfer: four topics, no data. */
export const erc721TransferSchema = event('erc721-transfer', {
  from: addressSchema,
  to: addressSchema,
  tokenId: amountSchema,
})
/** EIP-1155 TransferSingle and TransferBatch alike: the ids and values moved, in the order of the log. */
export const erc1155TransferSchema = event('erc1155-transfer', {
  operator: addressSchema,
  from: addressSchema,
  to: addressSchema,
  items: z.array(z.object({ tokenId: amountSchema, value: amountSchema })),
})
export const erc20ApprovalSchema = event('erc20-approval', {
  owner: addressSchema,
  spender: addressSchema,
  value: amountSchema,
})
export const erc721ApprovalSchema = event('erc721-approval', {
  owner: addressSchema,
  spender: addressSchema,
  tokenId: amountSchema,
})
/** EIP-721 and EIP-1155 ApprovalForAll. */
export const approvalForAllSchema = event('approval-for-all', {
  owner: addressSchema,
  operator: addressSchema,
  approved: z.boolean(),
})
/** WETH9 Deposit and Withdrawal: native value wrapped and unwrapped. */
export const wethDepositSchema = event('weth-deposit', { to: addressSchema, value: amountSchema })
export const wethWithdrawalSchema = event('weth-withdrawal', { from: addressSchema, value: amountSchema })
export const uniswapV2PairCreatedSchema = event('uniswap-v2-pair-created', {
  token0: addressSchema,
  token1: addressSchema,
  pair: addressSchema,
})
export const uniswapV2SwapSchema = event('uniswap-v2-swap', {
  ...poolTokens,
  sender: addressSchema,
  to: addressSchema,
  amount0In: amountSchema,
  amount1In: amountSchema,
  amount0Out: amountSchema,
  amount1Out: amountSchema,
})
export const uniswapV2SyncSchema = event('uniswap-v2-sync', { reserve0: amountSchema, reserve1: amountSchema })
export const uniswapV2MintSchema = event('uniswap-v2-mint', {
  ...poolTokens,
  sender: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV2BurnSchema = event('uniswap-v2-burn', {
  ...poolTokens,
  sender: addressSchema,
  to: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV3PoolCreatedSchema = event('uniswap-v3-pool-created', {
  token0: addressSchema,
  token1: addressSchema,
  /** Hundredths of a basis point: 3000 is 0.3 %. */
  fee: z.int(),
  tickSpacing: z.int(),
  pool: addressSchema,
})
/** `amount0` and `amount1` are the pool's changes: positive came in, negative went out. */
export const uniswapV3SwapSchema = event('uniswap-v3-swap', {
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
export const uniswapV3MintSchema = event('uniswap-v3-mint', {
  ...poolTokens,
  ...v3Range,
  sender: addressSchema,
  liquidity: amountSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV3BurnSchema = event('uniswap-v3-burn', {
  ...poolTokens,
  ...v3Range,
  liquidity: amountSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
export const uniswapV3CollectSchema = event('uniswap-v3-collect', {
  ...poolTokens,
  ...v3Range,
  recipient: addressSchema,
  amount0: amountSchema,
  amount1: amountSchema,
})
/** Chainlink AnswerUpdated, emitted by the aggregator behind a feed's proxy. An answer ≤ 0 is no price. */
export const chainlinkAnswerSchema = event('chainlink-answer', {
  answer: signedAmountSchema,
  roundId: amountSchema,
  /** Ms, like every time here; Unix seconds on the chain. */
  updatedAt: z.int(),
})
/** A log that no decoder claims, whole: nothing of a block is lost. */
export const rawLogSchema = event('log', { topics: z.array(hashSchema).max(4), data: hexSchema })

/** A log as a typed event. Amounts in base units of the token concerned. */
export const chainEventSchema = z.discriminatedUnion('type', [
  erc20TransferSchema,
  erc721TransferSchema,
  erc1155TransferSchema,
  erc20ApprovalSchema,
  erc721ApprovalSchema,
  approvalForAllSchema,
  wethDepositSchema,
  wethWithdrawalSchema,
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
  chainlinkAnswerSchema,
  rawLogSchema,
])
export type ChainEvent = Readonly<z.output<typeof chainEventSchema>>
export type ChainEventOf<Type extends ChainEvent['type']> = Extract<ChainEvent, { type: Type }>
