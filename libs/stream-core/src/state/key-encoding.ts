import type { Codec, KeyCodec } from '../codec.ts'
import { isAscii } from './scanned-key.ts'

/**
 * Keys as ordered bytes: comparing the bytes compares the values, so a range of keys is a range of the store, and the
 * order of timers and of map entries is the same on every machine. In memory a key is its *byte string*, one char
 * (U+0000 to U+00FF) a byte: a fit key for a `Map`, and `<` on byte strings is the order of the bytes.
 */
export type ByteString = string

/** A key selector gave what its codec cannot hold, such as half a surrogate pair. */
export class KeyEncodingError extends Error {
  readonly code = 'STREAM_KEY_ENCODING'
  readonly handling = 'dead-letter'
  readonly remedy = 'Key by a value that the key codec can hold, or use another key codec.'
}

/** Bytes as a text of one char each: what maps and comparisons in memory take. */
export const toByteString = (bytes: Uint8Array): ByteString =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
/** The bytes again. */
export const fromByteString = (text: ByteString): Uint8Array => Buffer.from(text, 'latin1')

/** Between the values of a codec and the byte strings that stand for them in memory. */
export const byteStringsOf = <T>(
  codec: Codec<T>,
): { readonly of: (value: T) => ByteString; readonly from: (text: ByteString) => T } =>
  codec.byteString ?? {
    of: (value) => toByteString(codec.encode(value)),
    from: (text) => codec.decode(fromByteString(text)),
  }

/** The UTF-8 of a text. */
export const utf8ByteString = (text: string): ByteString => {
  if (isAscii(text)) return text
  if (!text.isWellFormed()) throw new KeyEncodingError(`A key holds half a surrogate pair: ${JSON.stringify(text)}.`)
  return Buffer.from(text, 'utf8').toString('latin1')
}
const fromUtf8ByteString = (bytes: ByteString): string =>
  isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')

const keyCodec = <T>(of: (value: T) => ByteString, from: (text: ByteString) => T): KeyCodec<T> => ({
  version: 1,
  ordered: true,
  encode: (value) => fromByteString(of(value)),
  decode: (bytes) => from(toByteString(bytes)),
  byteString: { of, from },
})

/** UTF-8; sorts by code point. */
export const stringKey: KeyCodec<string> = keyCodec(utf8ByteString, fromUtf8ByteString)

const scratch = Buffer.alloc(8)

const writeInteger = (value: number, to: Buffer): Buffer => {
  if (!Number.isSafeInteger(value)) throw new KeyEncodingError(`A key of ${value} is not a safe integer.`)
  const high = Math.floor(value / 0x1_0000_0000)
  to.writeUInt32BE((high + 0x8000_0000) >>> 0, 0)
  to.writeUInt32BE(value - high * 0x1_0000_0000, 4)
  return to
}
const readInteger = (from: Buffer): number =>
  (from.readUInt32BE(0) - 0x8000_0000) * 0x1_0000_0000 + from.readUInt32BE(4)

/** Eight bytes, big-endian, offset so that negative numbers sort first. Only safe integers. */
export const integerKey: KeyCodec<number> = {
  ...keyCodec(
    (value) => writeInteger(value, scratch).toString('latin1', 0, 8),
    (text) => {
      scratch.write(text, 0, 8, 'latin1')
      return readInteger(scratch)
    },
  ),
  // Not through a text: a checkpoint of a million timestamps writes each so.
  encode: (value) => writeInteger(value, Buffer.allocUnsafe(8)),
  decode: (bytes) => readInteger(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
}

/** Event time, ms. */
export const timestampCodec: KeyCodec<number> = { ...integerKey }

const maxMagnitudeBytes = 126

/** The length of the magnitude first (below 0x80 for negatives, whose bytes are complemented), then big-endian. */
export const bigintKey: KeyCodec<bigint> = keyCodec(
  (value) => {
    const magnitude = value < 0n ? -value : value
    const hex = magnitude === 0n ? '' : magnitude.toString(16)
    const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
    if (bytes.length > maxMagnitudeBytes) throw new KeyEncodingError(`A bigint key needs ${bytes.length} bytes.`)
    if (value >= 0n) return String.fromCharCode(0x80 + bytes.length) + bytes.toString('latin1')
    return String.fromCharCode(0x7f - bytes.length) + Buffer.from(bytes.map((byte) => byte ^ 0xff)).toString('latin1')
  },
  (text) => {
    const head = text.charCodeAt(0)
    const bytes = Buffer.from(text.slice(1), 'latin1')
    const magnitude = (of: Buffer) => (of.length === 0 ? 0n : BigInt(`0x${of.toString('hex')}`))
    return head >= 0x80 ? magnitude(bytes) : -magnitude(Buffer.from(bytes.map((byte) => byte ^ 0xff)))
  },
)

// Zero is escaped as 00 FF and a part ends with 00 01: so a part sorts before every longer part that begins with it.
const escapePart = (part: ByteString): ByteString =>
  (part.includes('\0') ? part.replaceAll('\0', '\0\xff') : part) + '\0\x01'

/** Parts one after the other, each ended so that no two lists of parts share their bytes; sorts part by part. */
export const joinParts = (parts: readonly ByteString[]): ByteString => {
  let joined = ''
  for (const part of parts) joined += escapePart(part)
  return joined
}

/** The byte strings that a key of several parts was joined of. */
export const splitParts = (text: ByteString): ByteString[] => {
  const parts: ByteString[] = []
  let start = 0
  for (let at = text.indexOf('\0'); at !== -1; at = text.indexOf('\0', at + 2)) {
    if (text.charCodeAt(at + 1) === 0xff) continue
    parts.push(text.slice(start, at).replaceAll('\0\xff', '\0'))
    start = at + 2
  }
  return parts
}

/** A key of several parts, sorted by the first, then the second, and so on. */
export const tupleKey = <Parts extends readonly unknown[]>(
  ...codecs: { readonly [I in keyof Parts]: KeyCodec<Parts[I]> }
): KeyCodec<Parts> => {
  // A mapped tuple type loses its element type under iteration; each codec meets only the part of its own index.
  const parts = (codecs as readonly KeyCodec<unknown>[]).map((codec) => byteStringsOf(codec))
  return keyCodec<Parts>(
    (value) => joinParts(parts.map((part, index) => part.of(value[index]))),
    (text) => {
      const texts = splitParts(text)
      return parts.map((part, index) => part.from(texts[index] ?? '')) as unknown as Parts
    },
  )
}
