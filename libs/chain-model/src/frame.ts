import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { hexSchema } from './hash.ts'

/** Where a frame stands among the calls of its transaction: `[]` is the transaction's own, `[0, 1]` the second below the first. */
export const traceAddressSchema = z.array(z.int().nonnegative())
export type TraceAddress = readonly number[]

/** Whether a frame is `above` itself, or stands below it. */
export const isWithin = (traceAddress: TraceAddress, above: TraceAddress): boolean =>
  above.length <= traceAddress.length && above.every((step, depth) => step === traceAddress[depth])

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
 * Whether what a frame did was taken back, because it or one above it failed. `frames` are those of one transaction, in
 * the order of execution; asked about another trace address it says no.
 */
export function undoneBy(
  frames: readonly Pick<Frame, 'traceAddress' | 'error'>[],
): (traceAddress: TraceAddress) => boolean {
  if (frames.every(({ error }) => error === null)) return () => false
  const undone = new Set<string>()
  // One step for each frame, not one for each above it: a stranger may nest calls as deep as the gas lasts.
  for (const { traceAddress, error } of frames)
    if (error !== null || (traceAddress.length > 0 && undone.has(traceAddress.slice(0, -1).join('.'))))
      undone.add(traceAddress.join('.'))
  return (traceAddress) => undone.has(traceAddress.join('.'))
}
