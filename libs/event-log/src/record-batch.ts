import { crc32c } from '@node-rs/crc32'
import { decompress } from './compression.ts'
import { CorruptBatchError, UnsupportedBatchError } from './errors.ts'
import type { LogRecord } from './event-log.ts'
import { RecordView, Stretch } from './record-view.ts'

/** A batch of records as a broker stores and sends it. */
export interface StoredBatch {
  readonly baseOffset: number
  /** The offset of its last record, also when compaction has removed that. */
  readonly lastOffset: number
  readonly producerId: bigint
  readonly transactional: boolean
  /** What a control batch says; undefined for data. Offsets are used up by control batches too. */
  readonly control?: 'abort' | 'commit' | 'other'
  /** Empty for a control batch. */
  readonly records: readonly LogRecord[]
}

/** A transaction that was aborted: its batches begin at `firstOffset` and end at the abort marker of its producer. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

const HEADER_BYTES = 61
/** Where the checksum stands, and from where on it is taken: what a broker may change lies before. */
const CRC_AT = 17
const CHECKED_FROM = 21

/**
 * The batches in what a broker answered; a last one that was cut off is left out. Keys and values are views of `bytes`.
 * The checksum that the producer took is taken again: of what lies between its memory and ours, TCP checks the way with
 * 16 bits only. kafkajs decodes these too, but does not check, and gives single messages: a batch emptied by compaction
 * is lost to it, and with it where to read on. Source: Apache Kafka's message format, version 2 (KIP-98).
 * @throws {CorruptBatchError} the bytes are not those of the checksum. @throws {UnsupportedBatchError} a format before
 *   Kafka 0.11, or a compression that Kafka had not when this was written.
 */
export function decodeRecordBatches(
  bytes: Buffer,
  { isChecked = true }: { readonly isChecked?: boolean } = {},
): readonly StoredBatch[] {
  const batches: StoredBatch[] = []
  for (let at = 0; at + 12 <= bytes.length;) {
    const length = bytes.readInt32BE(at + 8)
    // The checksum does not cover it, and with a wrong one the same place might be read for ever.
    if (12 + length < HEADER_BYTES) {
      throw new CorruptBatchError(Number(bytes.readBigInt64BE(at)), `it says that it is ${length} bytes long`)
    }
    const end = at + 12 + length
    if (end > bytes.length) break
    const batch = bytes.subarray(at, end)
    if (isChecked) verifyBatch(batch)
    batches.push(decodeBatch(batch))
    at = end
  }
  return batches
}

/** A record of a batch that is to be sent, without headers, with the batch's timestamp. Source: as above. */
export function encodeRecord(offsetDelta: number, key: Buffer | null, value: Buffer | null): Buffer {
  const body = 3 + sizeOfVarint(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value)
  const bytes = Buffer.allocUnsafe(sizeOfVarint(body) + body)
  let at = writeVarint(bytes, 0, body)
  bytes[at++] = 0 // attributes
  bytes[at++] = 0 // timestamp delta
  at = writeBytes(bytes, writeVarint(bytes, at, offsetDelta), key)
  at = writeBytes(bytes, at, value)
  bytes[at] = 0 // headers
  return bytes
}

// Zigzag, so a byte holds 6 bits of what is not negative, and each further one 7; -1, which stands for null, is 1.
function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = value >>> 6; rest > 0; rest >>>= 7) size++
  return size
}
function writeVarint(to: Buffer, at: number, value: number): number {
  let rest = value * 2
  for (; rest > 0x7f; rest >>>= 7) to[at++] = (rest & 0x7f) | 0x80
  to[at++] = rest
  return at
}
const sizeOfBytes = (bytes: Buffer | null) => (bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length)
function writeBytes(to: Buffer, at: number, bytes: Buffer | null): number {
  if (bytes === null) {
    to[at] = 1
    return at + 1
  }
  const from = writeVarint(to, at, bytes.length)
  to.set(bytes, from)
  return from + bytes.length
}

