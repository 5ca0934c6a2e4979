import { OffsetOutOfRangeError, type EventLog, type Reader, type TopicPartition } from '@tocsin/event-log'
import type { StateStore, StoreWrite } from '../state/state-store.ts'
import { decodeCheckpointRecord, type CheckpointRecord } from './checkpoint-record.ts'

/** What lies before the head of a checkpoint in a local copy. */
interface ReplicaHead {
  /** The copy holds what the checkpoint topic says below it. */
  readonly offset: number
  /** False while a snapshot is being read in: then there is no checkpoint. */
  readonly isWhole: boolean
  /** Of the newest snapshot in the topic, and of the increments behind it. */
  readonly snapshotBytes: number
  readonly incrementBytes: number
}

/** Of a snapshot that is read in: so much goes into one write of the store, which is less than it writes in parts. */
const pieceBytes = 512 << 10
const pollWaitMs = 100

/**
 * A copy of a task's checkpoints on this process's disk, made from the checkpoint topic: a snapshot now and then, and
 * what changed since. Its owner writes both, and reads the rest in when it takes over; a standby reads all the time.
 */
export class CheckpointReplica {
  readonly #log: EventLog
  readonly #at: TopicPartition
  readonly store: StateStore
  #head: ReplicaHead
  #reader: Reader | null = null
  #nextOffset: number
  /** A checkpoint being read in. */
  #reading: { readonly write: StoreWrite | null; readonly begins: 'snapshot' | 'increment'; bytes: number } | null =
    null
  #piece: { write: StoreWrite; bytes: number } | null = null

  private constructor(log: EventLog, at: TopicPartition, store: StateStore, head: ReplicaHead) {
    this.#log = log
    this.#at = at
    this.store = store
    this.#head = head
    this.#nextOffset = head.offset
  }

  /** Goes on from what `store` holds; the store stays the caller's. */
  static async open(log: EventLog, at: TopicPartition, store: StateStore): Promise<CheckpointReplica> {
    const bytes = await store.readMeta()
    return new CheckpointReplica(log, at, store, bytes === undefined ? noHead : splitMeta(bytes).head)
  }

  get head(): ReplicaHead {
    return this.#head
  }

