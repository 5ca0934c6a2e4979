import { alertCodec, MalformedRecordError, type AlertStatus } from '@tocsin/chain-model'
import type { LogRecord, RecordBatch, TopicPartition } from '@tocsin/event-log'
import {
  findConflicts,
  insertDeadRecord,
  insertTransitions,
  lockWriters,
  raiseAlerts,
  readPosition,
  savePosition,
  type DeadRecord,
  type NewTransition,
} from '../alert-store.ts'
import { enqueueDeliveries } from '../channels/delivery-store.ts'
import type { Database } from '../database.ts'

/** What became of a batch's records. `repeated` were there already: a log may be read twice, nothing is stored twice. */
export interface StoredBatch {
  /** New transitions, by the status they lead to. */
  readonly stored: Readonly<Record<AlertStatus, number>>
  readonly repeated: number
  readonly dead: readonly DeadRecord[]
}

/** A batch and the offset that it was read from: below its first record, where the log has markers between. */
export interface ReadBatch extends RecordBatch {
  readonly fromOffset: number
}

/** The database has read less than this process stored: it was brought back to an earlier state under our feet. */
export class PositionLostError extends Error {
  readonly code = 'API_POSITION_LOST'
  readonly handling = 'retry'
  readonly remedy = 'None is needed: reading begins again where the database stands. Look why it went back.'
  constructor(at: TopicPartition, stored: number, from: number, options?: ErrorOptions) {
    super(`The database has ${at.topic}/${at.partition} up to offset ${stored}, this batch begins at ${from}.`, options)
  }
}

/**
 * Stores a batch of `<p>.alerts` and how far the partition was read, in one transaction. A transition is known by
 * (id, revision) and stored once, whoever reads the record again: after a crash, or as a second replica. What is no
 * alert becomes a dead letter, as does another content under a revision that is stored; the first stays. Each new
 * transition is queued for the webhooks that want it, due at `now` (ms).
 * @throws {PositionLostError} the batch does not follow what is stored: a replica took over that lacked the newest.
 */
export async function storeBatch(database: Database, batch: ReadBatch, now: number): Promise<StoredBatch> {
  const { topic, partition, records, nextOffset } = batch
  return database.transaction(async (tx) => {
    await lockWriters(tx)
    const position = (await readPosition(tx, batch)) ?? batch.fromOffset
    if (position < batch.fromOffset) throw new PositionLostError(batch, position, batch.fromOffset)
    if (nextOffset <= position) return { stored: countByStatus([]), repeated: records.length, dead: [] }

    const read = records.filter(({ offset }) => offset >= position).map((record) => readRecord(batch, record))
    const rows = read.filter((one) => 'body' in one)
    const malformed = read.filter((one) => 'reason' in one)

    const stored = rows.length === 0 ? [] : await insertTransitions(tx, rows)
    const conflicts = stored.length === rows.length ? [] : await findConflicts(tx, rows)
    const conflicting = rows.filter((_, index) => conflicts.includes(index)).map((row) => conflictOf(batch, row))
    if (stored.length > 0) {
      const sequences = stored.map(({ sequence }) => sequence)
      await raiseAlerts(tx, sequences)
      await enqueueDeliveries(tx, sequences, now)
    }
    const dead = [...malformed, ...conflicting]
    for (const record of dead) await insertDeadRecord(tx, record)
    await savePosition(tx, { topic, partition, offset: nextOffset })
    return { stored: countByStatus(stored), repeated: records.length - stored.length - dead.length, dead }
  })
}

const countByStatus = (stored: readonly { readonly status: AlertStatus }[]): StoredBatch['stored'] => {
  const count = (wanted: AlertStatus) => stored.filter(({ status }) => status === wanted).length
  return { provisional: count('provisional'), confirmed: count('confirmed'), retracted: count('retracted') }
}

interface ReadTransition extends NewTransition {
  readonly record: LogRecord
}

function readRecord({ topic, partition }: TopicPartition, record: LogRecord): ReadTransition | DeadRecord {
  const dead = (code: string, reason: string) => ({
    topic,
    partition,
    offset: record.offset,
    code,
    reason,
    payload: record.value,
  })
  try {
    const alert = alertCodec.decode(record.value)
    // PostgreSQL's text holds no NUL, and no honest detector or key has one.
    if (`${alert.detector}${alert.key}`.includes('\0'))
      return dead('MODEL_MALFORMED_RECORD', 'Not an alert: detector or key holds a NUL character.')
    return { alert, body: new TextDecoder().decode(record.value), record }
  } catch (error) {
    if (error instanceof MalformedRecordError) return dead(error.code, error.message)
    throw error
  }
}

const conflictOf = ({ topic, partition }: TopicPartition, { alert, record }: ReadTransition): DeadRecord => ({
  topic,
  partition,
  offset: record.offset,
  code: 'API_TRANSITION_CONFLICT',
  reason: `Revision ${alert.revision} of alert ${alert.id} is stored with another content.`,
  payload: record.value,
})
