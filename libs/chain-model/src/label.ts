import { z } from 'zod'
import { addressSchema } from './address.ts'

/** Classes of address labels. The first seven are infrastructure, see {@link infraClasses}. */
export const labelClassSchema = z.enum([
  'exchange',
  'dex-router',
  'pool',
  'bridge',
  'settlement',
  'system',
  'mev-bot',
  'mixer',
  'sanctioned',
  'exploit',
  'phishing',
  'allow',
])
export type LabelClass = z.output<typeof labelClassSchema>

/** Addresses that move other people's money by design: suppressed by default in fund-flow detectors. */
export const infraClasses: readonly LabelClass[] = [
  'exchange',
  'dex-router',
  'pool',
  'bridge',
  'settlement',
  'system',
  'mev-bot',
]

/** A statement about an address by a named source. Valid from (ms, inclusive) to (ms, exclusive); null is unbounded. */
export const labelSchema = z.object({
  address: addressSchema,
  class: labelClassSchema,
  source: z.string(),
  confidence: z.int().min(1).max(99),
  validFrom: z.int().nullable(),
  validTo: z.int().nullable(),
})
export type Label = Readonly<z.output<typeof labelSchema>>
