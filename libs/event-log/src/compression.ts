import { createRequire } from 'node:module'
import zlib from 'node:zlib'
import { UnsupportedBatchError } from './errors.ts'

/** By Kafka's number in a batch's attributes. Source: Apache Kafka's message format, version 2. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof compressions)[number]

// Loaded by the first batch that needs them; none has types. Pure JavaScript, so that they load wherever Node does.
const require = createRequire(import.meta.url)
const snappyjs = () =>
  require('snappyjs') as { compress(bytes: Uint8Array): Uint8Array; uncompress(bytes: Uint8Array): Uint8Array }
const lz4js = () =>
  require('lz4js') as { compress(bytes: Uint8Array): Uint8Array; decompress(bytes: Uint8Array): Uint8Array }
const fzstd = () => require('fzstd') as { decompress(bytes: Uint8Array): Uint8Array }

/** @throws {UnsupportedBatchError} zstd on a Node before 22.15, which can read it only. */
export function compress(bytes: Uint8Array, compression: Compression): Buffer {
  switch (compression) {
    case 'none':
      return asBuffer(bytes)
    case 'gzip':
      return zlib.gzipSync(bytes)
    case 'snappy':
      return asBuffer(snappyjs().compress(bytes))
    case 'lz4':
      return lz4Frame(bytes)
    case 'zstd':
      if (!canWrite('zstd')) throw new UnsupportedBatchError('zstd, which needs Node 22.15 or newer to be written')
      return zlib.zstdCompressSync(bytes)
  }
}

/** Node 20 has no zstd, only reads it; importing it by name would keep the whole program from starting there. */
export const canWrite = (compression: Compression): boolean => compression !== 'zstd' || 'zstdCompressSync' in zlib

/** @throws {UnsupportedBatchError} a number that Kafka does not give to a compression. */
export function decompress(bytes: Buffer, number: number): Buffer {
  const compression = compressions[number]
  if (compression === undefined) throw new UnsupportedBatchError(`compression ${number}`)
  switch (compression) {
    case 'none':
      return bytes
    case 'gzip':
      return zlib.gunzipSync(bytes)
    case 'snappy':
      return Buffer.concat(snappyBlocks(bytes).map((block) => snappyjs().uncompress(block)))
    case 'lz4':
      return asBuffer(lz4js().decompress(bytes))
    case 'zstd':
      return canWrite('zstd') ? zlib.zstdDecompressSync(bytes) : asBuffer(fzstd().decompress(bytes))
  }
}

// Magic number; version 1 of independent blocks; of up to 4 MiB; and the checksum of these two bytes.
const LZ4_HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73])
const LZ4_BLOCK_BYTES = 4 << 20
const LZ4_END = Buffer.alloc(4)

/**
 * Brokers take frames of independent blocks alone. What lz4js writes does not say that it is one, and is none beyond one
 * block, so each block is made apart and put under a header that says so. Source: LZ4 frame format 1.6.
 */
function lz4Frame(bytes: Uint8Array): Buffer {
  const blocks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += LZ4_BLOCK_BYTES) {
    const frame = lz4js().compress(bytes.subarray(at, at + LZ4_BLOCK_BYTES))
    blocks.push(frame.subarray(LZ4_HEADER.length, frame.length - LZ4_END.length))
  }
  return Buffer.concat([LZ4_HEADER, ...blocks, LZ4_END])
}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16

/**
 * Java's clients and brokers write snappy as blocks behind a header of their own, each with its length before it;
 * others write one block. Source: SnappyOutputStream of xerial/snappy-java.
 */
function snappyBlocks(bytes: Buffer): readonly Buffer[] {
  if (!bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [bytes]
  const blocks: Buffer[] = []
  for (let at = XERIAL_HEADER_BYTES; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readInt32BE(at)
    blocks.push(bytes.subarray(at + 4, end))
    at = end
  }
  return blocks
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength)
