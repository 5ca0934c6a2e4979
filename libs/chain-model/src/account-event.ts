import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { eventSchema } from './event-schema.ts'
import { hashSchema, hexSchema } from './hash.ts'

/**
 * An ERC-4337 entry point (`address`) executed an operation of `sender`: what it emitted stands between the event before
 * of this kind, or `user-operations-begin`, and this.
 */
export const userOperationSchema = eventSchema('user-operation', {
  userOpHash: hashSchema,
  sender: addressSchema,
  /** The zero address: the sender pays. */
  paymaster: addressSchema,
  success: z.boolean(),
  actualGasCost: amountSchema,
})
/** ERC-4337 BeforeExecution: all operations of the bundle are validated, execution begins. */
export const userOperationsBeginSchema = eventSchema('user-operations-begin', {})
/** Tornado Cash and its forks; `address` is the pool of one denomination. */
export const tornadoDepositSchema = eventSchema('tornado-deposit', { commitment: hashSchema, leafIndex: z.int() })
export const tornadoWithdrawalSchema = eventSchema('tornado-withdrawal', {
  to: addressSchema,
  nullifierHash: hashSchema,
  /** The zero address: none. */
  relayer: addressSchema,
  fee: amountSchema,
})
/** `itemType`: 0 native, 1 ERC-20, 2 ERC-721, 3 ERC-1155, 4 and 5 with criteria. Source: Seaport, ConsiderationEnums. */
const seaportItem = { itemType: z.int(), token: addressSchema, identifier: amountSchema, amount: amountSchema }
export const seaportOrderFulfilledSchema = eventSchema('seaport-order-fulfilled', {
  orderHash: hashSchema,
  offerer: addressSchema,
  zone: addressSchema,
  /** Who gets the offer; the zero address where orders were matched. */
  recipient: addressSchema,
  offer: z.array(z.object(seaportItem)),
  consideration: z.array(z.object({ ...seaportItem, recipient: addressSchema })),
})
/** Optimism's portal on L1: a deposit that L2 will execute. Source: OP Stack specification, Deposits. */
export const opDepositSchema = eventSchema('op-deposit', {
  from: addressSchema,
  /** Null: it creates a contract. */
  to: addressSchema.nullable(),
  /** Wei newly made on L2, and sent along. */
  mint: amountSchema,
  value: amountSchema,
  selector: hexSchema,
})

export const accountEventSchemas = [
  userOperationSchema,
  userOperationsBeginSchema,
  tornadoDepositSchema,
  tornadoWithdrawalSchema,
  seaportOrderFulfilledSchema,
  opDepositSchema,
] as const
