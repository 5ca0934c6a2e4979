import { z } from 'zod'

/** An unsigned amount in base units. On the wire a decimal string, so that no reader rounds it through a double. */
export const amountSchema = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,77})$/, 'an amount in base units: a decimal string')
  .transform((text) => BigInt(text))

/** A signed amount in base units, such as a Uniswap v3 swap's deltas (positive: into the pool). */
export const signedAmountSchema = z
  .string()
  .regex(/^(?:0|-?[1-9][0-9]{0,77})$/, 'a signed amount in base units: a decimal string')
  .transform((text) => BigInt(text))

/** Milliseconds since 1970-01-01T00:00:00Z, event time. */
export const timestampSchema = z.int()
