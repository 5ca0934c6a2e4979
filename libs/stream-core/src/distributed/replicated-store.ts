import type { EventLog, NewRecord, Producer, TopicPartition } from '@tocsin/event-log'
import type { Rest, StateStore, StoreWrite } from '../state/state-store.ts'
import { CheckpointReplica, joinMeta, splitMeta } from './checkpoint-replica.ts'
import { CheckpointRecordWriter, type ChangedCell } from './checkpoint-record.ts'

/** A record of the topic; a cell that is larger has one to itself. Brokers take 1 MiB unless they are told otherwise. */
const recordBytes = 128 << 10
/** Of records that go out in one transaction: to write them holds the event loop for some milliseconds. */
const appendBytes = 512 << 10
/** What the client does to write them, about. */
const appendMsAMebibyte = 10
/** The topic is written anew when the increments outgrow the snapshot by so much. */
const slackBytes = 8 << 20

const restless: Rest = () => Promise.resolve()

export interface CheckpointTopic extends TopicPartition {
  /** Of this task's checkpoints alone, beside that of its commits: both are fenced by the next owner. */
  readonly transactionalId: string
}

/**
 * The store of a task whose checkpoints other processes can go on from: each is in the checkpoint topic before it counts.
 * Opening it fences the owner before and reads in what `local` lacks. When the increments in the topic outgrow the
 * snapshot before them, the next checkpoint is followed by a snapshot and the topic trimmed below that: so it stays within
 * about twice the state. Closed with `local`. `kept`: a standby's copy in `local`, which spares reading in what it has.
 * @throws {CheckpointRecordError | LogUnavailableError}
 */
export const openReplicatedStore = async (
  log: EventLog,
  at: CheckpointTopic,
  local: StateStore,
  kept?: CheckpointReplica,
): Promise<StateStore> => {
  const place = { topic: at.topic, partition: at.partition }
  let trimBelow = 0
  let producer: Producer | null = await log.openProducer(at.transactionalId)
  const replica = kept ?? (await CheckpointReplica.open(log, place, local))
  /** Where the topic ends behind it. */
  const append = async (values: readonly Uint8Array[]): Promise<number> => {
    const records = values.map((value): NewRecord => ({ ...place, key: null, value }))
    // After a failure its state is not known; the records before it are void without a last one.
    producer ??= await log.openProducer(at.transactionalId)
    try {
      const [position] = await producer.append(records)
      if (position === undefined) throw new Error('assertion: what was appended has a position')
      return position.offset
    } catch (error) {
      const failed = producer
      producer = null
      await failed.close().catch(() => undefined)
      throw error
    }
  }

  const publish = async (
    begins: 'snapshot' | 'increment',
    cells: AsyncIterable<ChangedCell> | Iterable<Uint8Array>,
    meta: Uint8Array,
    rest: Rest,
  ): Promise<void> => {
    let pending: Uint8Array[] = []
    let pendingBytes = 0
    let bytes = 0
    let isFirst = true
    const add = async (record: Uint8Array): Promise<void> => {
      pending.push(record)
      pendingBytes += record.length
      bytes += record.length
      if (pendingBytes < appendBytes) return
      const full = pending
      const workedMs = (appendMsAMebibyte * pendingBytes) / 2 ** 20
      pending = []
      pendingBytes = 0
      await append(full)
      await rest(workedMs)
    }
    const writer = new CheckpointRecordWriter()
    if (Symbol.asyncIterator in cells) {
      for await (const cell of cells) {
        writer.add(cell)
        if (writer.bytes < recordBytes) continue
        await add(writer.take(isFirst ? begins : null, null))
        isFirst = false
      }
    } else {
      for (const record of cells) {
        await add(record)
        isFirst = false
      }
    }
    const last = writer.take(isFirst ? begins : null, meta)
    const offset = await append([...pending, last])
    replica.advanceTo(offset, begins, bytes + last.length)
  }

  /** With the topic written, so that one who restores from it is never behind what its owner has trimmed elsewhere. */
  const commit = async (records: readonly Uint8Array[], write: StoreWrite, meta: Uint8Array, rest: Rest) => {
    if (trimBelow > 0) {
      await log.trim(place, trimBelow)
      trimBelow = 0
    }
    await publish('increment', records, meta, rest)
    await write.commit(joinMeta(replica.head, meta))
    const { offset, snapshotBytes, incrementBytes } = replica.head
    if (incrementBytes <= snapshotBytes + slackBytes) return
    await publish('snapshot', local.cells(), meta, rest)
    await local.begin().commit(joinMeta(replica.head, meta))
    trimBelow = offset
  }

  try {
    await replica.catchUp()
    await replica.closeReader()
    const stored = await local.readMeta()
    const meta = stored === undefined ? undefined : splitMeta(stored).meta
    // A checkpoint that the topic does not have, of a job that was not replicated before.
    if (!replica.head.isWhole && meta !== undefined) {
      // Where nothing was told before there is nothing to repeat.
      const { beginning } = await log.offsets(place)
      await publish(beginning === 0 ? 'increment' : 'snapshot', local.cells(), meta, restless)
      await local.begin().commit(joinMeta(replica.head, meta))
    }
  } catch (error) {
    await replica.closeReader()
    await producer?.close()
    throw error
  }

  return {
    readMeta: async () => {
      const bytes = await local.readMeta()
      return bytes === undefined ? undefined : splitMeta(bytes).meta
    },
    read: (table, key, sub) => local.read(table, key, sub),
    cells: (table, key) => local.cells(table, key),
    begin: () => {
      const write = local.begin()
      const writer = new CheckpointRecordWriter()
      const records: Uint8Array[] = []
      const endRecord = () => records.push(writer.take(records.length === 0 ? 'increment' : null, null))
      return {
        put: (table, key, sub, value) => {
          write.put(table, key, sub, value)
          writer.add({ table, key, sub, value })
          if (writer.bytes >= recordBytes) endRecord()
        },
        drain: () => write.drain(),
        commit: (meta, rest = restless) => {
          if (writer.bytes > 0) endRecord()
          return commit(records, write, meta, rest)
        },
        abandon: () => write.abandon(),
      }
    },
    writeSpill: (pages) => local.writeSpill(pages),
    readSpill: (name) => local.readSpill(name),
    close: async () => {
      try {
        await producer?.close()
      } finally {
        await local.close()
      }
    },
  }
}
