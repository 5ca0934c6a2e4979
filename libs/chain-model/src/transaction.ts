import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { blockRefSchema } from './block.ts'
import { chainEventSchema } from './chain-event.ts'
import { hashSchema, hexSchema } from './hash.ts'
import { labelClassSchema } from './label.ts'

/**
 * One call frame of a transaction, in the order of execution (depth first). Source: Parity's flat traces; call-tracer
 * output is brought into this shape.
 */
export const frameSchema = z.object({
  traceAddress: z.array(z.int().nonnegative()),
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

/** What the ingestor knew of a token when it wrote the transaction: read at that block, or from a token list. */
export const tokenInfoSchema = z.object({
  address: addressSchema,
  /** As the contract says it: escape before display. */
  symbol: z.string().max(32).nullable(),
  decimals: z.int().min(0).max(255),
  /** Only from a token list, by address; never from what a contract says of itself. */
  kind: z.enum(['stablecoin', 'wrapped-native', 'other']),
  recognised: z.boolean(),
})
export type TokenInfo = Readonly<z.output<typeof tokenInfoSchema>>

/** A label that held for an address named in the transaction, at its block's time. */
export const transactionLabelSchema = z.object({ address: addressSchema, class: labelClassSchema, source: z.string() })

/**
 * An executed transaction, decoded: a record of `<p>.<chain>.transactions`. It carries what the ingestor knew at that
 * block (tokens, labels), so that a replay knows the same and evidence proves itself.
 */
export const chainTransactionSchema = z.object({
  type: z.literal('transaction'),
  chainId: z.int().positive(),
  block: blockRefSchema,
  index: z.int().nonnegative(),
  hash: hashSchema,
  /** Null where the recording does not say (a range of logs). */
  from: addressSchema.nullable(),
  /** Null for a creation, and where the recording does not say; `known` tells which. */
  to: addressSchema.nullable(),
  value: amountSchema,
  nonce: z.int().nonnegative().nullable(),
  /** The call data's first four bytes, `0x` where there are fewer. */
  selector: hexSchema,
  status: z.enum(['success', 'failed', 'unknown']),
  gasUsed: amountSchema.nullable(),
  effectiveGasPrice: amountSchema.nullable(),
  contractAddress: addressSchema.nullable(),
  /** What the source of this transaction held: a range of logs has no envelope (from, to, value, nonce, status). */
  known: z.object({ envelope: z.boolean(), frames: z.boolean() }),
  /** Every log, in order; undecoded ones as `log`. */
  events: z.array(chainEventSchema),
  /** Call frames in order of execution; null where the source has no traces. */
  frames: z.array(frameSchema).nullable(),
  /** What is known of the tokens that the events name, sorted by address. */
  tokens: z.array(tokenInfoSchema),
  /** Labels of addresses that the transaction names, sorted by address and class. */
  labels: z.array(transactionLabelSchema),
})
export type ChainTransaction = Readonly<z.output<typeof chainTransactionSchema>>
