import { z } from 'zod'
import { actorSchema } from './actor.ts'
import { addressSchema } from './address.ts'
import { amountSchema } from './amount.ts'
import { blockRefSchema } from './block.ts'
import { chainCallSchema } from './call.ts'
import { chainEventSchema } from './chain-event.ts'
import { frameSchema } from './frame.ts'
import { hashSchema, hexSchema } from './hash.ts'
import { labelClassSchema } from './label.ts'

/** What the ingestor knew of a token when it wrote the transaction: read at that block, or from a token list. */
export const tokenInfoSchema = z.object({
  address: addressSchema,
  /** As the contract says it: escape before display. */
  symbol: z.string().max(32).nullable(),
  /** Letters of the symbol look like others: it may pass for another token's. Never told of a listed token. */
  confusable: z.literal(true).optional(),
  decimals: z.int().min(0).max(255),
  /** Only from a token list, by address; never from what a contract says of itself. */
  kind: z.enum(['stablecoin', 'wrapped-native', 'other']),
  recognised: z.boolean(),
})
export type TokenInfo = Readonly<z.output<typeof tokenInfoSchema>>

/** A pool that a listed factory has made: its events mean what they say. Of any other contract nobody vouches for that. */
export const poolInfoSchema = z.object({ address: addressSchema, factory: addressSchema })

/**
 * Whose code a contract runs, as its storage, its own code or its events have told: asked for where a user's ABI of that
 * code could explain what the contract did.
 */
export const proxyInfoSchema = z.object({
  address: addressSchema,
  /** One; of a diamond its facets, those that were cut last first. Null: not known, as no node gave the block's state, or it is gone at its end. */
  implementations: z.array(addressSchema).nullable(),
  /** Who is asked for the implementation. */
  beacon: addressSchema.nullable(),
  /** By ERC-1967; null where there is none, or it is not known. */
  admin: addressSchema.nullable(),
})
export type ProxyInfo = Readonly<z.output<typeof proxyInfoSchema>>

/** A label that held for an address named in the transaction, at its block's time. */
export const transactionLabelSchema = z.object({ address: addressSchema, class: labelClassSchema, source: z.string() })

/**
 * An EIP-7702 authorisation: who signed it wants the code of `delegate` to run at its address. Whether it took effect
 * (the nonce fits, the chain is this one or 0, no other code is there) a transaction does not tell.
 */
export const authorizationSchema = z.object({
  /** Recovered from the signature; null where that is no valid one: then it had no effect. */
  authority: addressSchema.nullable(),
  /** The zero address takes the delegation back. */
  delegate: addressSchema,
  chainId: amountSchema,
  nonce: amountSchema,
})
export type Authorization = Readonly<z.output<typeof authorizationSchema>>

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
  /** The contract that it created: none where it failed, whatever the node's receipt says. See {@link creationsOf}. */
  contractAddress: addressSchema.nullable(),
  /** What the source of this transaction held: a range of logs has no envelope (from, to, value, nonce, status). */
  known: z.object({ envelope: z.boolean(), frames: z.boolean() }),
  /** Every log, in order; undecoded ones as `log`. */
  events: z.array(chainEventSchema),
  /** Call frames in order of execution; null where the source has no traces. */
  frames: z.array(frameSchema).nullable(),
  /**
   * Calls of known functions, in order of execution, those of failed frames too; a view's and what a proxy hands on are
   * left out. Without frames the transaction's own, and those that its call data carry; null where the source has none.
   */
  calls: z.array(chainCallSchema).nullable().default(null),
  /** Who acted beside the sender; null in records written before these were told. See {@link actorOf}. */
  actors: z.array(actorSchema).nullable().default(null),
  /** Of an EIP-7702 transaction, in its order; null for any other, and where the source does not tell. */
  authorizations: z.array(authorizationSchema).nullable().default(null),
  /** What is known of the tokens that the events name, sorted by address. */
  tokens: z.array(tokenInfoSchema),
  /** Of the pools whose events these are, those that a listed factory made, sorted by address; null in records of before. */
  pools: z.array(poolInfoSchema).nullable().default(null),
  /**
   * Of the contracts without an ABI of their own to which users' ABIs might apply, those that run another's code and those
   * of which that is not known, sorted by address. Only where `frames` is null, which else tell it; absent: none.
   */
  proxies: z.array(proxyInfoSchema).optional(),
  /** Labels of addresses that the transaction names, sorted by address and class. */
  labels: z.array(transactionLabelSchema),
})
export type ChainTransaction = Readonly<z.output<typeof chainTransactionSchema>>
