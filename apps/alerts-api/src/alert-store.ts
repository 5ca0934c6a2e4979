import type { Alert, AlertStatus, Severity } from '@tocsin/chain-model'
import type { Position, TopicPartition } from '@tocsin/event-log'
import type { Queryable } from './database.ts'

/** An alert as the log has it: the record's own JSON, amounts as decimal strings. Its schema is chain-model's. */
export type AlertJson = Readonly<Record<string, unknown>> &
  Readonly<
    Pick<Alert, 'id' | 'revision' | 'status' | 'chainId' | 'detector' | 'severity' | 'key' | 'eventTime' | 'title'>
  >

/** A transition as it was stored. `sequence` orders all of them: who has seen n has seen everything up to n. */
export interface Transition {
  readonly sequence: number
  /** When this service stored it, ms by PostgreSQL's clock. */
  readonly storedAt: number
  readonly alert: AlertJson
}

/** A transition about to be stored: what its columns need, and its JSON as it stands in the log. */
export interface NewTransition {
  readonly alert: Alert
  readonly body: string
}

/** Lets through what fits every part; an empty list or null fits all. Times are event time in ms, `[from, to)`. */
export interface AlertFilter {
  readonly detectors: readonly string[]
  readonly statuses: readonly AlertStatus[]
  readonly severities: readonly Severity[]
  readonly keys: readonly string[]
  readonly chainIds: readonly number[]
  readonly from: number | null
  readonly to: number | null
}

/** Where a page ends: the next one holds what is older, by (event time, id). */
export interface AlertCursor {
  readonly eventTime: number
  readonly id: string
}

export interface DeadRecord extends Position {
  readonly code: string
  readonly reason: string
  readonly payload: Uint8Array
}

const writerLock = 4_680_002

/** Transitions are stored by one transaction at a time, so that their sequence is also the order of their commits. */
export async function lockWriters(tx: Queryable): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [writerLock])
}

export async function readPosition(tx: Queryable, at: TopicPartition): Promise<number | undefined> {
  const [row] = await tx.query<{ next_offset: number }>(
    'select next_offset from positions where topic = $1 and partition = $2',
    [at.topic, at.partition],
  )
  return row?.next_offset
}

export async function readPositions(database: Queryable, topic: string): Promise<readonly Position[]> {
  return database.query(
    'select topic, partition, next_offset as "offset" from positions where topic = $1 order by partition',
    [topic],
  )
}

export async function savePosition(tx: Queryable, { topic, partition, offset }: Position): Promise<void> {
  await tx.query(
    `insert into positions (topic, partition, next_offset) values ($1, $2, $3)
     on conflict (topic, partition) do update set next_offset = excluded.next_offset`,
    [topic, partition, offset],
  )
}

/** The columns of a transition but `sequence`, as arrays to be unnested: one statement for any number of rows. */
const columnsOf = (rows: readonly NewTransition[]) => [
  rows.map(({ alert }) => alert.id),
  rows.map(({ alert }) => alert.revision),
  rows.map(({ alert }) => alert.status),
  rows.map(({ alert }) => alert.chainId),
  rows.map(({ alert }) => alert.detector),
  rows.map(({ alert }) => alert.severity),
  rows.map(({ alert }) => alert.key),
  rows.map(({ alert }) => alert.eventTime),
  rows.map(({ body }) => body),
]

/** Stores the transitions that are not there yet, in the order given, and gives these. */
export async function insertTransitions(
  tx: Queryable,
  rows: readonly NewTransition[],
): Promise<readonly { readonly sequence: number; readonly status: AlertStatus }[]> {
  return tx.query(
    `insert into transitions (id, revision, status, chain_id, detector, severity, key, event_time, body)
     select id, revision, status, chain_id, detector, severity, key, event_time, body::json
     from unnest($1::text[], $2::int[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
       $9::text[]) with ordinality
       as row (id, revision, status, chain_id, detector, severity, key, event_time, body, place)
     order by place
     on conflict (id, revision) do nothing
     returning sequence, status`,
    columnsOf(rows),
  )
}

/** Which of the rows, by their index, are stored with another content: a stored one keeps its first. */
export async function findConflicts(tx: Queryable, rows: readonly NewTransition[]): Promise<readonly number[]> {
  const conflicts = await tx.query<{ place: number }>(
    `select given.place
     from unnest($1::text[], $2::int[], $3::text[]) with ordinality as given (id, revision, body, place)
     join transitions stored on stored.id = given.id and stored.revision = given.revision
     where stored.body::text <> given.body`,
    [rows.map(({ alert }) => alert.id), rows.map(({ alert }) => alert.revision), rows.map(({ body }) => body)],
  )
  return conflicts.map(({ place }) => place - 1)
}

