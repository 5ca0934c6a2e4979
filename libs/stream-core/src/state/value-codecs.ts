import type { Codec } from '../codec.ts'
import { bigintKey, stringKey } from './key-encoding.ts'

export const stringCodec: Codec<string> = stringKey
export const bigintCodec: Codec<bigint> = bigintKey

/** A double, eight bytes; NaN and −0 come back as they were. */
export const numberCodec: Codec<number> = {
  version: 1,
  encode: (value) => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    return bytes
  },
  decode: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readDoubleBE(0),
}

export class StateValueError extends TypeError {
  readonly code = 'STREAM_STATE_VALUE'
  readonly handling = 'stop'
  readonly remedy = 'Keep plain objects, arrays, strings, numbers, bigints, booleans and null in state.'
}

const isPlain = (value: object) => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const toJson = (value: unknown): unknown => {
  if (typeof value === 'bigint') return { $n: value.toString() }
  if (typeof value === 'number') {
    return Number.isFinite(value) && !Object.is(value, -0) ? value : { $f: Object.is(value, -0) ? '-0' : `${value}` }
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map(toJson)
  if (typeof value === 'object' && isPlain(value)) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
    fields.sort(([a], [b]) => (a < b ? -1 : 1))
    // Object.fromEntries defines own properties, so `__proto__` is a name like any other; `$` marks what JSON lacks.
    return Object.fromEntries(fields.map(([name, field]) => [name.startsWith('$') ? `$${name}` : name, toJson(field)]))
  }
  throw new StateValueError(`A value of type ${typeof value} cannot be kept in state.`)
}

const fromJson = (value: unknown): unknown => {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(fromJson)
  const fields = Object.entries(value)
  const [only] = fields
  if (fields.length === 1 && only?.[0] === '$n') return BigInt(String(only[1]))
  if (fields.length === 1 && only?.[0] === '$f') return Number(only[1])
  return Object.fromEntries(
    fields.map(([name, field]) => [name.startsWith('$') ? name.slice(1) : name, fromJson(field)]),
  )
}

/**
 * Canonical JSON: sorted fields, so equal values have equal bytes; bigints and the numbers that JSON lacks survive.
 * Fields of value `undefined` are left out. The caller vouches for `T`: nothing is checked on the way back.
 */
export const jsonStateCodec = <T>(version = 1): Codec<T> => ({
  version,
  encode: (value) => Buffer.from(JSON.stringify(toJson(value)), 'utf8'),
  decode: (bytes) => fromJson(JSON.parse(Buffer.from(bytes).toString('utf8'))) as T, // its own encode wrote the bytes
})
