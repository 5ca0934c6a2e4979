import type { StoredCell } from '../state/state-store.ts'

/** A cell as a checkpoint changes it; null deletes it. */
export type ChangedCell = Omit<StoredCell, 'value'> & { readonly value: Uint8Array | null }

/**
 * A piece of a checkpoint in the checkpoint topic. The first piece says what begins, the last has the head; whatever was
 * begun before and has no last piece is void.
 */
export interface CheckpointRecord {
  /** `snapshot`: all cells there are; `increment`: those that changed since the checkpoint before. */
  readonly begins: 'snapshot' | 'increment' | null
  readonly cells: readonly ChangedCell[]
  readonly meta: Uint8Array | null
}

export class CheckpointRecordError extends Error {
  readonly code = 'STREAM_CHECKPOINT_RECORD'
  readonly handling = 'stop'
  readonly remedy =
    'Give the job its own checkpoint topic, or delete that topic while the job is stopped if another version wrote it.'
}

const format = 1
const snapshotBegins = 1
const incrementBegins = 2
const hasMeta = 4
const newTable = 1
const hasSub = 2
const isDeleted = 4
const flagsAt = 1
const metaLengthAt = 2
const headSize = 6

/** Cells on their way into one record. */
export class CheckpointRecordWriter {
  #buffer = Buffer.allocUnsafe(1 << 16)
  #size = headSize
  #table: string | null = null

  /** Of the cells so far. */
  get bytes(): number {
    return this.#size - headSize
  }

  add({ table, key, sub, value }: ChangedCell): void {
    const isNewTable = table !== this.#table
    const room = 1 + (isNewTable ? 4 + 3 * table.length : 0) + 4 + key.length + 4 + (sub?.length ?? 0) + 4
    this.#room(room + (value?.length ?? 0))
    this.#byte((isNewTable ? newTable : 0) | (sub === null ? 0 : hasSub) | (value === null ? isDeleted : 0))
    if (isNewTable) this.#text(table, 'utf8')
    this.#table = table
    this.#text(key, 'latin1')
    if (sub !== null) this.#text(sub, 'latin1')
    if (value === null) return
    this.#size = this.#buffer.writeUInt32LE(value.length, this.#size)
    this.#buffer.set(value, this.#size)
    this.#size += value.length
  }

  /** The record; the writer begins anew. */
  take(begins: CheckpointRecord['begins'], meta: Uint8Array | null): Uint8Array {
    const [buffer, size] = [this.#buffer, this.#size]
    buffer[0] = format
    const began = begins === null ? 0 : begins === 'snapshot' ? snapshotBegins : incrementBegins
    buffer[flagsAt] = began | (meta === null ? 0 : hasMeta)
    buffer.writeUInt32LE(meta?.length ?? 0, metaLengthAt)
    this.#buffer = Buffer.allocUnsafe(1 << 16)
    this.#size = headSize
    this.#table = null
    const cells = buffer.subarray(0, size)
    return meta === null ? cells : Buffer.concat([cells, meta])
  }

  #byte(value: number): void {
    this.#buffer[this.#size] = value
    this.#size += 1
  }
  #text(text: string, encoding: 'utf8' | 'latin1'): void {
    const length = this.#buffer.write(text, this.#size + 4, encoding)
    this.#buffer.writeUInt32LE(length, this.#size)
    this.#size += 4 + length
  }
  #room(bytes: number): void {
    if (this.#size + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#size + bytes))
    larger.set(this.#buffer.subarray(0, this.#size))
    this.#buffer = larger
  }
}

/** @throws {CheckpointRecordError} if another format or no checkpoint at all was written. */
export const decodeCheckpointRecord = (bytes: Uint8Array): CheckpointRecord => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < headSize || buffer[0] !== format) {
    throw new CheckpointRecordError(
      `A record of the checkpoint topic has format ${buffer[0] ?? 'none'}; this version reads format ${format}.`,
    )
  }
  const flags = buffer[flagsAt] ?? 0
  const end = buffer.length - buffer.readUInt32LE(metaLengthAt)
  const cells: ChangedCell[] = []
  let at = headSize
  let table = ''
  const part = (): Buffer => {
    const length = buffer.readUInt32LE(at)
    at += 4 + length
    return buffer.subarray(at - length, at)
  }
  try {
    while (at < end) {
      const cellFlags = buffer[at] ?? 0
      at += 1
      if ((cellFlags & newTable) !== 0) table = part().toString('utf8')
      const key = part().toString('latin1')
      const sub = (cellFlags & hasSub) === 0 ? null : part().toString('latin1')
      cells.push({ table, key, sub, value: (cellFlags & isDeleted) === 0 ? part() : null })
    }
  } catch (cause) {
    throw new CheckpointRecordError('A record of the checkpoint topic ends in the middle of a cell.', { cause })
  }
  const began = (flags & snapshotBegins) === 0 ? null : 'snapshot'
  return {
    begins: (flags & incrementBegins) === 0 ? began : 'increment',
    cells,
    meta: (flags & hasMeta) === 0 ? null : buffer.subarray(end),
  }
}
