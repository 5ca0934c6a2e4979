import { z } from 'zod'
import type { Address } from './address.ts'
import { hashSchema, type Hash } from './hash.ts'

/**
 * A value as its ABI type has it: numbers of any size as decimal strings, `address` and bytes as hex, `string` tamed, a
 * tuple as its components, an array as its items. Null: the log holds only its hash, or it is text and no UTF-8.
 */
export type AbiValue = string | boolean | null | readonly AbiArgument[] | readonly AbiValue[]

/** An argument of an event or a call of a contract whose ABI a user gave. */
export interface AbiArgument {
  /** Empty where the ABI gives it no name. */
  readonly name: string
  /** The canonical type: `uint256`, `(address,uint256)[]`. */
  readonly type: string
  readonly value: AbiValue
  /** Of an indexed value that fits in no topic (text, bytes, array, tuple): Keccak-256 of it, all that a log tells. */
  readonly hash?: Hash | undefined
}

const abiValueSchema: z.ZodType<AbiValue, AbiValue> = z
  .lazy(() => z.union([z.string(), z.boolean(), z.null(), z.array(abiArgumentSchema), z.array(abiValueSchema)]))
  .meta({ id: 'AbiValue' })
// The cast: a hash is a string on the wire, and parsing it changes nothing.
const abiArgumentSchema = z
  .lazy(() => z.object({ name: z.string(), type: z.string(), value: abiValueSchema, hash: hashSchema.optional() }))
  .meta({ id: 'AbiArgument' }) as z.ZodType<AbiArgument, AbiArgument>

/** What every record has that a user's ABI explains. */
export const abiFields = {
  /** The ABI that explains it: its contract's name, or its file's. */
  abi: z.string(),
  /** Name and types, which tell overloads apart: `Deposit(address,uint256)`. */
  signature: z.string(),
  arguments: z.array(abiArgumentSchema),
}

/** The addresses among the arguments, by type: text that looks like one, and `bytes20`, are none. */
export function addressesOfArguments(args: readonly AbiArgument[]): readonly Address[] {
  return args.flatMap(({ type, value }) => addressesOfValue(type, value))
}

function addressesOfValue(type: string, value: AbiValue): readonly Address[] {
  if (typeof value === 'string') return type === 'address' ? [value as Address] : [] // what its type says, decoded
  if (!isList(value)) return []
  // An array's items are of its type without the last brackets; a tuple's components say their own.
  if (type.endsWith(']')) {
    const item = type.slice(0, type.lastIndexOf('['))
    return (value as readonly AbiValue[]).flatMap((each) => addressesOfValue(item, each))
  }
  return addressesOfArguments(value as readonly AbiArgument[])
}

const isList = (value: AbiValue): value is readonly AbiArgument[] | readonly AbiValue[] => Array.isArray(value)
