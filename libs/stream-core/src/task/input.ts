import type { LogRecord } from '@tocsin/event-log'
import type { SourceRecord } from '../source.ts'
import { maxTimestamp, minTimestamp, TimestampError, type DurationMs, type Timestamp } from '../time.ts'
import type { TopologySource } from '../topology.ts'

/** Bytes that the source's codec could not read. */
export interface Undecodable {
  readonly type: 'undecodable'
  readonly error: unknown
}

/** Where an input stands; a log record may hold several source records, so the offset alone does not say it. */
export interface InputPosition {
  /** Of the log record that holds the next source record. */
  readonly offset: number
  /** How many source records of it have been taken. */
  readonly ordinal: number
}

/** Read, and not wholly taken. */
export interface QueuedRecord {
  readonly record: LogRecord
  readonly taken: number
}

export interface InputSnapshot extends InputPosition {
  readonly place: Timestamp
  readonly watermark: Timestamp
  readonly highest: Timestamp
  readonly isIdle: boolean
  /** The journaled clock has told that the input is silent. */
  readonly isSilent: boolean
  /** What that clock showed first after the last other record; null: nothing since. */
  readonly silentSince: Timestamp | null
}

/** Of an input of which nothing has been read. */
export const startSnapshot: InputSnapshot = {
  offset: 0,
  ordinal: 0,
  place: minTimestamp,
  watermark: minTimestamp,
  highest: minTimestamp,
  isIdle: false,
  isSilent: false,
  silentSince: null,
}

/**
 * One partition of a source as the task sees it: the records read and not yet taken, and its place. Where epochs can be
 * reverted it also keeps the records taken since the oldest epoch that can, so that a rewind need not read them again.
 */
export class Input {
  readonly source: TopologySource
  readonly partition: number
  readonly keepsTaken: boolean
  #records: LogRecord[] = []
  #head = 0
  #headBytes = 0
  /** What `peek` gives: the source record at the position, decoded. */
  #next: SourceRecord<unknown> | Undecodable | undefined
  /** Of a log record that holds several source records, all of them. */
  #several: readonly SourceRecord<unknown>[] | null = null
  #fetchOffset = 0
  #readTo = minTimestamp
  #state = { ...startSnapshot }

  constructor(source: TopologySource, partition: number, keepsTaken: boolean) {
    this.source = source
    this.partition = partition
    this.keepsTaken = keepsTaken
  }

