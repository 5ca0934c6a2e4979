import { open as openFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import {
  CommitUnknownError,
  EventLogError,
  LogClosedError,
  LogFullError,
  LogLockedError,
  LogUnavailableError,
  LogUnreadableError,
  OffsetOutOfRangeError,
  ProducerFencedError,
  TopicMismatchError,
  UnknownPartitionError,
  UnknownTopicError,
} from './errors.ts'
import type {
  EventLog,
  LogRecord,
  NewRecord,
  Position,
  Producer,
  Reader,
  ReaderOptions,
  RecordBatch,
  TopicPartition,
  TopicSpec,
} from './event-log.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { LocalProducer } from './local-producer.ts'
import { type LocalPartitions, LocalReader } from './local-reader.ts'
import { parseTopicSpec, verifyRecord } from './topic-spec.ts'

export interface EmbeddedLogOptions {
  /**
   * What a committed transaction survives. `never` (default): the operating system has it, so it survives `kill -9` of
   * the process; a power cut may take the newest transactions, whole ones, newest first. `commit`: it is on the disk
   * before `append` returns, which costs an fsync each (LevelDB's `sync`).
   */
  readonly fsync?: 'never' | 'commit'
}

/**
 * The log in a folder, for one process at a time: LevelDB, one atomic batch for each transaction. Survives `kill -9` at
 * any moment without repair. Appends of all producers are written one after the other.
 * @throws {LogLockedError} another process has the folder open. @throws {LogFullError} @throws {LogUnreadableError}
 * @throws {LogUnavailableError} the folder cannot be made or read.
 */
export async function openEmbeddedLog(folder: string, options: EmbeddedLogOptions = {}): Promise<EventLog> {
  const log = new EmbeddedLog(folder, options.fsync === 'commit')
  await log.open()
  return log
}

type Level = ClassicLevel<Uint8Array, Uint8Array>
type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

interface Topic {
  readonly id: number
  readonly partitions: number
  readonly cleanup: 'delete' | 'compact'
}

/** The frame that a transaction is filling for a partition. */
interface OpenFrame {
  readonly id: number
  readonly at: TopicPartition
  /** Of the next record. */
  offset: number
  bytes: number
  records: NewRecord[]
}

interface Range {
  beginning: number
  end: number
  /** Below it nothing is stored any more; from 0 after a start, so that a trim cut short is finished by the next. */
  cleared: number
}

/** That of the store; of its frames each says its own, and those of format 2 are still read. */
const FORMAT = 3
const EARLIEST_FORMAT = 2

// What LevelDB keeps in memory until it writes a table, twice while it does. The counters are in each table, so tables
// overlap and are merged again and again: of CPU a block of 240 kB costs 2.9 ms with LevelDB's own 4 MiB, 1.5 with these
// and 1.0 with 32, which is not worth the memory.
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024

// More than LevelDB writes when it opens: a write buffer as a table, and a new log and manifest.
const SPACE_TO_REOPEN_BYTES = WRITE_BUFFER_BYTES + 4 * 1024 * 1024

// Records of one transaction and partition lie together in frames of about this size, for what LevelDB asks for an
// entry is many times what a record of a few hundred bytes needs.
const FRAME_BYTES = 32 * 1024
const MAX_FRAMES_PER_READ = 10_000

class EmbeddedLog implements EventLog, LocalPartitions {
  readonly #folder: string
  readonly #sync: boolean
  readonly #level: Level
  readonly #readers = new Set<LocalReader>()
  #topics = new Map<string, Topic>()
  /** By topic id, then by partition. */
  #ranges = new Map<number, Range[]>()
  /** The newest epoch of each transactional id. */
  #epochs = new Map<string, number>()
  /** Counts the batches written; stored with each, so that it can be read back whether one is there. */
  #batches = 0
  #changes: Promise<unknown> = Promise.resolve()
  #failed = false
  #opens = 0
  #reopening: Promise<void> | undefined
  #closed = false

  constructor(folder: string, sync: boolean) {
    this.#folder = folder
    this.#sync = sync
    const options = { keyEncoding: 'view', valueEncoding: 'view', writeBufferSize: WRITE_BUFFER_BYTES } as const
    this.#level = new ClassicLevel(folder, options)
  }

  async open(): Promise<void> {
    this.#opens++
    try {
      await this.#level.open()
    } catch (error) {
      throw openFailed(this.#folder, error)
    }
    try {
      await this.#load()
    } catch (error) {
      await this.#level.close()
      throw error instanceof EventLogError ? error : openFailed(this.#folder, error)
    }
  }

  createTopics(specs: readonly TopicSpec[]): Promise<void> {
    return this.#change(async () => {
      const operations: Operation[] = []
      const created: (readonly [string, Topic])[] = []
      for (const { topic, partitions, cleanup } of specs.map(parseTopicSpec)) {
        const existing = this.#topics.get(topic) ?? created.find(([name]) => name === topic)?.[1]
        if (existing?.partitions === partitions) continue
        if (existing) throw new TopicMismatchError({ topic, existing: existing.partitions, wanted: partitions })
        const stored = { id: this.#topics.size + created.length, partitions, cleanup }
        created.push([topic, stored])
        operations.push({ type: 'put', key: textKey(TOPIC, topic), value: encodeJson(stored) })
      }
      if (operations.length === 0) return
      await this.#write(operations, 'new topics')
      for (const [topic, stored] of created) this.#addTopic(topic, stored)
    })
  }

  async partitions(topic: string): Promise<number> {
    return this.#topic(topic).partitions
  }

  async offsets(at: TopicPartition): Promise<{ readonly beginning: number; readonly end: number }> {
    const { beginning, end } = this.range(at)
    return { beginning, end }
  }

  openProducer(transactionalId: string): Promise<Producer> {
    return this.#change(async () => {
      const epoch = (this.#epochs.get(transactionalId) ?? 0) + 1
      const key = textKey(EPOCH, transactionalId)
      await this.#write([{ type: 'put', key, value: encodeNumbers(epoch) }], `the producer "${transactionalId}"`)
      this.#epochs.set(transactionalId, epoch)
      return new LocalProducer((records) => this.#append(transactionalId, epoch, records))
    })
  }

  async openReader(positions: readonly Position[], options: ReaderOptions = {}): Promise<Reader> {
    this.#assertOpen()
    const reader = new LocalReader(this, positions, options, () => this.#readers.delete(reader))
    this.#readers.add(reader)
    return reader
  }

  async trim(at: TopicPartition, before: number): Promise<void> {
    const range = this.range(at)
    await this.#change(async () => {
      if (before > range.end) throw new OffsetOutOfRangeError({ ...at, offset: before, ...range })
      if (before <= range.beginning) return
      await this.#write([this.#rangeOperation(at, { beginning: before, end: range.end })], `a trim of ${at.topic}`)
      range.beginning = before
    })
    const { id } = this.#topic(at.topic)
    try {
      // Outside the change, so that appends do not wait for it; what a crash leaves is cleared by the next trim.
      const bounds = {
        gte: recordKey(id, at.partition, range.cleared),
        lt: recordKey(id, at.partition, range.beginning),
      }
      await this.#level.clear(bounds)
      range.cleared = Math.max(range.cleared, range.beginning)
    } catch (error) {
      throw writeFailed(`a trim of ${at.topic}`, error)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#readers].map((reader) => reader.close()))
    await this.#changes
    await this.#level.close()
  }

  range(at: TopicPartition): Range {
    const { id, partitions } = this.#topic(at.topic)
    const range = this.#ranges.get(id)?.[at.partition]
    if (range === undefined) throw new UnknownPartitionError({ ...at, partitions })
    return range
  }

  async read(at: TopicPartition, from: number, end: number, maxBytes: number): Promise<RecordBatch> {
    const { id } = this.#topic(at.topic)
    for (;;) {
      const opens = this.#opens
      try {
        const iterator = this.#level.iterator({
          gte: recordKey(id, at.partition, from),
          lt: recordKey(id, at.partition, end),
          highWaterMarkBytes: maxBytes,
          fillCache: false, // read once, in order: 15 % less to pay for a block than with LevelDB's cache
        })
        try {
          // One turn of the iterator goes on until it holds more than the high water mark.
          const entries = await iterator.nextv(Math.min(end - from, MAX_FRAMES_PER_READ))
          const records: LogRecord[] = []
          for (const [key, value] of entries) decodeFrame(offsetOf(key), value, from, records)
          const last = records.at(-1)
          return { ...at, records, nextOffset: last === undefined ? end : last.offset + 1 }
        } finally {
          await iterator.close()
        }
      } catch (error) {
        if (this.#closed) return { ...at, records: [], nextOffset: from }
        if (this.#reopening !== undefined) await this.#reopening
        else if (opens === this.#opens) throw readFailed(this.#folder, error)
      }
    }
  }

  #append(transactionalId: string, epoch: number, records: readonly NewRecord[]): Promise<readonly Position[]> {
    return this.#change(async () => {
      if (this.#epochs.get(transactionalId) !== epoch) throw new ProducerFencedError(transactionalId)
      const frames = new Map<Range, OpenFrame>()
      const operations: Operation[] = []
      const closeFrame = ({ id, at, offset, records: framed }: OpenFrame) => {
        // Under the offset of its last record: a range of keys from any offset begins with the frame that holds it.
        operations.push({ type: 'put', key: recordKey(id, at.partition, offset - 1), value: encodeFrame(framed) })
      }
      for (const record of records) {
        const { topic, partition } = record
        const { id, cleanup } = this.#topic(topic)
        const range = this.range(record)
        verifyRecord(record, cleanup)
        let frame = frames.get(range)
        if (frame === undefined) {
          frame = { id, at: { topic, partition }, offset: range.end, bytes: 0, records: [] }
          frames.set(range, frame)
        } else if (frame.bytes >= FRAME_BYTES) {
          closeFrame(frame)
          frame.records = []
          frame.bytes = 0
        }
        frame.records.push(record)
        frame.offset += 1
        frame.bytes += record.value.length
      }
      for (const frame of frames.values()) closeFrame(frame)
      const ends = new Map([...frames].map(([range, { at, offset }]) => [range, { ...at, offset }]))
      if (operations.length === 0) return []
      for (const [{ beginning }, at] of ends) operations.push(this.#rangeOperation(at, { beginning, end: at.offset }))
      await this.#write(operations, `a transaction of "${transactionalId}"`, transactionalId)
      for (const [range, { offset }] of ends) range.end = offset
      for (const reader of this.#readers) reader.wake()
      return [...ends.values()]
    })
  }

  /** Changes are made one after the other: offsets follow the order of commits, and a fence falls between two of them. */
  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(() => {
      this.#assertOpen()
      return change()
    })
    this.#changes = result.catch(() => {}) // its caller has the error; the next change does not depend on it
    return result
  }

  /**
   * Writes all operations or none. After a failed write LevelDB's own log may end in half a record, and what it would
   * write behind that would be lost at the next start. So nothing more is written to it: it is opened again first, and
   * the batch counter says whether the failed batch had reached the disk after all.
   */
  async #write(operations: readonly Operation[], what: string, transactionalId?: string): Promise<void> {
    if (this.#failed) await this.#reopen(what)
    const batch = this.#batches + 1
    try {
      const counter: Operation = { type: 'put', key: BATCHES_KEY, value: encodeNumbers(batch) }
      await this.#level.batch([...operations, counter], { sync: this.#sync })
      this.#batches = batch
    } catch (error) {
      this.#failed = true
      const failure = writeFailed(what, error)
      try {
        await this.#reopen(what)
      } catch {
        // Without fsync a write that fails has not written its last byte; a failed fsync says nothing.
        if (this.#sync && transactionalId !== undefined)
          throw new CommitUnknownError(transactionalId, { cause: failure })
        throw failure
      }
      if (this.#batches !== batch) throw failure
    }
  }

  async #reopen(what: string): Promise<void> {
    // First try for space: as long as there is none, the open LevelDB can at least be read.
    await probeSpace(this.#folder, SPACE_TO_REOPEN_BYTES).catch((error: unknown) => {
      throw writeFailed(what, error)
    })
    const reopened = this.#level.close().then(() => this.open())
    this.#reopening = reopened.catch(() => {})
    try {
      await reopened
      this.#failed = false
    } finally {
      this.#reopening = undefined
    }
  }

  async #load(): Promise<void> {
    const format = await this.#level.get(FORMAT_KEY)
    const stored = format === undefined ? FORMAT : (decodeNumbers(format)[0] ?? 0)
    if (stored < EARLIEST_FORMAT || stored > FORMAT) {
      const reason = `it has format ${stored}; this build reads ${EARLIEST_FORMAT} to ${FORMAT}`
      throw new LogUnreadableError({ folder: this.#folder, reason })
    }
    // What is appended from here on an earlier build must not take for its own.
    if (format === undefined || stored < FORMAT) await this.#level.put(FORMAT_KEY, encodeNumbers(FORMAT))
    const batches = await this.#level.get(BATCHES_KEY)
    this.#batches = batches === undefined ? 0 : (decodeNumbers(batches)[0] ?? 0)
    for await (const [key, value] of this.#level.iterator(under(TOPIC))) this.#addTopic(textOf(key), decodeTopic(value))
    for await (const [key, value] of this.#level.iterator(under(RANGE))) {
      const { id, partition } = partitionOf(key)
      const [beginning = 0, end = 0] = decodeNumbers(value)
      const range = this.#ranges.get(id)?.[partition]
      if (range) Object.assign(range, { beginning, end })
    }
    for await (const [key, value] of this.#level.iterator(under(EPOCH))) {
      this.#epochs.set(textOf(key), decodeNumbers(value)[0] ?? 0)
    }
  }

  #addTopic(name: string, topic: Topic): void {
    this.#topics.set(name, topic)
    if (this.#ranges.has(topic.id)) return // reopened: readers hold on to these
    this.#ranges.set(
      topic.id,
      Array.from({ length: topic.partitions }, () => ({ beginning: 0, end: 0, cleared: 0 })),
    )
  }

  #rangeOperation(at: TopicPartition, range: { readonly beginning: number; readonly end: number }): Operation {
    const key = partitionKey(RANGE, this.#topic(at.topic).id, at.partition)
    return { type: 'put', key, value: encodeNumbers(range.beginning, range.end) }
  }

  #topic(name: string): Topic {
    this.#assertOpen()
    const topic = this.#topics.get(name)
    if (topic === undefined) throw new UnknownTopicError(name)
    return topic
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogClosedError('log')
  }
}

// Keys are ordered bytes: a kind, then big-endian numbers or text. A partition's records are one range, in offset order.
const FORMAT_KEY = Uint8Array.of(0)
const BATCHES_KEY = Uint8Array.of(1)
const TOPIC = 2
const RANGE = 3
const EPOCH = 4
const RECORD = 5

const under = (kind: number) => ({ gte: Uint8Array.of(kind), lt: Uint8Array.of(kind + 1) })

function textKey(kind: number, text: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(kind), Buffer.from(text)])
}

