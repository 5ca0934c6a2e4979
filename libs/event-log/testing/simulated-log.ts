import {
  CommitUnknownError,
  LogClosedError,
  LogFullError,
  OffsetOutOfRangeError,
  ProducerFencedError,
  TopicMismatchError,
  UnknownPartitionError,
  UnknownTopicError,
} from '../src/errors.ts'
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
} from '../src/event-log.ts'
import { LocalProducer } from '../src/local-producer.ts'
import { type LocalPartitions, LocalReader } from '../src/local-reader.ts'
import { parseTopicSpec, verifyRecord } from '../src/topic-spec.ts'

/**
 * What becomes of one append. `committed`; `full`: LogFullError and nothing written, the same producer may try again;
 * `commit-unknown` and `lost`: CommitUnknownError, the records being there or not, and the producer is of no more use.
 */
export type AppendFate = 'committed' | 'full' | 'commit-unknown' | 'lost'

export interface PendingAppend {
  readonly transactionalId: string
  readonly records: readonly NewRecord[]
  /** Counts the appends of this log from 0, over all its producers. */
  readonly index: number
}

/** A log in memory, under the port's suite, whose appends can be made to fail or to wait. */
export interface SimulatedLog extends EventLog {
  /** Decides every append from now on; a promise holds it back until it resolves. Default: all are committed. */
  decideAppends(decide: (append: PendingAppend) => AppendFate | Promise<AppendFate>): void
  /** All records of a partition that were not trimmed. */
  records(at: TopicPartition): readonly LogRecord[]
  /** The same log as a later process finds it. This object, its producers and its readers are at an end. */
  reopen(): SimulatedLog
}

/** `markers`: a commit takes an offset of each partition that it wrote to, as in Kafka; no reader sees a record there. */
export function openSimulatedLog(options: { readonly markers?: boolean } = {}): SimulatedLog {
  return new MemoryLog({ markers: options.markers ?? false, topics: new Map(), epochs: new Map() })
}

interface Partition {
  beginning: number
  /** By offset; null: a commit marker. */
  readonly records: (LogRecord | null)[]
}

interface Memory {
  readonly markers: boolean
  readonly topics: Map<string, { readonly cleanup: 'delete' | 'compact'; readonly partitions: readonly Partition[] }>
  readonly epochs: Map<string, number>
}

class MemoryLog implements SimulatedLog, LocalPartitions {
  readonly #memory: Memory
  readonly #readers = new Set<LocalReader>()
  #decide: (append: PendingAppend) => AppendFate | Promise<AppendFate> = () => 'committed'
  #appends = 0
  #changes: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(memory: Memory) {
    this.#memory = memory
  }

  decideAppends(decide: (append: PendingAppend) => AppendFate | Promise<AppendFate>): void {
    this.#decide = decide
  }

  records(at: TopicPartition): readonly LogRecord[] {
    const { beginning, records } = this.#partition(at)
    return records.flatMap((record) => (record !== null && record.offset >= beginning ? [record] : []))
  }

  reopen(): SimulatedLog {
    this.#end()
    return new MemoryLog(this.#memory)
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen()
    const parsed = specs.map(parseTopicSpec)
    for (const { topic, partitions } of parsed) {
      const existing = this.#memory.topics.get(topic)?.partitions.length ?? partitions
      if (existing !== partitions) throw new TopicMismatchError({ topic, existing, wanted: partitions })
    }
    for (const { topic, partitions, cleanup } of parsed) {
      if (this.#memory.topics.has(topic)) continue
      const empty = Array.from({ length: partitions }, () => ({ beginning: 0, records: [] }))
      this.#memory.topics.set(topic, { cleanup, partitions: empty })
    }
  }

  async partitions(topic: string): Promise<number> {
    return this.#topic(topic).partitions.length
  }

  async offsets(at: TopicPartition): Promise<{ readonly beginning: number; readonly end: number }> {
    return this.range(at)
  }

  openProducer(transactionalId: string): Promise<Producer> {
    return this.#change(async () => {
      const epoch = (this.#memory.epochs.get(transactionalId) ?? 0) + 1
      this.#memory.epochs.set(transactionalId, epoch)
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
    if (before > range.end) throw new OffsetOutOfRangeError({ ...at, offset: before, ...range })
    const partition = this.#partition(at)
    partition.beginning = Math.max(partition.beginning, before)
  }

  async close(): Promise<void> {
    this.#end()
    await this.#changes
  }

  range(at: TopicPartition): { readonly beginning: number; readonly end: number } {
    const { beginning, records } = this.#partition(at)
    return { beginning, end: records.length }
  }

  async read(at: TopicPartition, from: number, end: number, maxBytes: number): Promise<RecordBatch> {
    const all = this.#partition(at).records
    const records: LogRecord[] = []
    let offset = from
    for (let bytes = 0; offset < end && bytes <= maxBytes; offset++) {
      const record = all[offset]
      if (record === undefined) break
      if (record === null) continue
      records.push(record)
      bytes += record.value.length
    }
    return { ...at, records, nextOffset: offset }
  }

  #append(transactionalId: string, epoch: number, records: readonly NewRecord[]): Promise<readonly Position[]> {
    return this.#change(async () => {
      const assertOwner = () => {
        this.#assertOpen()
        if (this.#memory.epochs.get(transactionalId) !== epoch) throw new ProducerFencedError(transactionalId)
      }
      assertOwner()
      for (const record of records) {
        verifyRecord(record, this.#topic(record.topic).cleanup)
        this.#partition(record)
      }
      if (records.length === 0) return []
      const fate = await this.#decide({ transactionalId, records, index: this.#appends++ })
      assertOwner() // a log that was closed or reopened meanwhile has lost what was not committed
      if (fate === 'full') throw new LogFullError(`a transaction of "${transactionalId}"`)
      if (fate === 'lost') throw new CommitUnknownError(transactionalId)
      const ends = new Map<Partition, Position>()
      for (const { topic, partition, key, value } of records) {
        const stored = this.#partition({ topic, partition })
        const offset = stored.records.push({
          offset: stored.records.length,
          key: key === null ? null : Uint8Array.from(key),
          value: Uint8Array.from(value),
        })
        ends.set(stored, { topic, partition, offset })
      }
      if (this.#memory.markers) for (const { records: written } of ends.keys()) written.push(null)
      for (const reader of this.#readers) reader.wake()
      if (fate === 'commit-unknown') throw new CommitUnknownError(transactionalId)
      return [...ends.values()]
    })
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(() => {
      this.#assertOpen()
      return change()
    })
    this.#changes = result.catch(() => {})
    return result
  }

  #topic(name: string) {
    this.#assertOpen()
    const topic = this.#memory.topics.get(name)
    if (topic === undefined) throw new UnknownTopicError(name)
    return topic
  }

  #partition(at: TopicPartition): Partition {
    const { partitions } = this.#topic(at.topic)
    const partition = partitions[at.partition]
    if (partition === undefined) throw new UnknownPartitionError({ ...at, partitions: partitions.length })
    return partition
  }

  #end(): void {
    this.#closed = true
    for (const reader of this.#readers) void reader.close()
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogClosedError('log')
  }
}
