import { z } from 'zod'
import type { AbiArgument, AbiValue } from './abi-argument.ts'
import { addressSchema } from './address.ts'
import { amountSchema, signedAmountSchema } from './amount.ts'
import { chainCallSchema, type ChainCall } from './call.ts'
import { chainEventSchema, type ChainEvent } from './chain-event.ts'
import { hashSchema, hexSchema } from './hash.ts'

/** A field of an event or a call that Tocsin decodes itself, with the ABI type that says what it holds. */
export interface DecodedField {
  readonly name: string
  /** `address`, `int256` for every number, `bytes`, `string`, `bool`, or a list of these: `address[]`. */
  readonly type: string
}

/** What says where a record stands, and what only an ABI or nothing explains. */
const commonFields: readonly string[] = ['type', 'logIndex', 'address', 'traceAddress', 'caller', 'rest']
const explainedElsewhere: readonly string[] = ['contract-event', 'contract-call', 'log']

/** Null: it is of several parts, which have no name of their own here. */
function typeOf(schema: unknown): string | null {
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) return typeOf(schema.unwrap())
  if (schema === addressSchema) return 'address'
  if (schema === amountSchema || schema === signedAmountSchema || schema instanceof z.ZodNumber) return 'int256'
  if (schema === hashSchema || schema === hexSchema) return 'bytes'
  if (schema instanceof z.ZodBoolean) return 'bool'
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return 'string'
  if (!(schema instanceof z.ZodArray)) return null
  const item = typeOf(schema.element)
  return item === null || item.endsWith(']') ? null : `${item}[]`
}

const fieldsByType = (
  schemas: readonly {
    readonly shape: Readonly<Record<string, unknown>> & { readonly type: { readonly value: string } }
  }[],
): ReadonlyMap<string, readonly DecodedField[]> =>
  new Map(
    schemas
      .filter(({ shape }) => !explainedElsewhere.includes(shape.type.value))
      .map(({ shape }) => [
        shape.type.value,
        Object.entries(shape).flatMap(([name, schema]): readonly DecodedField[] => {
          const type = commonFields.includes(name) ? null : typeOf(schema)
          return type === null ? [] : [{ name, type }]
        }),
      ]),
  )

/** The events that Tocsin decodes itself, by type, each with the fields that can be compared. */
export const decodedEvents = fieldsByType(chainEventSchema.options)
/** The same of calls. `value` is what was sent along, unless the call has one of its own. */
export const decodedCalls = fieldsByType(chainCallSchema.options)

/** The fields as arguments; null where it is not Tocsin that decodes it. An event and a call may be of one type. */
export function argumentsOfDecoded(record: ChainEvent | ChainCall, of: 'event' | 'call'): AbiArgument[] | null {
  const fields = (of === 'event' ? decodedEvents : decodedCalls).get(record.type)
  if (fields === undefined) return null
  const said: Readonly<Record<string, unknown>> = record
  return fields.map(({ name, type }) => ({ name, type, value: valueOf(said[name]) }))
}

function valueOf(value: unknown): AbiValue {
  if (typeof value === 'bigint' || typeof value === 'number') return String(value)
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return Array.isArray(value) ? value.map(valueOf) : null
}
