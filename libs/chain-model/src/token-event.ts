import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { eventSchema } from './event-schema.ts'

/** EIP-20 Transfer: three topics, 32 bytes. `address` is the token. */
export const erc20TransferSchema = eventSchema('erc20-transfer', {
  from: addressSchema,
  to: addressSchema,
  value: amountSchema,
})
/** EIP-721 Transfer: four topics, no data. */
export const erc721TransferSchema = eventSchema('erc721-transfer', {
  from: addressSchema,
  to: addressSchema,
  tokenId: amountSchema,
})
/** EIP-1155 TransferSingle and TransferBatch alike: the ids and values moved, in the order of the log. */
export const erc1155TransferSchema = eventSchema('erc1155-transfer', {
  operator: addressSchema,
  from: addressSchema,
  to: addressSchema,
  items: z.array(z.object({ tokenId: amountSchema, value: amountSchema })),
})
export const erc20ApprovalSchema = eventSchema('erc20-approval', {
  owner: addressSchema,
  spender: addressSchema,
  value: amountSchema,
})
export const erc721ApprovalSchema = eventSchema('erc721-approval', {
  owner: addressSchema,
  spender: addressSchema,
  tokenId: amountSchema,
})
/** EIP-721 and EIP-1155 ApprovalForAll. */
export const approvalForAllSchema = eventSchema('approval-for-all', {
  owner: addressSchema,
  operator: addressSchema,
  approved: z.boolean(),
})
/**
 * Permit2's Approval (`signed` false) and Permit (`signed` true, the owner's signature was shown). `address` is Permit2.
 * `expiration` in ms; null: later than any date, which is how "never" is written.
 */
export const permit2ApprovalSchema = eventSchema('permit2-approval', {
  owner: addressSchema,
  token: addressSchema,
  spender: addressSchema,
  amount: amountSchema,
  expiration: z.int().nonnegative().nullable(),
  signed: z.boolean(),
})
/** WETH9 Deposit and Withdrawal: native value wrapped and unwrapped. */
export const wethDepositSchema = eventSchema('weth-deposit', { to: addressSchema, value: amountSchema })
export const wethWithdrawalSchema = eventSchema('weth-withdrawal', { from: addressSchema, value: amountSchema })
/** USDC's Mint and USDT's Issue: `minter` and `to` are null where the event does not say. */
export const stablecoinMintSchema = eventSchema('stablecoin-mint', {
  minter: addressSchema.nullable(),
  to: addressSchema.nullable(),
  amount: amountSchema,
})
/** USDT AddedBlackList and RemovedBlackList, USDC Blacklisted and UnBlacklisted: `address` is the token. */
export const tokenBlacklistSchema = eventSchema('token-blacklist', { account: addressSchema, listed: z.boolean() })
/** USDT DestroyedBlackFunds: the balance of a listed account is gone. */
export const blacklistedFundsDestroyedSchema = eventSchema('blacklisted-funds-destroyed', {
  account: addressSchema,
  amount: amountSchema,
})
/** The sanctions oracle's list. Source: Chainalysis, SanctionsList. */
export const sanctionsListSchema = eventSchema('sanctions-list', {
  accounts: z.array(addressSchema),
  listed: z.boolean(),
})
/** Polygon's fee contract at 0x…1010: native value that pays for the block, as a log of every transaction. */
export const polygonFeeTransferSchema = eventSchema('polygon-fee-transfer', {
  token: addressSchema,
  from: addressSchema,
  to: addressSchema,
  amount: amountSchema,
})

export const tokenEventSchemas = [
  erc20TransferSchema,
  erc721TransferSchema,
  erc1155TransferSchema,
  erc20ApprovalSchema,
  erc721ApprovalSchema,
  approvalForAllSchema,
  permit2ApprovalSchema,
  wethDepositSchema,
  wethWithdrawalSchema,
  stablecoinMintSchema,
  tokenBlacklistSchema,
  blacklistedFundsDestroyedSchema,
  sanctionsListSchema,
  polygonFeeTransferSchema,
] as const
