import type { AlertStatus, Severity } from '@tocsin/chain-model'
import type { AlertJson } from '../alert-store.ts'
import type { Queryable } from '../database.ts'

/** Which transitions a webhook gets: those that fit every part; an empty list fits all. */
export interface WebhookFilter {
  readonly detectors: readonly string[]
  readonly severities: readonly Severity[]
  readonly statuses: readonly AlertStatus[]
}

/** A receiver of transitions. Times are ms. */
export interface Webhook {
  readonly id: string
  readonly url: string
  readonly filter: WebhookFilter
  readonly createdAt: number
  /** Set when the receiver answered 410 Gone: it gets nothing more. */
  readonly disabledAt: number | null
}

/** `pending` until it is `delivered` (2xx) or `dead` (given up). */
export type DeliveryState = 'pending' | 'delivered' | 'dead'

/** One message to one webhook, over all its attempts. Times are ms. */
export interface Delivery {
  readonly id: string
  /** The `webhook-id` header: the same at every attempt. */
  readonly messageId: string
  /** Null, as is the revision, for a test. */
  readonly alertId: string | null
  readonly revision: number | null
  readonly eventType: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly createdAt: number
  readonly nextAttemptAt: number | null
  readonly finishedAt: number | null
  /** The HTTP status of the last attempt, if there was an answer. */
  readonly lastStatus: number | null
  readonly lastError: string | null
}

/** An attempt that this process may make until its lease runs out. */
export interface LeasedDelivery {
  readonly id: number
  readonly messageId: string
  readonly eventType: string
  /** Counts from 1; with `id` it names the lease. */
  readonly attempt: number
  readonly url: string
  readonly secret: Uint8Array
  /** When the transition was stored or the test asked for: the event's time in the message, ms. */
  readonly occurredAt: number
  /** Null for a test. */
  readonly alert: AlertJson | null
}

const webhookColumns = `id, url,
  json_build_object('detectors', detectors, 'severities', severities, 'statuses', statuses) as filter,
  created_at as "createdAt", disabled_at as "disabledAt"`

