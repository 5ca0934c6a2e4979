import type { Codec } from '../codec.ts'
import { decodeVersioned } from './versioned.ts'

/**
 * Entries of one key of a nested table, as one cell of the store. LevelDB offers no iterator that a fold could use, which
 * cannot wait, so the entries of a key must be found by name alone. With a cell for each entry and one that lists them,
 * a key with one open window would take two cells; in pages it takes one, and a key of many entries has only the pages
 * written that changed. The first page also names the others, each by its first entry.
 */
export interface Page {
  /** Only in the first page: where each of the others begins. */
  readonly firsts: readonly string[]
  readonly entries: readonly (readonly [sub: string, value: Uint8Array])[]
}

/** More are split in two. */
export const maxEntriesAPage = 64

/** The version of the value's codec in two bytes, then texts and bytes, each with its length in four bytes before it. */
export const encodePage = ({ firsts, entries }: Page, version: number): Uint8Array => {
  let length = 6
  for (const first of firsts) length += 4 + first.length
  for (const [sub, value] of entries) length += 8 + sub.length + value.length
  const bytes = Buffer.allocUnsafe(length)
  let at = bytes.writeUInt16BE(version, 0)
  at = bytes.writeUInt32BE(firsts.length, at)
  const write = (text: string) => {
    at = bytes.writeUInt32BE(text.length, at)
    at += bytes.write(text, at, 'latin1')
  }
  for (const first of firsts) write(first)
  for (const [sub, value] of entries) {
    write(sub)
    at = bytes.writeUInt32BE(value.length, at)
    bytes.set(value, at)
    at += value.length
  }
  return bytes
}

export const decodePage = (page: Uint8Array): Page & { readonly version: number } => {
  const bytes = Buffer.from(page.buffer, page.byteOffset, page.byteLength)
  const version = bytes.readUInt16BE(0)
  let at = 6
  const read = (): Buffer => {
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    return bytes.subarray(start, at)
  }
  const firsts = Array.from({ length: bytes.readUInt32BE(2) }, () => read().toString('latin1'))
  const entries: [string, Uint8Array][] = []
  while (at < bytes.length) entries.push([read().toString('latin1'), read()])
  return { version, firsts, entries }
}

/** A value of a page that was written by `version` of its codec. */
export const decodeEntry = <V>(codec: Codec<V>, value: Uint8Array, version: number, state: string): V => {
  if (version === codec.version) return codec.decode(value)
  const versioned = new Uint8Array(value.length + 2)
  versioned[0] = version >> 8
  versioned[1] = version & 0xff
  versioned.set(value, 2)
  return decodeVersioned(codec, versioned, state)
}
