import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'

/** A token by its address, or the chain's own coin. */
export const assetSchema = z.union([z.literal('native'), addressSchema])
export type Asset = z.output<typeof assetSchema>

/**
 * A price of one whole unit of `asset` in USD: a record of `<p>.<chain>.prices`, or, where a block tells it, of the chain's
 * transactions: what is reverted with the block was never a price (docs/decisions/0010).
 */
export const priceTickSchema = z.object({
  type: z.literal('price'),
  chainId: z.int().positive(),
  asset: assetSchema,
  /** In 1e-8 USD: 1 USD is 100000000. Always positive. */
  price8: amountSchema.refine((price) => price > 0n, 'a price is more than 0'),
  source: z.string().min(1),
  /** Event time in ms; a price that holds throughout stands at 0. */
  time: z.int().nonnegative(),
  /** How long after `time` it may be used, in ms; null: for ever (a constant). */
  maxAge: z.int().positive().nullable(),
  /** It does not fit the prices before it, see docs/connectors.md. It is there as it was told; who reads it decides. */
  outlier: z.literal(true).optional(),
})
export type PriceTick = Readonly<z.output<typeof priceTickSchema>>