export async function insertWebhook(database: Queryable, webhook: Webhook, secret: Uint8Array): Promise<void> {
  await database.query(
    `insert into webhooks (id, url, secret, detectors, severities, statuses, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [
      webhook.id,
      webhook.url,
      Buffer.from(secret),
      webhook.filter.detectors,
      webhook.filter.severities,
      webhook.filter.statuses,
      webhook.createdAt,
    ],
  )
}

export async function listWebhooks(database: Queryable): Promise<readonly Webhook[]> {
  return database.query(`select ${webhookColumns} from webhooks order by created_at, id`)
}

export async function findWebhook(database: Queryable, id: string): Promise<Webhook | undefined> {
  const [webhook] = await database.query<Webhook>(`select ${webhookColumns} from webhooks where id = $1`, [id])
  return webhook
}

/** With its deliveries. False: there was none. */
export async function deleteWebhook(database: Queryable, id: string): Promise<boolean> {
  return (await database.query('delete from webhooks where id = $1 returning id', [id])).length > 0
}

/** The webhook's deliveries, newest first, those below `before`. */
export async function listDeliveries(
  database: Queryable,
  webhookId: string,
  page: { readonly limit: number; readonly before: number | null },
): Promise<readonly Delivery[]> {
  return database.query(
    `select d.id::text as id, message_id as "messageId", t.id as "alertId", t.revision, event_type as "eventType", state, attempts,
       created_at as "createdAt", case when state = 'pending' then next_attempt_at end as "nextAttemptAt",
       finished_at as "finishedAt", last_status as "lastStatus", last_error as "lastError"
     from deliveries d left join transitions t on t.sequence = d.sequence
     where webhook_id = $1 and ($2::bigint is null or d.id < $2) order by d.id desc limit $3`,
    [webhookId, page.before, page.limit],
  )
}

/** Queues each transition for each webhook that wants it. Runs in the transaction that stores them. */
export async function enqueueDeliveries(tx: Queryable, sequences: readonly number[], now: number): Promise<void> {
  // The id of a message holds no full stop: the signed text is `id.timestamp.body`, and stays unambiguous.
  await tx.query(
    `insert into deliveries (webhook_id, sequence, message_id, alert_id, event_type, created_at, next_attempt_at)
     select w.id, t.sequence, t.id || '_' || t.revision, t.id, 'alert.' || t.status, $2, $2
     from transitions t join webhooks w on w.disabled_at is null
       and (cardinality(w.detectors) = 0 or t.detector = any (w.detectors))
       and (cardinality(w.severities) = 0 or t.severity = any (w.severities))
       and (cardinality(w.statuses) = 0 or t.status = any (w.statuses))
     where t.sequence = any ($1::bigint[])
     order by t.sequence, w.id
     on conflict (webhook_id, message_id) do nothing`,
    [sequences, now],
  )
}

/** Queues a message without an alert, so that a receiver can be tried. Gives the delivery's id. */
export async function enqueueTest(
  database: Queryable,
  webhookId: string,
  messageId: string,
  now: number,
): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    `insert into deliveries (webhook_id, message_id, alert_id, event_type, created_at, next_attempt_at)
     values ($1, $2, $2, 'webhook.test', $3, $3) returning id::text as id`,
    [webhookId, messageId, now],
  )
  if (row === undefined) throw new Error('An insert of one row returned none.')
  return row.id
}

/**
 * Up to `limit` deliveries that are due at `now`, leased to the caller until `leasedUntil`. Of one alert and webhook only
 * the first that is pending: later transitions wait for it, so a receiver sees them in order. Of one webhook at most
 * `perWebhook` at a time: a slow receiver does not hold up the others. The attempt counts from here: one that dies with
 * its process is an attempt too.
 */
export async function leaseDeliveries(
  database: Queryable,
  lease: { readonly now: number; readonly leasedUntil: number; readonly limit: number; readonly perWebhook: number },
): Promise<readonly LeasedDelivery[]> {
  return database.query(
    // Each part once over what is pending, whatever the planner thinks of a table that has just grown.
    `with busy as materialized (
       select webhook_id, count(*) as attempts from deliveries
       where state = 'pending' and leased_until > $1 group by webhook_id
     ), first as materialized (
       select distinct on (webhook_id, alert_id) id, webhook_id, next_attempt_at, leased_until from deliveries
       where state = 'pending' order by webhook_id, alert_id, id
     ), due as materialized (
       select id, next_attempt_at,
         row_number() over (partition by webhook_id order by next_attempt_at, id) + coalesce(busy.attempts, 0) as turn
       from first left join busy using (webhook_id)
       where next_attempt_at <= $1 and (leased_until is null or leased_until <= $1)
     ), taken as materialized (
       select d.id from deliveries d
       where d.id = any (array(select id from due where turn <= $4 order by next_attempt_at, id limit $3))
         and d.state = 'pending' and (d.leased_until is null or d.leased_until <= $1)
       for update of d skip locked
     )
     update deliveries d set leased_until = $2, attempts = d.attempts + 1
     from taken, webhooks w
     where d.id = taken.id and w.id = d.webhook_id
     returning d.id, d.message_id as "messageId", d.event_type as "eventType", d.attempts as attempt, w.url, w.secret,
       coalesce(
         (select (extract(epoch from t.stored_at) * 1000)::bigint from transitions t where t.sequence = d.sequence),
         d.created_at
       ) as "occurredAt",
       (select t.body from transitions t where t.sequence = d.sequence) as alert`,
    [lease.now, lease.leasedUntil, lease.limit, lease.perWebhook],
  )
}

/** What an attempt came to. */
export type AttemptOutcome =
  | { readonly type: 'delivered'; readonly status: number }
  | { readonly type: 'retry'; readonly at: number; readonly status: number | null; readonly error: string }
  | { readonly type: 'dead'; readonly status: number | null; readonly error: string; readonly disable: boolean }

/** Writes down an attempt. Nothing happens if its lease ran out and another process made the next attempt. */
export async function finishAttempt(
  database: Queryable,
  { id, attempt }: Pick<LeasedDelivery, 'id' | 'attempt'>,
  outcome: AttemptOutcome,
  now: number,
): Promise<void> {
  const state = outcome.type === 'retry' ? 'pending' : outcome.type
  const finished = await database.query<{ webhook_id: string }>(
    `update deliveries set state = $3, leased_until = null, next_attempt_at = coalesce($4, next_attempt_at),
       finished_at = $5, last_status = $6, last_error = $7
     where id = $1 and attempts = $2 and state = 'pending' returning webhook_id`,
    [
      id,
      attempt,
      state,
      outcome.type === 'retry' ? outcome.at : null,
      outcome.type === 'retry' ? null : now,
      outcome.status,
      outcome.type === 'delivered' ? null : outcome.error,
    ],
  )
  const [row] = finished
  if (outcome.type === 'dead' && outcome.disable && row !== undefined)
    await disableWebhook(database, row.webhook_id, now)
}

/** Takes an attempt back as if it had not been begun. */
export async function releaseLease(
  database: Queryable,
  { id, attempt }: Pick<LeasedDelivery, 'id' | 'attempt'>,
): Promise<void> {
  await database.query(
    `update deliveries set attempts = attempts - 1, leased_until = null
     where id = $1 and attempts = $2 and state = 'pending'`,
    [id, attempt],
  )
}

/** The receiver is gone: what waits for it is given up, and it gets nothing more. */
async function disableWebhook(database: Queryable, id: string, now: number): Promise<void> {
  await database.query('update webhooks set disabled_at = $2 where id = $1 and disabled_at is null', [id, now])
  await database.query(
    `update deliveries set state = 'dead', finished_at = $2, leased_until = null,
       last_error = 'The receiver answered 410 Gone to an earlier delivery.'
     where webhook_id = $1 and state = 'pending'`,
    [id, now],
  )
}

/**
 * When the next delivery is due or its lease ends, ms; undefined if none is pending. Those that wait for an earlier one of
 * their alert don't count: they are due when that one is done.
 */
export async function nextDueAt(database: Queryable): Promise<number | undefined> {
  const [row] = await database.query<{ at: number | null }>(
    `select min(greatest(next_attempt_at, coalesce(leased_until, 0))) as at from (
       select distinct on (webhook_id, alert_id) next_attempt_at, leased_until from deliveries
       where state = 'pending' order by webhook_id, alert_id, id
     ) first`,
  )
  return row?.at ?? undefined
}

export async function countDeliveries(database: Queryable): Promise<Readonly<Record<DeliveryState, number>>> {
  const rows = await database.query<{ state: DeliveryState; count: number }>(
    'select state, count(*) as count from deliveries group by state',
  )
  const of = (state: DeliveryState) => rows.find((row) => row.state === state)?.count ?? 0
  return { pending: of('pending'), delivered: of('delivered'), dead: of('dead') }
}
