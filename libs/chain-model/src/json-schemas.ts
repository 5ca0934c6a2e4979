import { z } from 'zod'
import { alertSchema } from './alert.ts'
import { mempoolRecordSchema, pricesRecordSchema, transactionsRecordSchema } from './codec.ts'
import { deadLetterSchema } from './dead-letter.ts'

/** The JSON Schemas (draft 2020-12) of the public topics' records, by file name: what stands on the wire. */
export const jsonSchemas = (): Readonly<Record<string, object>> => ({
  'transactions-record.json': describe(
    transactionsRecordSchema,
    'A record of <prefix>.<chain>.transactions: a decoded transaction, a price that its block tells, or control.',
  ),
  'mempool-record.json': describe(
    mempoolRecordSchema,
    'A record of <prefix>.<chain>.mempool: the state of a pending transaction, or control in order with it.',
  ),
  'prices-record.json': describe(
    pricesRecordSchema,
    'A record of <prefix>.<chain>.prices: a price in 1e-8 USD, or control in order with it.',
  ),
  'alert.json': describe(alertSchema, 'A record of <prefix>.alerts: one transition of an alert.'),
  'dead-letter.json': describe(
    deadLetterSchema,
    'A record of <prefix>.dead-letters: what could not be read or evaluated.',
  ),
})

const describe = (schema: z.ZodType, description: string): object => {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' })
  return { $schema, description, ...rest }
}
