/**
 * The log: topics of partitions of records, appended in transactions and read committed. The one port between the
 * processes: Kafka in production, LevelDB when there is no server, each held to the same suite
 * (`@tocsin/event-log/testing`). Words are Kafka's.
 */
export interface EventLog {
  /**
   * Creates the topics that do not exist. Idempotent.
   * @throws {TopicMismatchError} if one exists with another number of partitions.
   */
  createTopics(topics: readonly TopicSpec[]): Promise<void>
  /** How many partitions the topic has. @throws {UnknownTopicError} */
  partitions(topic: string): Promise<number>
  /**
   * The range that can be read, committed records only: `beginning` is the first, `end` the one to come (Kafka's last
   * stable offset). A reader whose `nextOffset` has reached `end` has read all that was committed. On a cluster `end`
   * may trail `append` by some milliseconds; right after `openProducer(id)` it has all that `id` ever committed.
   * @throws {UnknownTopicError} @throws {UnknownPartitionError}
   */
  offsets(at: TopicPartition): Promise<{ readonly beginning: number; readonly end: number }>
  /**
   * A producer that owns `transactionalId`: any earlier producer of that id is fenced from now on, and what it had not
   * committed is gone. Source: Kafka's InitProducerId.
   */
  openProducer(transactionalId: string): Promise<Producer>
  /**
   * A reader at the given offsets. No group: who reads what is decided elsewhere.
   * @throws {UnknownTopicError} @throws {UnknownPartitionError}
   */
  openReader(positions: readonly Position[], options?: ReaderOptions): Promise<Reader>
  /**
   * Records below `before` may be deleted; `beginning` becomes `before` and never goes back.
   * @throws {OffsetOutOfRangeError} `before` is past the end.
   */
  trim(at: TopicPartition, before: number): Promise<void>
  /** Ends what is open. Appended data is durable to the degree of the log's fsync policy. */
  close(): Promise<void>
}

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  /**
   * `compact`: only the newest record of each key is sure to stay, and each record needs a key. Default `delete`
   * without a time limit.
   */
  readonly cleanup?: 'delete' | 'compact'
  /** Whoever writes it trims it as it goes, so its room on disk should come back soon. Default: it is kept. */
  readonly isTrimmed?: boolean
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface Position extends TopicPartition {
  /** The offset of the next record to read. */
  readonly offset: number
}

export interface NewRecord extends TopicPartition {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
}

export interface LogRecord {
  readonly offset: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  /** Bytes of `value`, where they are known without a look at it. */
  readonly size?: number
  /**
   * `value` as text, where the reader has it cheaper than from there; null: it is not UTF-8, or holds U+FFFD. It shares
   * memory with the records around it: who keeps it for long keeps some tens of KiB, what is parsed from it does not.
   */
  readonly text?: string | null
}

export interface Producer {
  /**
   * Appends the records as one transaction over any number of topics and partitions: a committed reader sees all or
   * none, and each partition's records stay in the order given.
   * @returns where the next record of each touched partition would stand at least (records below it are committed).
   * @throws {ProducerFencedError} a newer producer owns the id: stop. @throws {CommitUnknownError} the outcome is not
   *   known: open a new producer of the same id, then read back; this one is of no more use. @throws {LogFullError} no
   *   space; nothing was written and the same call may be tried again. @throws {UnknownTopicError} and the other
   *   errors of a record that cannot be written: nothing was written.
   */
  append(records: readonly NewRecord[]): Promise<readonly Position[]>
  /**
   * An append to these partitions will come, in less than a transaction may last: where it can begin with something, it
   * does. No more than a hint: the append may go elsewhere, and what fails here it meets itself.
   */
  prepare?(to: readonly TopicPartition[]): void
  close(): Promise<void>
}

export interface ReaderOptions {
  /** About how many bytes one poll returns a partition; at least one record always. Default 1 MiB. */
  readonly maxBytes?: number
}

export interface Reader {
  /**
   * Committed records after the current positions, in offset order within a partition; waits up to `maxWaitMs` for the
   * first, or until `signal` aborts, and then answers `[]` (Kafka's Consumer.wakeup, without its error). Positions advance
   * by what is returned; nothing advances when it throws. One poll at a time. Bytes that it returns are the caller's: they
   * never change.
   * @throws {OffsetOutOfRangeError} the position was trimmed away, or is past the end (the log lost its newest records).
   */
  poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly RecordBatch[]>
  /** The next poll reads the partition from `offset`. What was polled before stays the caller's. */
  seek(position: Position): void
  pause(at: TopicPartition): void
  resume(at: TopicPartition): void
  close(): Promise<void>
}

/** Some records of a partition. `records` may be empty: then `nextOffset` alone is news. */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly LogRecord[]
  /** Where to go on: past the records and past what a reader does not see (markers, aborted data). */
  readonly nextOffset: number
}