  /** What the topic holds beyond the copy, in records; what is not a record counts too. */
  async lag(): Promise<number> {
    const { end } = await this.#log.offsets(this.#at)
    return Math.max(0, end - this.#nextOffset)
  }

  /** Reads in all that the topic has now; only for its owner, to whom its end is certain. */
  async catchUp(): Promise<void> {
    const { beginning, end } = await this.#log.offsets(this.#at)
    // Past the end: the topic was made anew, and the copy is of another one.
    if (this.#head.offset > end) this.#beginAnew(beginning)
    while (this.#nextOffset < end) await this.read(pollWaitMs)
  }

  /** Reads in what comes next, if it comes in time and before `signal` aborts. @returns whether there was anything */
  async read(maxWaitMs: number, signal?: AbortSignal): Promise<boolean> {
    try {
      if (this.#reader === null) {
        this.#nextOffset = this.#head.offset
        this.#reader = await this.#log.openReader([{ ...this.#at, offset: this.#nextOffset }])
      }
      const batches = await this.#reader.poll(maxWaitMs, signal)
      for (const { records, nextOffset } of batches) {
        for (const { offset, value } of records) await this.#take(decodeCheckpointRecord(value), offset, value.length)
        this.#nextOffset = nextOffset
      }
      return batches.length > 0
    } catch (error) {
      await this.closeReader()
      if (!(error instanceof OffsetOutOfRangeError)) throw error
      this.#beginAnew((await this.#log.offsets(this.#at)).beginning) // at the newest snapshot
      return true
    }
  }

  /** The owner wrote a checkpoint of `bytes` to the topic, which ends at `offset` then. */
  advanceTo(offset: number, begins: 'snapshot' | 'increment', bytes: number): void {
    this.#head = this.#headAfter(offset, begins, bytes)
  }

  /** The next read opens one anew, behind the last checkpoint that was read in whole. */
  async closeReader(): Promise<void> {
    this.#reading?.write?.abandon()
    this.#piece?.write.abandon()
    this.#reading = this.#piece = null
    const reader = this.#reader
    this.#reader = null
    await reader?.close().catch(() => undefined) // what it had read is read again
  }

  /** With its store. */
  async close(): Promise<void> {
    await this.closeReader()
    await this.store.close()
  }

  /** What the copy holds is too old to go on from. */
  #beginAnew(offset: number): void {
    this.#head = { ...this.#head, offset, isWhole: false }
    this.#nextOffset = offset
  }

  #headAfter(offset: number, begins: 'snapshot' | 'increment', bytes: number): ReplicaHead {
    const { snapshotBytes, incrementBytes } = this.#head
    return {
      offset,
      isWhole: true,
      snapshotBytes: begins === 'snapshot' ? bytes : snapshotBytes,
      incrementBytes: begins === 'snapshot' ? 0 : incrementBytes + bytes,
    }
  }

  async #take({ begins, cells, meta }: CheckpointRecord, offset: number, bytes: number): Promise<void> {
    if (begins !== null) {
      this.#reading?.write?.abandon() // its last piece never came
      this.#reading = null
      const { isWhole, offset: from } = this.#head
      // From nothing one can go on at a snapshot, or where the topic begins. A snapshot repeats what was told before it.
      const isBase = !isWhole && (begins === 'snapshot' || from === 0)
      if (isBase) await this.#clear()
      if (isWhole || isBase) {
        this.#reading = { write: isWhole && begins === 'increment' ? this.store.begin() : null, begins, bytes: 0 }
      }
    }
    const reading = this.#reading
    if (reading === null) return
    reading.bytes += bytes
    for (const { table, key, sub, value } of cells) {
      if (reading.write !== null) reading.write.put(table, key, sub, value)
      else if (!this.#head.isWhole) await this.#putPiece(table, key, sub, value)
    }
    await reading.write?.drain()
    if (meta === null) return
    this.#reading = null
    const write = reading.write ?? this.#piece?.write ?? this.store.begin()
    this.#piece = null
    // Only then: what the disk did not take is read again.
    const head = this.#headAfter(offset + 1, reading.begins, reading.bytes)
    await write.commit(joinMeta(head, meta))
    this.#head = head
  }

  async #putPiece(table: string, key: string, sub: string | null, value: Uint8Array | null): Promise<void> {
    this.#piece ??= { write: this.store.begin(), bytes: 0 }
    this.#piece.write.put(table, key, sub, value)
    this.#piece.bytes += key.length + (value?.length ?? 0)
    if (this.#piece.bytes < pieceBytes) return
    const { write } = this.#piece
    this.#piece = null
    await write.commit(joinMeta(this.#head, noMeta))
  }

  /** Of what a broken restore or an outdated copy left. */
  async #clear(): Promise<void> {
    for await (const { table, key, sub } of this.store.cells()) await this.#putPiece(table, key, sub, null)
    // Deleted before the first of the new cells is set.
    const piece = this.#piece
    this.#piece = null
    await (piece?.write ?? this.store.begin()).commit(joinMeta(this.#head, noMeta))
  }
}

/** Nothing is a whole copy of a topic's beginning. */
const noHead: ReplicaHead = { offset: 0, isWhole: true, snapshotBytes: 0, incrementBytes: 0 }
const noMeta = new Uint8Array()
const lengthBytes = 4
/** The first byte of a head of checkpoint that no replica has written: it is JSON. */
const brace = 0x7b

export const joinMeta = (head: ReplicaHead, meta: Uint8Array): Uint8Array => {
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json, meta])
}

/** A store that was never replicated has no copy of anything: its checkpoint counts only where the topic has none. */
export const splitMeta = (bytes: Uint8Array): { readonly head: ReplicaHead; readonly meta: Uint8Array | undefined } => {
  if (bytes[0] === brace) return { head: { ...noHead, isWhole: false }, meta: bytes }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = lengthBytes + buffer.readUInt32BE(0)
  const head = JSON.parse(buffer.toString('utf8', lengthBytes, end)) as ReplicaHead // written by joinMeta
  return { head, meta: head.isWhole ? buffer.subarray(end) : undefined }
}
