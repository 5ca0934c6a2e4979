import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { eventSchema } from './event-schema.ts'

/**
 * A loan that is repaid in the same transaction, of Aave, Balancer, Maker or Morpho: one event for each asset lent.
 * `premium` is the fee in base units of the asset; Morpho takes none. Uniswap v3 has an event of its own.
 */
export const flashLoanSchema = eventSchema('flash-loan', {
  protocol: z.enum(['aave-v1', 'aave-v2', 'aave-v3', 'balancer', 'maker', 'morpho']),
  receiver: addressSchema,
  /** Who asked for it, where the event says so. */
  initiator: addressSchema.nullable(),
  asset: addressSchema,
  amount: amountSchema,
  premium: amountSchema,
})
/** dYdX Solo's LogOperation: an `operate`, which is how its flash loans are taken. */
export const dydxOperationSchema = eventSchema('dydx-operation', { sender: addressSchema })
/** Aave's LiquidationCall, v1 and v2/v3. Native coin in v1 is 0xeeee…. */
export const aaveLiquidationSchema = eventSchema('aave-liquidation', {
  collateralAsset: addressSchema,
  debtAsset: addressSchema,
  borrower: addressSchema,
  liquidator: addressSchema,
  debtRepaid: amountSchema,
  collateralSeized: amountSchema,
  /** The liquidator took the interest-bearing token in place of the asset. */
  receivesAToken: z.boolean(),
})
/** Compound's LiquidateBorrow and its forks': `address` is the market of the debt, `seizeTokens` counts the other's. */
export const compoundLiquidationSchema = eventSchema('compound-liquidation', {
  liquidator: addressSchema,
  borrower: addressSchema,
  debtRepaid: amountSchema,
  collateralMarket: addressSchema,
  seizeTokens: amountSchema,
})
export const lendingEventSchemas = [
  flashLoanSchema,
  dydxOperationSchema,
  aaveLiquidationSchema,
  compoundLiquidationSchema,
] as const
