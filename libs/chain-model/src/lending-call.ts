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

export const lendingCallSchemas = [flashLoanCallSchema] as const
