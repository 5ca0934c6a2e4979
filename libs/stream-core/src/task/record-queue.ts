import type { LogRecord } from '@tocsin/event-log'

/** Where an input stands; a log record may hold several items, so the offset alone does not say it. */
export interface InputPosition {
  /** Of the log record that holds the next item. */
  readonly offset: number
  /** How many items of it have been taken. */
  readonly ordinal: number
}

/** Read, and not wholly taken. */
export interface QueuedRecord {
  readonly record: LogRecord
  readonly taken: number
}

/** So many records that were taken are dropped at once. */
const recordsADrop = 1024

/**
 * The records that were read of a partition and not yet taken, and the position in them. Where `keepsTaken` those that
 * were taken stay until they are released, so that a rewind need not read them again.
 */
export class RecordQueue {
  readonly #keepsTaken: boolean
  #records: LogRecord[] = []
  #head = 0
  #bytes = 0
  #fetchOffset = 0
  #offset = 0
  #ordinal = 0

  constructor(keepsTaken: boolean) {
    this.#keepsTaken = keepsTaken
  }

  /** The offset from which the log is to be read on. */
  get fetchOffset(): number {
    return this.#fetchOffset
  }
  get position(): InputPosition {
    return { offset: this.#offset, ordinal: this.#ordinal }
  }
  get length(): number {
    return this.#records.length - this.#head
  }
  get bytes(): number {
    return this.#bytes
  }
  /** The log record at the position, or the next one that was read. */
  get head(): LogRecord | undefined {
    return this.#records[this.#head]
  }
  /** Log records from `head` on, as many as reach `bytes`, and no more than `count`. */
  next(count: number, bytes: number): readonly LogRecord[] {
    const most = Math.min(this.#head + count, this.#records.length)
    let end = this.#head
    for (let size = 0; end < most && size < bytes; end += 1) size += sizeOf(this.#records[end])
    return this.#records.slice(this.#head, end)
  }
  /** How many items of `head` are taken. */
  get taken(): number {
    return this.head?.offset === this.#offset ? this.#ordinal : 0
  }
  /** All that are queued, and how many items of each are taken. */
  *queued(): Generator<QueuedRecord> {
    for (let at = this.#head; at < this.#records.length; at += 1) {
      const record = this.#records[at]
      if (record !== undefined) yield { record, taken: record.offset === this.#offset ? this.#ordinal : 0 }
    }
  }

  /** Records as read from the log, from `fetchOffset` on; earlier ones are known already. */
  offer(records: readonly LogRecord[], nextOffset: number): void {
    for (const record of records) {
      if (record.offset < this.#fetchOffset) continue
      this.#records.push(record)
      this.#bytes += sizeOf(record)
    }
    this.#fetchOffset = Math.max(this.#fetchOffset, nextOffset)
  }

  /** An item of `head` was taken, and there are more in it. */
  take(): void {
    const ordinal = this.taken + 1
    this.#offset = this.head?.offset ?? this.#offset
    this.#ordinal = ordinal
  }
  /** `head` is wholly taken. */
  leave(): void {
    const record = this.head
    if (record === undefined) return
    this.#offset = record.offset + 1
    this.#ordinal = 0
    this.#bytes -= sizeOf(record)
    this.#head += 1
    if (!this.#keepsTaken && this.#head >= recordsADrop) this.#drop(this.#head)
  }

  /** Records below the position will not be asked for again. */
  release({ offset }: InputPosition): void {
    let count = 0
    while (count < this.#head && (this.#records[count]?.offset ?? Infinity) < offset) count += 1
    this.#drop(count)
  }
  /** Back to where it stood; of the records read, those after it are still here. */
  rewind({ offset, ordinal }: InputPosition): void {
    this.#offset = offset
    this.#ordinal = ordinal
    const head = this.#records.findIndex((record) => record.offset >= offset)
    this.#head = head === -1 ? this.#records.length : head
    this.#bytes = 0
    for (const { record } of this.queued()) this.#bytes += sizeOf(record)
  }
  /** With nothing read yet. */
  start({ offset, ordinal }: InputPosition): void {
    this.#records = []
    this.#head = 0
    this.#bytes = 0
    this.#fetchOffset = offset
    this.#offset = offset
    this.#ordinal = ordinal
  }

  #drop(count: number): void {
    if (count === 0) return
    this.#records = this.#records.slice(count)
    this.#head -= count
  }
}

const sizeOf = (record: LogRecord | undefined): number => record?.size ?? record?.value.length ?? 0
