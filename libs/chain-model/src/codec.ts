import { z } from 'zod'
import { alertSchema } from './alert.ts'
import { controlSchema } from './control.ts'
import { deadLetterSchema } from './dead-letter.ts'
import { JsonWriter } from './json-writer.ts'
import { pendingTransactionSchema } from './pending-transaction.ts'
import { priceTickSchema } from './price.ts'
import { chainTransactionSchema } from './transaction.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })
/** Nobody else writes to it while a record is encoded. */
const writer = new JsonWriter()

/** Bytes that are no record of the topic: what was wrong and where in the value. */
export class MalformedRecordError extends Error {
  readonly code = 'MODEL_MALFORMED_RECORD'
  readonly handling = 'dead-letter'
  readonly remedy = 'Find the writer of this record; the dead letter keeps its bytes. The schemas are in docs/schemas.'
}

export interface JsonCodec<T> {
  readonly schema: z.ZodType<T>
  /** The value as compact JSON, amounts as decimal strings, keys in the order of the value. */
  stringify(value: T): string
  encode(value: T): Uint8Array
  /** Each as {@link encode} has it, one behind the other in the same memory. */
  encodeAll(values: readonly T[]): Uint8Array<ArrayBuffer>[]
  /** @throws {MalformedRecordError} naming the field. */
  parse(text: string): T
  decode(bytes: Uint8Array): T
}

/** A JSON codec over a schema. Encoding trusts the type; decoding proves it. */
export function jsonCodec<T>(name: string, schema: z.ZodType<T>): JsonCodec<T> {
  const malformed = (reason: string, cause?: unknown) => new MalformedRecordError(`Not ${name}: ${reason}`, { cause })
  const stringify = (value: T) =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))
  const parse = (text: string) => {
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (cause) {
      throw malformed(`it is no JSON (${cause instanceof Error ? cause.message : String(cause)}).`, cause)
    }
    const result = schema.safeParse(json)
    if (result.success) return result.data
    const [issue] = result.error.issues
    throw malformed(`${issue?.path.join('.') || 'the value'}: ${issue?.message ?? 'does not fit'}.`, result.error)
  }
  return {
    schema,
    stringify,
    encode(value) {
      writer.clear() // what was not finished before is not there
      writer.value(value)
      return writer.take()
    },
    encodeAll(values) {
      writer.clear()
      const ends = values.map((value) => {
        writer.value(value)
        return writer.length
      })
      const bytes = writer.take()
      return ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
    },
    parse,
    decode: (bytes) => {
      let text: string
      try {
        text = utf8.decode(bytes)
      } catch (cause) {
        throw malformed('it is no UTF-8.', cause)
      }
      return parse(text)
    },
  }
}

/**
 * A record of `<p>.<chain>.transactions`: a transaction, a price that its block's events tell (after the transactions,
 * before the seal), or control in order with them.
 */
export const transactionsRecordSchema = z.discriminatedUnion('type', [
  chainTransactionSchema,
  priceTickSchema,
  controlSchema,
])
export type TransactionsRecord = Readonly<z.output<typeof transactionsRecordSchema>>
/** A record of `<p>.<chain>.mempool`: the state of a pending transaction, or control in order with it. */
export const mempoolRecordSchema = z.discriminatedUnion('type', [pendingTransactionSchema, controlSchema])
export type MempoolRecord = Readonly<z.output<typeof mempoolRecordSchema>>
/** A record of `<p>.<chain>.prices`. */
export const pricesRecordSchema = z.discriminatedUnion('type', [priceTickSchema, controlSchema])
export type PricesRecord = Readonly<z.output<typeof pricesRecordSchema>>

export const transactionsCodec = jsonCodec<TransactionsRecord>(
  'a record of a transactions topic',
  transactionsRecordSchema,
)
export const mempoolCodec = jsonCodec<MempoolRecord>('a record of a mempool topic', mempoolRecordSchema)
export const pricesCodec = jsonCodec<PricesRecord>('a record of the prices topic', pricesRecordSchema)
export const alertCodec = jsonCodec('an alert', alertSchema)
export const deadLetterCodec = jsonCodec('a dead letter', deadLetterSchema)
