import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { callSchema, carriedCallSchema } from './call-schema.ts'
import { hashSchema, hexSchema } from './hash.ts'

/**
 * ERC-4337 `handleOps` and `handleAggregatedOps` of an entry point: v0.6, or the packed operations of v0.7 and later.
 */
export const handleOperationsCallSchema = callSchema('handle-operations', {
  layout: z.enum(['v0.6', 'v0.7']),
  beneficiary: addressSchema,
  operations: z.array(
    z.object({
      sender: addressSchema,
      nonce: amountSchema,
      /** Creates the account first; null: it is there, or is an EIP-7702 account. */
      factory: addressSchema.nullable(),
      /** Null: the sender pays. */
      paymaster: addressSchema.nullable(),
      /** Of what the entry point calls in the sender. */
      selector: hexSchema,
    }),
  ),
})
/** An account's `execute` and `executeBatch`: of ERC-4337's samples, Coinbase's wallet, ERC-7579 and ERC-7821. */
export const accountExecuteCallSchema = callSchema('account-execute', { calls: z.array(carriedCallSchema) })
/** `execTransaction` of a Safe: its owners signed `transaction`. */
export const safeTransactionCallSchema = callSchema('safe-transaction', {
  transaction: carriedCallSchema,
  operation: z.enum(['call', 'delegatecall']),
})
/** `execTransactionFromModule` of a Safe: the caller is a module that the owners enabled. */
export const safeModuleTransactionCallSchema = callSchema('safe-module-transaction', {
  transaction: carriedCallSchema,
  operation: z.enum(['call', 'delegatecall']),
})
/** Safe's `multiSend`, which a Safe borrows by a delegatecall: its calls are the Safe's. */
export const multiSendCallSchema = callSchema('multi-send', {
  calls: z.array(carriedCallSchema.extend({ operation: z.enum(['call', 'delegatecall']) })),
})
/** A contract's `multicall`: its own functions, by their selectors, for the same caller. Source: OpenZeppelin, Uniswap. */
export const multicallCallSchema = callSchema('multicall', { selectors: z.array(hexSchema) })
/** Multicall3's `aggregate`, `tryAggregate`, `aggregate3` and others: the calls are the multicall contract's. */
export const aggregateCallSchema = callSchema('aggregate', { calls: z.array(carriedCallSchema) })
/** An EIP-2771 forwarder carries out what `from` signed; `data` of each goes on with `from` behind it. */
export const forwardCallSchema = callSchema('forward', {
  requests: z.array(carriedCallSchema.extend({ from: addressSchema })),
})
/** Tornado Cash and its forks, at the pool or by a router. */
export const tornadoDepositCallSchema = callSchema('tornado-deposit', { pool: addressSchema, commitment: hashSchema })
export const tornadoWithdrawCallSchema = callSchema('tornado-withdraw', {
  pool: addressSchema,
  recipient: addressSchema,
  /** The zero address: none. */
  relayer: addressSchema,
  fee: amountSchema,
  nullifierHash: hashSchema,
})

export const accountCallSchemas = [
  handleOperationsCallSchema,
  accountExecuteCallSchema,
  safeTransactionCallSchema,
  safeModuleTransactionCallSchema,
  multiSendCallSchema,
  multicallCallSchema,
  aggregateCallSchema,
  forwardCallSchema,
  tornadoDepositCallSchema,
  tornadoWithdrawCallSchema,
] as const