/** Makes the newest of the transitions the current row of its alert. */
export async function raiseAlerts(tx: Queryable, sequences: readonly number[]): Promise<void> {
  await tx.query(
    `insert into alerts
       (id, sequence, revision, status, chain_id, detector, severity, key, event_time, body)
     select distinct on (id) id, sequence, revision, status, chain_id, detector, severity, key, event_time, body
     from transitions where sequence = any ($1::bigint[])
     order by id, revision desc
     on conflict (id) do update set
       sequence = excluded.sequence, revision = excluded.revision, status = excluded.status,
       chain_id = excluded.chain_id, detector = excluded.detector, severity = excluded.severity,
       key = excluded.key, event_time = excluded.event_time, body = excluded.body
     where excluded.revision > alerts.revision`,
    [sequences],
  )
}

export async function insertDeadRecord(tx: Queryable, record: DeadRecord): Promise<void> {
  await tx.query(
    `insert into dead_letters (topic, partition, record_offset, code, reason, payload)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [record.topic, record.partition, record.offset, record.code, record.reason, Buffer.from(record.payload)],
  )
}

/**
 * Alerts as they stand now, newest first by (event time, id), with the sequence up to which the page knows everything:
 * a stream resumed from there misses nothing.
 */
export async function listAlerts(
  database: Queryable,
  filter: AlertFilter,
  page: { readonly limit: number; readonly after: AlertCursor | null },
): Promise<{ readonly items: readonly AlertJson[]; readonly sequence: number }> {
  const values: unknown[] = []
  const given = (value: unknown) => `$${values.push(value)}`
  const conditions = [
    ...(filter.detectors.length === 0 ? [] : [`detector = any (${given(filter.detectors)}::text[])`]),
    ...(filter.statuses.length === 0 ? [] : [`status = any (${given(filter.statuses)}::text[])`]),
    ...(filter.severities.length === 0 ? [] : [`severity = any (${given(filter.severities)}::text[])`]),
    ...(filter.keys.length === 0 ? [] : [`key = any (${given(filter.keys)}::text[])`]),
    ...(filter.chainIds.length === 0 ? [] : [`chain_id = any (${given(filter.chainIds)}::bigint[])`]),
    ...(filter.from === null ? [] : [`event_time >= ${given(filter.from)}`]),
    ...(filter.to === null ? [] : [`event_time < ${given(filter.to)}`]),
    ...(page.after === null ? [] : [`(event_time, id) < (${given(page.after.eventTime)}, ${given(page.after.id)})`]),
  ]
  // One statement, so that page and sequence are of one snapshot; the left join keeps the sequence of an empty page.
  const rows = await database.query<{ sequence: number; body: AlertJson | null }>(
    `select newest.sequence, page.body
     from (select coalesce(max(sequence), 0) as sequence from transitions) newest
     left join (
       select body, event_time, id from alerts ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`}
       order by event_time desc, id desc limit ${given(page.limit)}
     ) page on true
     order by page.event_time desc, page.id desc`,
    values,
  )
  return { items: rows.flatMap(({ body }) => body ?? []), sequence: rows[0]?.sequence ?? 0 }
}

interface TransitionRow {
  readonly sequence: number
  readonly stored_at: Date
  readonly body: AlertJson
}
const transitionOf = (row: TransitionRow): Transition => ({
  sequence: row.sequence,
  storedAt: row.stored_at.getTime(),
  alert: row.body,
})

/** The alert's transitions, first revision first; none if there is no such alert. */
export async function transitionsOf(database: Queryable, id: string): Promise<readonly Transition[]> {
  const rows = await database.query<TransitionRow>(
    'select sequence, stored_at, body from transitions where id = $1 order by revision',
    [id],
  )
  return rows.map(transitionOf)
}

/** Transitions stored after `sequence`, in order. */
export async function transitionsAfter(
  database: Queryable,
  sequence: number,
  limit: number,
): Promise<readonly Transition[]> {
  const rows = await database.query<TransitionRow>(
    'select sequence, stored_at, body from transitions where sequence > $1 order by sequence limit $2',
    [sequence, limit],
  )
  return rows.map(transitionOf)
}

export async function newestSequence(database: Queryable): Promise<number> {
  const [row] = await database.query<{ sequence: number }>(
    'select coalesce(max(sequence), 0) as sequence from transitions',
  )
  return row?.sequence ?? 0
}

/** How many alerts stand at each detector, status and severity. */
export interface AlertCount {
  readonly detector: string
  readonly status: AlertStatus
  readonly severity: Severity
  readonly count: number
}

export async function countAlerts(database: Queryable): Promise<readonly AlertCount[]> {
  return database.query(
    `select detector, status, severity, count(*) as count from alerts
     group by detector, status, severity order by detector, status, severity`,
  )
}

export async function countDeadRecords(database: Queryable): Promise<number> {
  const [row] = await database.query<{ count: number }>('select count(*) as count from dead_letters')
  return row?.count ?? 0
}
