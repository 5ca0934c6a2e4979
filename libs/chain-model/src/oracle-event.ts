import { z } from 'zod'
import { amountSchema, signedAmountSchema } from './amount.ts'
import { eventSchema } from './event-schema.ts'

/** Chainlink AnswerUpdated, emitted by the aggregator behind a feed's proxy. An answer ≤ 0 is no price. */
export const chainlinkAnswerSchema = eventSchema('chainlink-answer', {
  answer: signedAmountSchema,
  roundId: amountSchema,
  /** Ms, like every time here; Unix seconds on the chain. */
  updatedAt: z.int(),
})
