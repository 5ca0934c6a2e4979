import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { callSchema } from './call-schema.ts'

/** A loan within the transaction is asked for, for each asset. Of Uniswap's, see `pair-swap` and `pool-manager-unlock`. */
export const flashLoanCallSchema = callSchema('flash-loan', {
  protocol: z.enum(['aave', 'balancer', 'morpho', 'erc-3156']),
  /** Who is called with the money. */
  receiver: addressSchema,
  loans: z.array(z.object({ asset: addressSchema, amount: amountSchema })),
})

/** Aave's `liquidationCall`, v1 to v3: the caller repays the borrower's debt. */
export const liquidationCallSchema = callSchema('liquidation-call', {
  /** 0xeeee… is v1's native coin, here and of the debt. */
  collateralAsset: addressSchema,
  debtAsset: addressSchema,
  borrower: addressSchema,
  /** At most: 2^256 − 1 asks for as much as may be repaid. */
  debtToCover: amountSchema,
  receivesAToken: z.boolean(),
})
/** An aToken of Aave v2 that goes to the liquidator in place of the asset: its pool calls. */
export const transferOnLiquidationCallSchema = callSchema('transfer-on-liquidation', {
  from: addressSchema,
  to: addressSchema,
  amount: amountSchema,
})
/** Compound's `liquidateBorrow` and its forks', of the market of the debt; in the native coin's market `value` is the amount. */
export const liquidateBorrowCallSchema = callSchema('liquidate-borrow', {
  borrower: addressSchema,
  /** At most. */
  amount: amountSchema,
  native: z.boolean(),
  collateralMarket: addressSchema,
})
/** Compound's `seize`: the market of the debt has the collateral's market move tokens to the liquidator. */
export const seizeCallSchema = callSchema('seize', {
  liquidator: addressSchema,
  borrower: addressSchema,
  /** Of the market's own token; a market that keeps a share of them gives the liquidator less. */
  seizeTokens: amountSchema,
})

export const lendingCallSchemas = [
  flashLoanCallSchema,
  liquidationCallSchema,
  transferOnLiquidationCallSchema,
  liquidateBorrowCallSchema,
  seizeCallSchema,
] as const
