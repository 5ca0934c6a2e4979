import { isAscii } from 'node:buffer'
import type { LogRecord, NewRecord } from './event-log.ts'
import { RecordView, Stretch } from './record-view.ts'

/**
 * Records of one transaction and partition, stored as one entry. Numbers are big-endian, of 32 bits where not said:
 *
 *     3, flags (8 bits each), 16 bits unused, how many records
 *     of each record, where its value ends behind the first value's start
 *     if any has a key: of each record, the length of its key plus one (0: none); then the keys
 *     the values
 *
 * A frame whose first byte is 0 is of format 2, which had no flags: how many records, then of each the length of its key
 * plus one, that of its value, its key and its value. It is still read.
 */
const format = 3
const headBytes = 8
const flagOf = { asciiValues: 1, keys: 2 }

export function encodeFrame(records: readonly NewRecord[]): Uint8Array {
  const keyed = records.some(({ key }) => key !== null) ? records.length : 0
  let size = headBytes + 4 * (records.length + keyed)
  for (const { key, value } of records) size += (key?.length ?? 0) + value.length
  const bytes = Buffer.allocUnsafe(size)
  let at = headBytes + 4 * (records.length + keyed)
  if (keyed > 0) {
    for (const [index, { key }] of records.entries()) {
      bytes.writeUInt32BE(key === null ? 0 : key.length + 1, headBytes + 4 * (records.length + index))
      if (key === null) continue
      bytes.set(key, at)
      at += key.length
    }
  }
  const values = at
  for (const [index, { value }] of records.entries()) {
    bytes.set(value, at)
    at += value.length
    bytes.writeUInt32BE(at - values, headBytes + 4 * index)
  }
  const ascii = isAscii(bytes.subarray(values)) ? flagOf.asciiValues : 0
  bytes.set([format, ascii | (keyed > 0 ? flagOf.keys : 0), 0, 0])
  bytes.writeUInt32BE(records.length, 4)
  return bytes
}

/** Adds the frame's records from offset `from` on; `last` is the offset of its last. */
export function decodeFrame(last: number, frame: Uint8Array, from: number, records: LogRecord[]): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.getUint8(0) === 0) {
    decodeFormat2(last, frame, from, records)
    return
  }
  const flags = view.getUint8(1)
  const count = view.getUint32(4)
  const first = last + 1 - count
  const keys = (flags & flagOf.keys) === 0 ? null : keysOf(frame, count)
  const values = frame.length - (count === 0 ? 0 : view.getUint32(headBytes + 4 * (count - 1)))
  const stretch = new Stretch(frame, (flags & flagOf.asciiValues) === 0 ? Infinity : values)
  const skipped = Math.min(Math.max(from - first, 0), count)
  let start = values + (skipped === 0 ? 0 : view.getUint32(headBytes + 4 * (skipped - 1)))
  for (let index = skipped; index < count; index += 1) {
    const end = values + view.getUint32(headBytes + 4 * index)
    records.push(new RecordView(first + index, keys === null ? null : (keys[index] ?? null), stretch, start, end))
    start = end
  }
}

function keysOf(frame: Uint8Array, count: number): readonly (Uint8Array | null)[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const keys: (Uint8Array | null)[] = []
  let at = headBytes + 8 * count
  for (let index = 0; index < count; index += 1) {
    const length = view.getUint32(headBytes + 4 * (count + index)) - 1
    keys.push(length < 0 ? null : frame.subarray(at, at + length))
    at += Math.max(length, 0)
  }
  return keys
}

function decodeFormat2(last: number, frame: Uint8Array, from: number, records: LogRecord[]): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const stretch = new Stretch(frame)
  let offset = last + 1 - view.getUint32(0)
  for (let at = 4; at < frame.length; offset += 1) {
    const keyed = view.getUint32(at)
    const start = at + 8 + Math.max(keyed - 1, 0)
    const key = keyed === 0 ? null : frame.subarray(at + 8, start)
    at = start + view.getUint32(at + 4)
    if (offset >= from) records.push(new RecordView(offset, key, stretch, start, at))
  }
}
