import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { hexSchema } from './hash.ts'

/** A call's schema: what every decoded call has, and its own arguments. */
export const callSchema = <Type extends string, Shape extends z.core.$ZodShape>(type: Type, shape: Shape) =>
  z.object({
    type: z.literal(type),
    /** Its frame; `[]` is the transaction's own call. Null: only the call data around it tells of it, no frame does. */
    traceAddress: z.array(z.int().nonnegative()).nullable(),
    /** Who calls, as the callee sees it (`msg.sender`): the caller's caller, where code is borrowed. */
    caller: addressSchema,
    /** The contract called: whose storage is used. */
    address: addressSchema,
    /** Wei sent along, as the callee sees it. */
    value: amountSchema,
    /**
     * Bytes of call data behind the arguments: 0 as encoders write it. Contracts do not read them, so that a call with
     * them is the same call; EIP-2771 forwarders put the sender there, front ends their mark.
     */
    rest: z.int().nonnegative(),
    ...shape,
  })

/** A call that another one carries in its call data. */
export const carriedCallSchema = z.object({ target: addressSchema, value: amountSchema, selector: hexSchema })