const textOf = (key: Uint8Array) => Buffer.from(key.subarray(1)).toString()

function partitionKey(kind: number, id: number, partition: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key.writeUInt8(kind, 0)
  key.writeUInt32BE(id, 1)
  key.writeUInt32BE(partition, 5)
  return key
}

function partitionOf(key: Uint8Array): { readonly id: number; readonly partition: number } {
  const view = new DataView(key.buffer, key.byteOffset)
  return { id: view.getUint32(1), partition: view.getUint32(5) }
}

const TWO_TO_32 = 2 ** 32

function recordKey(id: number, partition: number, offset: number): Uint8Array {
  const key = Buffer.allocUnsafe(17)
  key.writeUInt8(RECORD, 0)
  key.writeUInt32BE(id, 1)
  key.writeUInt32BE(partition, 5)
  key.writeUInt32BE(Math.floor(offset / TWO_TO_32), 9)
  key.writeUInt32BE(offset % TWO_TO_32, 13)
  return key
}

function offsetOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset)
  return view.getUint32(9) * TWO_TO_32 + view.getUint32(13)
}

const encodeJson = (value: unknown) => Buffer.from(JSON.stringify(value))
const encodeNumbers = (...numbers: readonly number[]) => encodeJson(numbers)

// Written by `encodeNumbers` and `createTopics` under this format, which `#load` has checked.
const decodeNumbers = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as readonly number[]
const decodeTopic = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Topic

