import { z } from 'zod'

/** What could not be read or evaluated: a record of `<p>.dead-letters`. Nothing is lost silently. */
export const deadLetterSchema = z.object({
  type: z.literal('dead-letter'),
  /** Which part could not go on with it, e.g. `detector/transactions` or `ingestor/prices`. */
  source: z.string(),
  code: z.string(),
  reason: z.string(),
  /** Where it came from: a topic's partition and offset, or a file and line. */
  origin: z.string(),
  /** The bytes as they were, base64; cut at 64 KiB. */
  payload: z.string(),
})
export type DeadLetter = Readonly<z.output<typeof deadLetterSchema>>
