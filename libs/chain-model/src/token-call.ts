import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { callSchema } from './call-schema.ts'
import { hashSchema } from './hash.ts'

/** ms; null: later than any date, which is how "never" is written. */
const deadlineSchema = z.int().nonnegative().nullable()

/** EIP-20 `transfer`, of the caller's tokens. */
export const transferCallSchema = callSchema('transfer', { to: addressSchema, amount: amountSchema })
/** `transferFrom` of EIP-20 (`amount`) and EIP-721 (then it is the token's id): the caller spends. */
export const transferFromCallSchema = callSchema('transfer-from', {
  from: addressSchema,
  to: addressSchema,
  amount: amountSchema,
})
/** EIP-721 `safeTransferFrom`. */
export const erc721TransferCallSchema = callSchema('erc721-transfer-from', {
  from: addressSchema,
  to: addressSchema,
  tokenId: amountSchema,
})
/** EIP-1155 `safeTransferFrom` and `safeBatchTransferFrom`. */
export const erc1155TransferCallSchema = callSchema('erc1155-transfer-from', {
  from: addressSchema,
  to: addressSchema,
  items: z.array(z.object({ tokenId: amountSchema, value: amountSchema })),
})
/** `approve` of EIP-20 and EIP-721 (then `amount` is the token's id): the caller is the owner. */
export const approveCallSchema = callSchema('approve', { spender: addressSchema, amount: amountSchema })
/** OpenZeppelin's `increaseAllowance` and `decreaseAllowance`: by `amount`. */
export const increaseAllowanceCallSchema = callSchema('increase-allowance', {
  spender: addressSchema,
  amount: amountSchema,
})
export const decreaseAllowanceCallSchema = callSchema('decrease-allowance', {
  spender: addressSchema,
  amount: amountSchema,
})
/** EIP-721 and EIP-1155. */
export const setApprovalForAllCallSchema = callSchema('set-approval-for-all', {
  operator: addressSchema,
  approved: z.boolean(),
})
/**
 * An approval by the owner's signature, whoever calls. EIP-2612, or DAI's of before: all (2^256 − 1) or nothing, and
 * an expiry of 0 is no deadline.
 */
export const permitCallSchema = callSchema('permit', {
  standard: z.enum(['eip-2612', 'dai']),
  owner: addressSchema,
  spender: addressSchema,
  amount: amountSchema,
  deadline: deadlineSchema,
})
/** EIP-3009 `transferWithAuthorization`, and `receiveWithAuthorization`, which only `to` may call. */
export const transferWithAuthorizationCallSchema = callSchema('transfer-with-authorization', {
  from: addressSchema,
  to: addressSchema,
  amount: amountSchema,
  validAfter: deadlineSchema,
  validBefore: deadlineSchema,
  nonce: hashSchema,
})
/** Permit2's `approve`: an allowance of the caller's, kept by Permit2. */
export const permit2ApproveCallSchema = callSchema('permit2-approve', {
  token: addressSchema,
  spender: addressSchema,
  amount: amountSchema,
  expiration: deadlineSchema,
})
/** Permit2's `permit`: allowances by the owner's signature, whoever calls. `deadline` is the signature's. */
export const permit2PermitCallSchema = callSchema('permit2-permit', {
  owner: addressSchema,
  spender: addressSchema,
  deadline: deadlineSchema,
  allowances: z.array(z.object({ token: addressSchema, amount: amountSchema, expiration: deadlineSchema })),
})
/** Permit2's `transferFrom`, of one or several: the caller spends its allowances. */
export const permit2TransferFromCallSchema = callSchema('permit2-transfer-from', {
  transfers: z.array(z.object({ token: addressSchema, from: addressSchema, to: addressSchema, amount: amountSchema })),
})
/**
 * Permit2's `permitTransferFrom` and `permitWitnessTransferFrom`: the owner signed for each token up to `permitted`, and
 * for the caller as spender; to whom it goes the caller says. `witness` is the hash of what else was signed.
 */
export const permit2SignatureTransferCallSchema = callSchema('permit2-signature-transfer', {
  owner: addressSchema,
  deadline: deadlineSchema,
  transfers: z.array(
    z.object({ token: addressSchema, permitted: amountSchema, to: addressSchema, amount: amountSchema }),
  ),
  witness: hashSchema.nullable(),
})
/** Permit2's `lockdown`: the caller takes allowances back. */
export const permit2LockdownCallSchema = callSchema('permit2-lockdown', {
  allowances: z.array(z.object({ token: addressSchema, spender: addressSchema })),
})
/** `mint(address,uint256)`, which OpenZeppelin's preset and many tokens have. */
export const mintCallSchema = callSchema('mint', { to: addressSchema, amount: amountSchema })
/** USDT's and USDC's lists of accounts that may not move. */
export const blacklistCallSchema = callSchema('blacklist', { account: addressSchema, listed: z.boolean() })

export const tokenCallSchemas = [
  transferCallSchema,
  transferFromCallSchema,
  erc721TransferCallSchema,
  erc1155TransferCallSchema,
  approveCallSchema,
  increaseAllowanceCallSchema,
  decreaseAllowanceCallSchema,
  setApprovalForAllCallSchema,
  permitCallSchema,
  transferWithAuthorizationCallSchema,
  permit2ApproveCallSchema,
  permit2PermitCallSchema,
  permit2TransferFromCallSchema,
  permit2SignatureTransferCallSchema,
  permit2LockdownCallSchema,
  mintCallSchema,
  blacklistCallSchema,
] as const
