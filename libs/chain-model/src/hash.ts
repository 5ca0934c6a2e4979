import { z } from 'zod'
import { lowerCaseHex } from './hex-digits.ts'

/** 32 bytes: `0x` and 64 lower-case hex digits. Block hashes, transaction hashes, topics. */
export type Hash = `0x${string}` & { readonly __brand: 'Hash' }

/** Bytes of any length as `0x` and lower-case hex digits, two a byte. */
export type Hex = `0x${string}`

const shape = /^0x[0-9a-f]{64}$/

export const hashSchema = z
  .string()
  .regex(shape, 'a hash: 0x and 64 lower-case hex digits')
  .transform((text) => text as Hash)

export const hexSchema = z
  .string()
  .regex(/^0x(?:[0-9a-f]{2})*$/, 'bytes: 0x and an even number of lower-case hex digits')
  .transform((text) => text as Hex)

/** @throws {TypeError} naming the text that is no hash. */
export function parseHash(text: unknown): Hash {
  const lower = lowerCaseHex(text, 64)
  if (lower === undefined) throw new TypeError(`${JSON.stringify(text)} is no hash: 0x and 64 hex digits.`)
  return lower as Hash
}