async function probeSpace(folder: string, bytes: number): Promise<void> {
  const path = join(folder, 'space.probe')
  const file = await openFile(path, 'w')
  try {
    await file.writeFile(Buffer.alloc(bytes))
  } finally {
    await file.close()
    await unlink(path)
  }
}

// LevelDB hands on the operating system's words, Node its codes: no space, over the quota, over the file size limit.
const NO_SPACE = /No space left on device|Disk quota exceeded|File too large|ENOSPC|EDQUOT|EFBIG/

function writeFailed(what: string, cause: unknown): EventLogError {
  if (cause instanceof EventLogError) return cause
  const { message } = causeOf(cause)
  if (NO_SPACE.test(message)) return new LogFullError(what, { cause })
  return new LogUnavailableError(`writing ${what} failed with "${message}"`, { cause })
}

function readFailed(folder: string, cause: unknown): EventLogError {
  if (cause instanceof EventLogError) return cause
  const { code, message } = causeOf(cause)
  if (code === 'LEVEL_CORRUPTION') return new LogUnreadableError({ folder, reason: message }, { cause })
  return new LogUnavailableError(`reading ${folder} failed with "${message}"`, { cause })
}

function openFailed(folder: string, cause: unknown): EventLogError {
  const { code, message } = causeOf(cause)
  if (code === 'LEVEL_LOCKED') return new LogLockedError(folder, { cause })
  return NO_SPACE.test(message) ? new LogFullError(`opening ${folder}`, { cause }) : readFailed(folder, cause)
}

/** abstract-level wraps the error that says why. */
function causeOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: '', message: String(error) }
  if (error.cause instanceof Error) return causeOf(error.cause)
  return { code: 'code' in error ? String(error.code) : '', message: error.message }
}
