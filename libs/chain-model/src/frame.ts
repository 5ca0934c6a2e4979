import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { hexSchema } from './hash.ts'

/** Where a frame stands among the calls of its transaction: `[]` is the transaction's own, `[0, 1]` the second below the first. */
export const traceAddressSchema = z.array(z.int().nonnegative())
export type TraceAddress = readonly number[]

/**
 * One call frame of a transaction, in the order of execution (depth first). Source: Parity's flat traces; call-tracer
 * output is brought into this shape.
 */
export const frameSchema = z.object({
  traceAddress: traceAddressSchema,
  type: z.enum(['call', 'callcode', 'delegatecall', 'staticcall', 'create', 'create2', 'selfdestruct']),
  from: addressSchema,
  /** The callee, the created contract, or a selfdestruct's beneficiary; null for a creation that failed. */
  to: addressSchema.nullable(),
  value: amountSchema,
  /** The first four bytes of the call data, `0x` for a plain transfer. */
  selector: hexSchema,
  error: z.string().nullable(),
})
export type Frame = Readonly<z.output<typeof frameSchema>>

/**
 * Whether what happened at a trace address was taken back, because its frame or one above it failed. `frames` are those
 * of one transaction.
 */
export function undoneBy(
  frames: readonly Pick<Frame, 'traceAddress' | 'error'>[],
): (traceAddress: TraceAddress) => boolean {
  const failed = new Set(frames.filter(({ error }) => error !== null).map(({ traceAddress }) => traceAddress.join('.')))
  return failed.size === 0
    ? () => false
    : (traceAddress) =>
        failed.has(traceAddress.join('.')) ||
        traceAddress.some((_, depth) => failed.has(traceAddress.slice(0, depth).join('.')))
}
