import { z } from 'zod'
import { addressSchema } from './address.ts'

/** An event's schema: what every decoded log has (its index in the block, the contract that emitted it) and its own. */
export const eventSchema = <Type extends string, Shape extends z.core.$ZodShape>(type: Type, shape: Shape) =>
  z.object({ type: z.literal(type), logIndex: z.int().nonnegative(), address: addressSchema, ...shape })

/**
 * The two tokens of a pool in its own order. Null where neither the log, nor a factory event seen before, nor a call at
 * the block, nor the transfers of the transaction tell them.
 */
export const poolTokens = { token0: addressSchema.nullable(), token1: addressSchema.nullable() }