  /** The offset from which the log is to be read on. */
  get fetchOffset(): number {
    return this.#fetchOffset
  }
  get position(): InputPosition {
    return { offset: this.#state.offset, ordinal: this.#state.ordinal }
  }
  get isIdle(): boolean {
    return this.#state.isIdle
  }
  set isIdle(isIdle: boolean) {
    this.#state.isIdle = isIdle
  }
  get isSilent(): boolean {
    return this.#state.isSilent
  }
  isSilentAt(time: Timestamp): boolean {
    const { isIdle, isSilent, silentSince } = this.#state
    if (isIdle || isSilent || this.source.watermarks.type === 'clock') return true
    const { idleTimeout } = this.source.watermarks
    return idleTimeout !== undefined && silentSince !== null && time - silentSince > idleTimeout
  }
  /** A clock record was taken. @returns whether the input is silent by now: the others wait for its clock alone */
  tick(time: Timestamp): boolean {
    this.#state.isSilent = this.isSilentAt(time)
    this.#state.isIdle = false
    this.#state.silentSince ??= time
    return this.#state.isSilent
  }
  /** A record that is neither `idle` nor `clock` was taken. @returns whether that ends a silence */
  speak(): boolean {
    const { isIdle, isSilent } = this.#state
    this.#state.isIdle = false
    this.#state.isSilent = false
    this.#state.silentSince = null
    return isIdle || isSilent
  }
  get watermark(): Timestamp {
    return this.#state.watermark
  }
  set watermark(watermark: Timestamp) {
    this.#state.watermark = Math.max(this.#state.watermark, watermark)
  }
  /** Highest timestamp seen. */
  get highest(): Timestamp {
    return this.#state.highest
  }
  set highest(highest: Timestamp) {
    this.#state.highest = highest
  }
  get place(): Timestamp {
    return this.#state.place
  }
  set place(place: Timestamp) {
    this.#state.place = place
  }
  get hasEnded(): boolean {
    return this.#state.watermark >= maxTimestamp
  }
  /** Nothing to come stands before it. */
  get bound(): Timestamp {
    const { place, watermark } = this.#state
    return Math.min(Math.max(place, watermark + 1), maxTimestamp)
  }
  /** The timestamp up to which it was read, about; known only where it may not drift far. */
  get readTo(): Timestamp {
    return this.#readTo
  }
  get maxDrift(): DurationMs | undefined {
    return this.source.watermarks.maxDrift
  }
  get queuedRecords(): number {
    return this.#records.length - this.#head
  }
  get queuedBytes(): number {
    return this.#headBytes
  }

  /** Records as read from the log, from `fetchOffset` on; earlier ones are known already. */
  offer(records: readonly LogRecord[], nextOffset: number): void {
    for (const record of records) {
      if (record.offset < this.#fetchOffset) continue
      this.#records.push(record)
      this.#headBytes += record.value.length
    }
    this.#fetchOffset = Math.max(this.#fetchOffset, nextOffset)
    const last = records.at(-1)
    if (this.maxDrift === undefined || last === undefined) return
    const decoded = decode(this.source, last)
    for (const record of (isList(decoded) ? decoded : [decoded]).map(timed)) {
      if (record.type === 'element') this.#readTo = Math.max(this.#readTo, record.timestamp)
    }
  }

  /** The log records that are queued, and how many source records of each are taken. */
  *queued(): Generator<QueuedRecord> {
    for (let at = this.#head; at < this.#records.length; at += 1) {
      const record = this.#records[at]
      if (record !== undefined) yield { record, taken: record.offset === this.#state.offset ? this.#state.ordinal : 0 }
    }
  }

  /** The next source record, or undefined until more is read. */
  peek(): SourceRecord<unknown> | Undecodable | undefined {
    if (this.#next !== undefined) return this.#next
    for (let record = this.#records[this.#head]; record !== undefined; record = this.#records[this.#head]) {
      const decoded = decode(this.source, record)
      if (isList(decoded)) {
        this.#several = decoded
        const next = decoded[record.offset === this.#state.offset ? this.#state.ordinal : 0]
        this.#next = next && timed(next)
      } else this.#next = timed(decoded)
      if (this.#next !== undefined) return this.#next
      this.#leave(record) // a log record that means nothing
    }
    return undefined
  }

  /** The log record that holds what `peek` gave. */
  get headRecord(): LogRecord | undefined {
    return this.#records[this.#head]
  }

  /** What `peek` gave has been taken. */
  take(): void {
    const record = this.#records[this.#head]
    if (record === undefined) return
    const ordinal = (record.offset === this.#state.offset ? this.#state.ordinal : 0) + 1
    const next = this.#several?.[ordinal]
    if (next === undefined) {
      this.#leave(record)
      return
    }
    this.#next = timed(next)
    this.#state.offset = record.offset
    this.#state.ordinal = ordinal
  }

  /** Records below the position will not be asked for again. */
  release(position: InputPosition): void {
    let count = 0
    while (count < this.#head && (this.#records[count]?.offset ?? Infinity) < position.offset) count += 1
    this.#drop(count)
  }

  snapshot(): InputSnapshot {
    return { ...this.#state }
  }

  /** Back to where it stood; of the records read, those after it are still here. */
  rewind(snapshot: InputSnapshot): void {
    this.#restore(snapshot)
    this.#head = this.#records.findIndex(({ offset }) => offset >= snapshot.offset)
    if (this.#head === -1) this.#head = this.#records.length
    this.#headBytes = 0
    for (let at = this.#head; at < this.#records.length; at += 1)
      this.#headBytes += this.#records[at]?.value.length ?? 0
  }

  /** Back to where it stood, except for the position: the input that said so reads on. */
  rewindPlace(snapshot: InputSnapshot): void {
    const { offset, ordinal } = this.#state
    this.#state = { ...snapshot, offset, ordinal }
  }

  /** Starts from a checkpoint, with nothing read yet. */
  start(snapshot: InputSnapshot): void {
    this.#restore(snapshot)
    this.#records = []
    this.#head = 0
    this.#headBytes = 0
    this.#fetchOffset = snapshot.offset
    this.#readTo = minTimestamp
  }
  startAt(offset: number): void {
    this.start({ ...startSnapshot, offset })
  }

  #restore(snapshot: InputSnapshot): void {
    this.#state = { ...snapshot }
    this.#next = undefined
    this.#several = null
  }

  #leave(record: LogRecord): void {
    this.#state.offset = record.offset + 1
    this.#state.ordinal = 0
    this.#next = undefined
    this.#several = null
    this.#headBytes -= record.value.length
    this.#head += 1
    if (!this.keepsTaken && this.#head >= 1024) this.#drop(this.#head)
  }

  #drop(count: number): void {
    if (count === 0) return
    this.#records = this.#records.slice(count)
    this.#head -= count
  }
}

const decode = (
  source: TopologySource,
  record: LogRecord,
): SourceRecord<unknown> | readonly SourceRecord<unknown>[] | Undecodable => {
  try {
    return source.codec.decode(record.value, record.key)
  } catch (error) {
    return { type: 'undecodable', error }
  }
}

/** An element's own time must be one that state can be kept by. */
const timed = (record: SourceRecord<unknown> | Undecodable): SourceRecord<unknown> | Undecodable => {
  if (record.type !== 'element' || Number.isSafeInteger(record.timestamp)) return record
  const error = new TimestampError(`An element's timestamp is ${record.timestamp}, no whole number of milliseconds.`)
  return { type: 'undecodable', error }
}

/** The source records that a log record holds. */
export const decodeAll = (
  source: TopologySource,
  record: LogRecord,
): readonly (SourceRecord<unknown> | Undecodable)[] => {
  const decoded = decode(source, record)
  return isList(decoded) ? decoded : [decoded]
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value)
