import type { Codec } from '../codec.ts'
import { bigintKey, stringKey } from './key-encoding.ts'

/** UTF-8. @throws {KeyEncodingError} for half a surrogate pair */
export const stringCodec: Codec<string> = stringKey
/** Of up to 126 bytes. @throws {KeyEncodingError} beyond */
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

/** A value in state is none that comes back from its bytes as it was, such as a Date or a class of its own. */
export class StateValueError extends TypeError {
  readonly code = 'STREAM_STATE_VALUE'
  readonly handling = 'stop'
  readonly remedy = 'Keep plain objects, arrays, strings, numbers, bigints, booleans and null in state.'
}

const isPlain = (value: object) => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

// Most texts need no escape: to look costs half of what JSON.stringify does.
const needsNoEscape = /^[ !#-[\]-~]*$/
const quoted = (text: string): string => (needsNoEscape.test(text) ? `"${text}"` : JSON.stringify(text))

// Written by hand: through JSON.stringify each object would first be copied with its fields in order, at four times
// the cost.
const toJson = (value: unknown): string => {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint') return `{"$n":"${value}"}`
  if (typeof value === 'number') {
    if (Number.isFinite(value) && !Object.is(value, -0)) return `${value}`
    return `{"$f":"${Object.is(value, -0) ? '-0' : value}"}`
  }
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`
  if (typeof value === 'object' && isPlain(value)) return objectToJson(value as Readonly<Record<string, unknown>>)
  throw new StateValueError(`A value of type ${typeof value} cannot be kept in state.`)
}

const objectToJson = (value: Readonly<Record<string, unknown>>): string => {
  let text = '{'
  for (const name of sorted(Object.keys(value))) {
    const field = value[name]
    if (field === undefined) continue
    if (text.length > 1) text += ','
    // `$` marks what JSON lacks.
    text += `${quoted(name.startsWith('$') ? `$${name}` : name)}:${toJson(field)}`
  }
  return `${text}}`
}

const sorted = (names: string[]): string[] => {
  for (let at = 1; at < names.length; at += 1) {
    if ((names[at - 1] ?? '') > (names[at] ?? '')) return names.sort((a, b) => (a < b ? -1 : 1))
  }
  return names
}

/** Changes what was parsed in place. */
const fromJson = (value: unknown): unknown => {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) value[at] = fromJson(value[at])
    return value
  }
  const fields = value as Record<string, unknown> // parsed JSON that is neither null nor a list
  for (const name in fields) if (isSpecial(name)) return specialFromJson(fields)
  for (const name in fields) {
    const field = fields[name]
    if (typeof field === 'object') fields[name] = fromJson(field)
  }
  return fields
}
/** Some of its names are marked, so these are no fields yet. */
const specialFromJson = (fields: Readonly<Record<string, unknown>>): unknown => {
  const names = Object.keys(fields)
  const [only] = names
  if (names.length === 1 && only === '$n') return BigInt(String(fields[only]))
  if (names.length === 1 && only === '$f') return Number(fields[only])
  // Object.fromEntries defines own properties, so `__proto__` is a name like any other.
  return Object.fromEntries(names.map((name) => unmarked(name, fields)))
}
const isSpecial = (name: string): boolean => name.charCodeAt(0) === dollar || name === '__proto__'
const dollar = 0x24
const unmarked = (name: string, fields: Readonly<Record<string, unknown>>): [string, unknown] => [
  name.startsWith('$') ? name.slice(1) : name,
  fromJson(fields[name]),
]

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('utf8')

/**
 * Canonical JSON: sorted fields, so equal values have equal bytes; bigints and the numbers that JSON lacks survive.
 * Fields of value `undefined` are left out. The caller vouches for `T`: nothing is checked on the way back.
 */
export const jsonStateCodec = <T>(version = 1): Codec<T> => ({
  version,
  encode: (value) => Buffer.from(toJson(value), 'utf8'),
  // Its own encode wrote the bytes.
  decode: (bytes) => fromJson(JSON.parse(textOf(bytes))) as T,
})
