import { z } from 'zod'
import { addressSchema, type Address } from './address.ts'
import { isWithin, traceAddressSchema, type TraceAddress } from './frame.ts'
import type { ChainTransaction } from './transaction.ts'

/**
 * Someone other than the sender who acted in a transaction, and in what part of it. Told only where someone vouches for
 * it that no stranger can imitate: a listed entry point, Permit2 or forwarder, a recognised token, the Safe itself, the
 * signature of an EIP-7702 authorisation. What the source does not tell is null, and then that part is the sender's.
 */
export const actorSchema = z.object({
  address: addressSchema,
  /**
   * How: `user-operation` of ERC-4337; `safe-transaction` and `safe-module` of a Safe; `delegated-account`, whose key
   * signed an EIP-7702 authorisation of this transaction and which someone else called; `forwarder`, EIP-2771;
   * `authorization`, EIP-3009; `signature-transfer` and `permit`, of Permit2 and EIP-2612: what the owner signed, the
   * spender chose when to use, and of a signature transfer to whom it goes.
   */
  by: z.enum([
    'user-operation',
    'safe-transaction',
    'safe-module',
    'delegated-account',
    'forwarder',
    'authorization',
    'signature-transfer',
    'permit',
  ]),
  /** Positions in the transaction's `events`, the last not included. Null: which are theirs is not known. */
  events: z.object({ start: z.int().nonnegative(), end: z.int().nonnegative() }).nullable(),
  /** What stands below this frame is theirs; `[]` is the transaction's own call. Null: it is not known which it is. */
  frame: traceAddressSchema.nullable(),
})
export type Actor = Readonly<z.output<typeof actorSchema>>

/** A place within a transaction: an event by its position in `events`, or a frame. */
export type ActedAt = { readonly event: number } | { readonly frame: TraceAddress }

/** Who acted, and as what. `address` is null where the recording does not tell the sender. */
export interface ActingAccount {
  readonly address: Address | null
  readonly by: Actor['by'] | 'sender'
}

/**
 * Who acted at a place of the transaction: the innermost of its actors there, as a Safe that a user operation calls, else
 * the sender. A frame's own call is its caller's act; what stands below it is the actor's.
 */
export function actorOf({ actors, from }: Pick<ChainTransaction, 'actors' | 'from'>, at: ActedAt): ActingAccount {
  let [acting, best]: [ActingAccount, number] = [{ address: from, by: 'sender' }, -Infinity]
  for (const { address, by, events, frame } of actors ?? []) {
    const closeness = 'event' in at ? closenessInEvents(events, at.event) : closenessInFrames(frame, at.frame)
    if (closeness !== null && closeness >= best) [acting, best] = [{ address, by }, closeness]
  }
  return acting
}

/** The more, the fewer events the span holds; null where it does not hold this one. */
const closenessInEvents = (span: Actor['events'], position: number): number | null =>
  span !== null && span.start <= position && position < span.end ? span.start - span.end : null

/** The more, the deeper the frame stands above this place; null where it does not. */
const closenessInFrames = (frame: Actor['frame'], at: TraceAddress): number | null =>
  frame !== null && frame.length < at.length && isWithin(at, frame) ? frame.length : null
