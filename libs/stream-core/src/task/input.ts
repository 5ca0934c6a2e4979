import type { LogRecord } from '@tocsin/event-log'
import type { SourceRecord } from '../source.ts'
import { maxTimestamp, minTimestamp, TimestampError, type DurationMs, type Timestamp } from '../time.ts'
import type { TopologySource } from '../topology.ts'
import { EpochError } from './errors.ts'
import { RecordQueue, type InputPosition, type QueuedRecord } from './record-queue.ts'

/** Bytes that the source's codec could not read. */
export interface Undecodable {
  readonly type: 'undecodable'
  readonly error: unknown
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

/** What of it the queue does not know. */
type InputState = { -readonly [Name in Exclude<keyof InputSnapshot, keyof InputPosition>]: InputSnapshot[Name] }
const stateOf = ({ offset: _offset, ordinal: _ordinal, ...state }: InputSnapshot): InputState => state

/**
 * One partition of a source as the task sees it: the records read and not yet taken, and its place. Where epochs can be
 * reverted it also keeps the records taken since the oldest epoch that can, so that a rewind need not read them again.
 */
export class Input {
  readonly source: TopologySource
  readonly partition: number
  readonly #queue: RecordQueue
  /** What `peek` gives: the source record at the position, decoded. */
  #next: SourceRecord<unknown> | Undecodable | undefined
  /** Of a log record that holds several source records, all of them. */
  #several: readonly SourceRecord<unknown>[] | null = null
  /** Log records from the position on, decoded; the first is at `#decodedAt`. */
  #decoded: readonly Decoded[] = []
  #decodedAt = 0
  #readTo = minTimestamp
  #state = stateOf(startSnapshot)

  constructor(source: TopologySource, partition: number, keepsTaken: boolean) {
    this.source = source
    this.partition = partition
    this.#queue = new RecordQueue(keepsTaken)
  }

  /** The offset from which the log is to be read on. */
  get fetchOffset(): number {
    return this.#queue.fetchOffset
  }
  get position(): InputPosition {
    return this.#queue.position
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
    return this.#queue.length
  }
  get queuedBytes(): number {
    return this.#queue.bytes
  }

  /** Records as read from the log, from `fetchOffset` on; earlier ones are known already. */
  offer(records: readonly LogRecord[], nextOffset: number): void {
    this.#queue.offer(records, nextOffset)
    const last = records.at(-1)
    if (this.maxDrift === undefined || last === undefined) return
    for (const record of decodeAll(this.source, last)) {
      if (record.type === 'element') this.#readTo = Math.max(this.#readTo, record.timestamp)
    }
  }

  /** The log records that are queued, and how many source records of each are taken. */
  queued(): Iterable<QueuedRecord> {
    return this.#queue.queued()
  }

  /** The next source record, or undefined until more is read. */
  peek(): SourceRecord<unknown> | Undecodable | undefined {
    if (this.#next !== undefined) return this.#next
    for (let decoded = this.#decodeHead(); decoded !== undefined; decoded = this.#decodeHead()) {
      if (isList(decoded)) {
        this.#several = decoded
        const next = decoded[this.#queue.taken]
        this.#next = next && timed(next)
      } else this.#next = timed(decoded)
      if (this.#next !== undefined) return this.#next
      this.#leave() // a log record that means nothing
    }
    return undefined
  }

  /** The log record that holds what `peek` gave. */
  get headRecord(): LogRecord | undefined {
    return this.#queue.head
  }

  /** What `peek` gave has been taken. */
  take(): void {
    const next = this.#several?.[this.#queue.taken + 1]
    if (next === undefined) {
      this.#leave()
      return
    }
    this.#queue.take()
    this.#next = timed(next)
  }

  /** Records below the position will not be asked for again. */
  release(position: InputPosition): void {
    this.#queue.release(position)
  }

  snapshot(): InputSnapshot {
    return { ...this.#queue.position, ...this.#state }
  }

  /** Back to where it stood; of the records read, those after it are still here. */
  rewind(snapshot: InputSnapshot): void {
    this.#queue.rewind(snapshot)
    this.#forgetNext()
    this.rewindPlace(snapshot)
  }

  /** Back to where it stood, except for the position: the input that said so reads on. */
  rewindPlace(snapshot: InputSnapshot): void {
    this.#state = stateOf(snapshot)
  }

  /** Starts from a checkpoint, with nothing read yet. */
  start(snapshot: InputSnapshot): void {
    this.#queue.start(snapshot)
    this.#forgetNext()
    this.rewindPlace(snapshot)
    this.#readTo = minTimestamp
  }
  startAt(offset: number): void {
    this.start({ ...startSnapshot, offset })
  }

  #forgetNext(): void {
    this.#next = undefined
    this.#several = null
    this.#decoded = []
    this.#decodedAt = 0
  }
  #leave(): void {
    this.#queue.leave()
    this.#next = undefined
    this.#several = null
    this.#decodedAt += 1
  }
  #decodeHead(): Decoded | undefined {
    if (this.#decodedAt === this.#decoded.length) {
      this.#decoded = this.#queue.next(recordsAtOnce, bytesAtOnce).map((record) => decode(this.source, record))
      this.#decodedAt = 0
    }
    return this.#decoded[this.#decodedAt]
  }
}

/** What a log record holds. */
type Decoded = SourceRecord<unknown> | readonly SourceRecord<unknown>[] | Undecodable

/**
 * A codec that runs for many records in a row takes less for each than one that takes turns with operators. Bytes are few
 * because nothing else goes on meanwhile.
 */
const recordsAtOnce = 64
const bytesAtOnce = 16 << 10

const decode = (source: TopologySource, record: LogRecord): Decoded => {
  const { codec } = source
  try {
    const text = codec.decodeText === undefined ? null : record.text
    return codec.decodeText === undefined || text === undefined || text === null
      ? codec.decode(record.value, record.key)
      : codec.decodeText(text, record.key)
  } catch (error) {
    return { type: 'undecodable', error }
  }
}

/** Times must be ones that state can be kept by, and that others can be compared with. */
const timed = (record: SourceRecord<unknown> | Undecodable): SourceRecord<unknown> | Undecodable => {
  switch (record.type) {
    case 'element':
      return Number.isSafeInteger(record.timestamp) ? record : untimed("An element's timestamp", record.timestamp)
    case 'watermark':
      return Number.isSafeInteger(record.watermark) ? record : untimed('A watermark', record.watermark)
    case 'idle':
    case 'clock':
      return Number.isSafeInteger(record.time) ? record : untimed(`The time of a record "${record.type}"`, record.time)
    case 'sealed': {
      const { epoch, watermark } = record
      if (Number.isSafeInteger(watermark)) return record
      // Passed over, the epoch would have no end.
      const reason = `Epoch ${epoch} is sealed with the watermark ${watermark}, no whole number of milliseconds.`
      return { type: 'undecodable', error: new EpochError(reason) }
    }
    case 'reverted':
    case 'finalized':
    case 'undecodable':
      return record
  }
}
const untimed = (what: string, time: number): Undecodable => ({
  type: 'undecodable',
  error: new TimestampError(`${what} is ${time}, no whole number of milliseconds.`),
})

/** The source records that a log record holds. */
export const decodeAll = (
  source: TopologySource,
  record: LogRecord,
): readonly (SourceRecord<unknown> | Undecodable)[] => {
  const decoded = decode(source, record)
  return (isList(decoded) ? decoded : [decoded]).map(timed)
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value)
