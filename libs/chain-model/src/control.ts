import { z } from 'zod'
import { hashSchema } from './hash.ts'

/** The highest watermark: nothing follows, so all that waits fires. Source: Flink's Watermark.MAX_WATERMARK. */
export const maxWatermark = Number.MAX_SAFE_INTEGER

const chainBlock = z.object({
  number: z.int().nonnegative(),
  hash: hashSchema.nullable(),
  timestamp: z.int().nonnegative(),
})

/**
 * The block is whole in the log: `transactions` records precede this one in the same log transaction. `sequence` counts
 * sealed and reverted records of the chain from 0 without a gap: the block ledger. `watermark`: nothing earlier follows.
 */
export const sealedSchema = z.object({
  type: z.literal('sealed'),
  chainId: z.int().positive(),
  sequence: z.int().nonnegative(),
  block: chainBlock.extend({ parentHash: hashSchema.nullable() }),
  transactions: z.int().nonnegative(),
  events: z.int().nonnegative(),
  watermark: z.int(),
})
export type Sealed = Readonly<z.output<typeof sealedSchema>>

/** The block is no longer of the chain. A reorg of depth n is n of these, newest first. */
export const revertedSchema = z.object({
  type: z.literal('reverted'),
  chainId: z.int().positive(),
  sequence: z.int().nonnegative(),
  block: chainBlock,
})
export type Reverted = Readonly<z.output<typeof revertedSchema>>

/** The block and all before it can no longer be reverted. */
export const finalizedSchema = z.object({
  type: z.literal('finalized'),
  chainId: z.int().positive(),
  block: chainBlock,
})
export type Finalized = Readonly<z.output<typeof finalizedSchema>>

/** Nothing earlier than or at `watermark` (ms) follows on this topic partition. */
export const watermarkSchema = z.object({ type: z.literal('watermark'), watermark: z.int() })
/** The source is silent: others need not wait for it. Ends with its next record. `time` (ms) is when it was declared. */
export const idleSchema = z.object({ type: z.literal('idle'), time: z.int() })

export const controlSchema = z.discriminatedUnion('type', [
  sealedSchema,
  revertedSchema,
  finalizedSchema,
  watermarkSchema,
  idleSchema,
])
export type Control = Readonly<z.output<typeof controlSchema>>
