import { z } from 'zod'
import { addressSchema } from './address.ts'
import { amountSchema, timestampSchema } from './amount.ts'
import { chainCallSchema } from './call.ts'
import { hashSchema, hexSchema } from './hash.ts'
import { transactionLabelSchema } from './transaction.ts'

/**
 * What every record of a pending transaction says: which one, by its sender's nonce, and since when. Both times are of
 * the ingestor's clock, in ms: nothing else tells when a transaction became known. `time` is the record's event time.
 */
const pooled = {
  chainId: z.int().positive(),
  from: addressSchema,
  nonce: z.int().nonnegative(),
  hash: hashSchema,
  firstSeen: timestampSchema,
  time: timestampSchema,
}

/**
 * The transaction waits in the node's pool. Told when it is first seen, and again when it waits again: the node has it
 * once more after it was dropped, or a reorg reverted the block that had mined it.
 */
export const pendingSchema = z.object({
  type: z.literal('pending'),
  ...pooled,
  /** Null creates a contract. */
  to: addressSchema.nullable(),
  value: amountSchema,
  /** The call data, whole: a pending transaction has no logs yet, so this is all there is to judge. */
  input: hexSchema,
  gas: amountSchema,
  /** In wei a gas; the gas price where the transaction is older than EIP-1559. */
  maxFeePerGas: amountSchema,
  maxPriorityFeePerGas: amountSchema,
  /** The endpoint that has it. What was sent to a builder privately is in no public pool. */
  source: z.string().min(1),
  /**
   * The call that it makes and those that its call data carry, as of a mined one without frames: what it wants, not what
   * will come of it. Null in records written before these were told.
   */
  calls: z.array(chainCallSchema).nullable().default(null),
  /** Labels of sender, receiver and who the calls name, sorted by address and class. */
  labels: z.array(transactionLabelSchema),
})

/** Another transaction of the same sender and nonce pays more: this one will hardly be mined any more. */
export const replacedSchema = z.object({ type: z.literal('replaced'), ...pooled, by: hashSchema })

/** The node has it no more, and nothing of this sender and nonce was mined: it expired, or was pushed out. */
export const droppedSchema = z.object({ type: z.literal('dropped'), ...pooled })

/** Watched no longer, because more is pending than is kept (`--mempool-max`): what becomes of it further is not told. */
export const evictedSchema = z.object({ type: z.literal('evicted'), ...pooled })

const mined = {
  ...pooled,
  /** The transaction of this sender and nonce that was mined. */
  minedAs: hashSchema,
  block: z.object({ number: z.int().nonnegative(), hash: hashSchema }),
  status: z.enum(['success', 'failed', 'unknown']),
}
/** It was mined, or another one with the same receiver, value and call data (a bump of the fee, `minedAs`). */
export const minedSameSchema = z.object({ type: z.literal('mined-same'), ...mined })
/** Another call of the same sender and nonce was mined, so this one never will be. */
export const minedDifferentSchema = z.object({ type: z.literal('mined-different'), ...mined })

/**
 * The state that a transaction is in from `time` on: a record of `<p>.<chain>.mempool`. The newest record of a hash
 * holds; a reorg makes an earlier state come again.
 */
export const pendingTransactionSchema = z.discriminatedUnion('type', [
  pendingSchema,
  replacedSchema,
  droppedSchema,
  evictedSchema,
  minedSameSchema,
  minedDifferentSchema,
])
export type PendingTransaction = Readonly<z.output<typeof pendingTransactionSchema>>