function verifyBatch(batch: Buffer): void {
  const offset = Number(batch.readBigInt64BE(0))
  const magic = batch.readInt8(16)
  if (magic !== 2) throw new UnsupportedBatchError(`message format ${magic}`)
  const [stored, computed] = [batch.readUInt32BE(CRC_AT), crc32c(batch.subarray(CHECKED_FROM))]
  if (stored !== computed) {
    const [is, was] = [computed, stored].map((crc) => crc.toString(16).padStart(8, '0'))
    throw new CorruptBatchError(offset, `its checksum is ${is}, not ${was}`)
  }
}

/**
 * What a committed reader at `from` gets of `batches`: no control batches and, of the transactions, those that were not
 * aborted. Exact for aborts that interleave and for a start inside one: brokers list every abort that touches the range
 * they send, in no order. Source: CompletedFetch of Kafka's own consumer.
 */
export function committedRecords(
  batches: readonly StoredBatch[],
  aborted: readonly AbortedTransaction[],
  from: number,
): { readonly records: readonly LogRecord[]; readonly nextOffset: number } {
  const pending = aborted.toSorted((a, b) => b.firstOffset - a.firstOffset) // the next to begin is last
  const aborting = new Set<bigint>()
  const records: LogRecord[] = []
  let nextOffset = from
  for (const batch of batches) {
    for (let next = pending.at(-1); next && next.firstOffset <= batch.lastOffset; next = pending.at(-1)) {
      aborting.add(next.producerId)
      pending.pop()
    }
    if (batch.control === 'abort') aborting.delete(batch.producerId)
    else if (!batch.transactional || !aborting.has(batch.producerId)) {
      for (const record of batch.records) if (record.offset >= from) records.push(record)
    }
    nextOffset = Math.max(nextOffset, batch.lastOffset + 1)
  }
  return { records, nextOffset }
}

function decodeBatch(batch: Buffer): StoredBatch {
  const magic = batch.readInt8(16)
  if (magic !== 2) throw new UnsupportedBatchError(`message format ${magic}`)
  const baseOffset = Number(batch.readBigInt64BE(0))
  const attributes = batch.readInt16BE(21)
  const at = {
    baseOffset,
    lastOffset: baseOffset + batch.readInt32BE(23),
    producerId: batch.readBigInt64BE(43),
    transactional: (attributes & 0b01_0000) !== 0,
  }
  const count = batch.readInt32BE(57)
  const records = decodeRecords(decompress(batch.subarray(HEADER_BYTES), attributes & 0b111), count, baseOffset)
  return (attributes & 0b10_0000) === 0 ? { ...at, records } : { ...at, control: controlType(records[0]), records: [] }
}

/** The key of a control record is its version and its type, two bytes each. */
function controlType(record: LogRecord | undefined): 'abort' | 'commit' | 'other' {
  const key = record?.key
  if (!key || key.length < 4 || key[2] !== 0) return 'other'
  return key[3] === 0 ? 'abort' : key[3] === 1 ? 'commit' : 'other'
}

function decodeRecords(bytes: Buffer, count: number, baseOffset: number): readonly LogRecord[] {
  const records: LogRecord[] = []
  const stretch = new Stretch(bytes)
  let at = 0
  // Zigzag of at most 32 bits: lengths and offset deltas.
  const readVarint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
  }
  const readBytes = (): Buffer | null => {
    const length = readVarint()
    if (length < 0) return null
    at += length
    return bytes.subarray(at - length, at)
  }
  while (records.length < count) {
    const length = readVarint()
    const end = at + length
    at++ // attributes: none is in use
    while (bytes.readUInt8(at++) >= 0x80); // the time stamp of the broker's or producer's clock: not ours to read
    const offset = baseOffset + readVarint()
    const key = readBytes()
    const size = Math.max(readVarint(), 0) // below 0: null, which the port does not have
    records.push(new RecordView(offset, key, stretch, at, at + size))
    at = end // headers are not part of the port
  }
  return records
}
