import { LogClosedError, OffsetOutOfRangeError } from './errors.ts'
import type { Position, Reader, ReaderOptions, RecordBatch, TopicPartition } from './event-log.ts'

/** What a reader in the same process as the log asks of it. */
export interface LocalPartitions {
  /** @throws {UnknownTopicError} @throws {UnknownPartitionError} */
  range(at: TopicPartition): { readonly beginning: number; readonly end: number }
  /** Records of [from, end), about `maxBytes` of them. Called only where there are some. */
  read(at: TopicPartition, from: number, end: number, maxBytes: number): Promise<RecordBatch>
}

interface Cursor extends TopicPartition {
  offset: number
  paused: boolean
  /** Counts seeks and pauses, so that a read under way when one happened is not taken for a later one. */
  moves: number
}

const DEFAULT_MAX_BYTES = 1024 * 1024

/**
 * A reader of a log in this process. It waits without polling: the log wakes it after an append. All the ends are taken
 * in one turn of the event loop, so that one poll does not see the later part of a transaction without the earlier.
 */
export class LocalReader implements Reader {
  readonly #partitions: LocalPartitions
  readonly #cursors = new Map<string, Cursor>()
  readonly #maxBytes: number
  readonly #onClose: (reader: LocalReader) => void
  #wakeUp: () => void = () => {}
  #polling = false
  #closed = false

  constructor(
    partitions: LocalPartitions,
    positions: readonly Position[],
    options: ReaderOptions,
    onClose: (reader: LocalReader) => void,
  ) {
    this.#partitions = partitions
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    this.#onClose = onClose
    for (const { topic, partition, offset } of positions) {
      partitions.range({ topic, partition })
      this.#cursors.set(cursorKey({ topic, partition }), { topic, partition, offset, paused: false, moves: 0 })
    }
  }

  async poll(maxWaitMs: number, signal?: AbortSignal): Promise<readonly RecordBatch[]> {
    if (this.#closed) throw new LogClosedError('reader')
    if (this.#polling) throw new Error('assertion: a reader polls once at a time')
    this.#polling = true
    let expired = maxWaitMs <= 0 || signal?.aborted === true
    const expire = () => {
      expired = true
      this.#wakeUp()
    }
    const timer = setTimeout(expire, maxWaitMs)
    signal?.addEventListener('abort', expire)
    try {
      for (;;) {
        // Before the read, so that an append during it is not slept through.
        const woken = new Promise<void>((resolve) => (this.#wakeUp = resolve))
        const batches = await this.#readAll()
        if (batches.length > 0 || expired || this.#closed) return batches
        await woken
      }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', expire)
      this.#polling = false
    }
  }

  seek({ topic, partition, offset }: Position): void {
    const cursor = this.#cursor({ topic, partition })
    cursor.offset = offset
    cursor.moves++
    this.#wakeUp()
  }

  pause(at: TopicPartition): void {
    const cursor = this.#cursor(at)
    cursor.paused = true
    cursor.moves++
  }

  resume(at: TopicPartition): void {
    this.#cursor(at).paused = false
    this.#wakeUp()
  }

  /** Called by the log when there may be more to read. */
  wake(): void {
    this.#wakeUp()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wakeUp()
    this.#onClose(this)
  }

  async #readAll(): Promise<readonly RecordBatch[]> {
    const due: { cursor: Cursor; moves: number; end: number }[] = []
    for (const cursor of this.#cursors.values()) {
      if (cursor.paused) continue
      const { beginning, end } = this.#partitions.range(cursor)
      if (cursor.offset < beginning || cursor.offset > end) {
        throw new OffsetOutOfRangeError({ ...cursor, beginning, end })
      }
      if (cursor.offset < end) due.push({ cursor, moves: cursor.moves, end })
    }
    const results = await Promise.all(
      due.map(async ({ cursor, moves, end }) => {
        const { topic, partition, offset } = cursor
        return { cursor, moves, batch: await this.#partitions.read({ topic, partition }, offset, end, this.#maxBytes) }
      }),
    )
    if (this.#closed) return []
    // Trimmed during the read, some of it may have been gone already: that must not pass for a shorter batch.
    for (const { cursor, moves } of results) {
      const { beginning, end } = this.#partitions.range(cursor)
      if (cursor.moves === moves && cursor.offset < beginning)
        throw new OffsetOutOfRangeError({ ...cursor, beginning, end })
    }
    return results.flatMap(({ cursor, moves, batch }) => {
      if (cursor.moves !== moves) return []
      cursor.offset = batch.nextOffset
      return [batch]
    })
  }

  #cursor(at: TopicPartition): Cursor {
    const cursor = this.#cursors.get(cursorKey(at))
    if (cursor === undefined) throw new Error(`assertion: the reader was not opened at ${at.topic}/${at.partition}`)
    return cursor
  }
}

const cursorKey = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
