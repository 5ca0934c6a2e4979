import { z } from 'zod'
import { hashSchema } from './hash.ts'

/** Which block an element belongs to. `hash` is null only where a recording does not hold it (a range of logs). */
export const blockRefSchema = z.object({
  number: z.int().nonnegative(),
  hash: hashSchema.nullable(),
  /** The block's own timestamp in ms: the event time of all that is in it. */
  timestamp: z.int().nonnegative(),
})
export type BlockRef = Readonly<z.output<typeof blockRefSchema>>
