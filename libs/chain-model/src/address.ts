import { z } from 'zod'
import { lowerCaseHex } from './hex-digits.ts'

/** A 20-byte account or contract address: `0x` and 40 lower-case hex digits. One spelling, so that equality is `===`. */
export type Address = `0x${string}` & { readonly __brand: 'Address' }

const shape = /^0x[0-9a-f]{40}$/

/** On the wire: exactly the lower-case form. Use {@link parseAddress} for what people and nodes write. */
export const addressSchema = z
  .string()
  .regex(shape, 'an address: 0x and 40 lower-case hex digits')
  .transform((text) => text as Address)

/**
 * The address that `text` spells, in any case (EIP-55 checksums are not checked: mixed case is common in label files).
 * @throws {TypeError} naming the text that is no address.
 */
export function parseAddress(text: unknown): Address {
  const lower = lowerCaseHex(text, 40)
  if (lower === undefined) throw new TypeError(`${JSON.stringify(text)} is no address: 0x and 40 hex digits.`)
  return lower as Address
}

/** The zero address: where mints come from and burns go to. */
export const zeroAddress = parseAddress(`0x${'0'.repeat(40)}`)
