import { setTimeout as delay } from 'node:timers/promises'
import { errorLine, type Logger, type Outage } from '@tocsin/service-kit'
import type { Database } from '../database.ts'
import { waitOut } from '../wait-out.ts'
import {
  finishAttempt,
  leaseDeliveries,
  nextDueAt,
  releaseLease,
  type AttemptOutcome,
  type LeasedDelivery,
} from './delivery-store.ts'
import { sendWebhook, type WebhookAnswer } from './webhook.ts'

const [second, minute, hour] = [1_000, 60_000, 3_600_000]

/** How long to wait after each failed attempt, ms: ten attempts in 75 h 35 min. Source: Standard Webhooks' example. */
export const retrySchedule: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]

/** Each wait is this much longer or shorter at most, so that receivers that failed together are not asked together. */
const jitter = 0.1

/**
 * What becomes of a delivery after its `attempt` (from 1) was answered, or failed with `error`. Pure: `random` is in
 * [0, 1).
 *   2xx                  delivered
 *   410 Gone             dead, and the webhook is disabled
 *   anything else        again after the schedule's wait ± 10 %, or Retry-After if that is longer (at most 24 h)
 *   … and the tenth      dead
 */
export function decideOutcome(
  result: WebhookAnswer | { readonly error: string },
  { attempt, now, random }: { readonly attempt: number; readonly now: number; readonly random: number },
): AttemptOutcome {
  const status = 'status' in result ? result.status : null
  if (status !== null && status >= 200 && status < 300) return { type: 'delivered', status }
  const error = 'error' in result ? result.error : `The receiver answered ${result.status}.`
  if (status === 410) return { type: 'dead', status, error, disable: true }
  const wait = retrySchedule[attempt - 1]
  if (wait === undefined) return { type: 'dead', status, error, disable: false }
  const asked = 'status' in result ? Math.min(result.retryAfterMs ?? 0, 24 * hour) : 0
  const spread = wait * (1 + jitter * (2 * random - 1))
  return { type: 'retry', at: now + Math.round(Math.max(spread, asked)), status, error }
}

export interface DeliveryQueueOptions {
  readonly database: Database
  readonly logger: Logger
  readonly outage: Outage
  readonly allowPrivate: boolean
  readonly timeoutMs: number
  /** Attempts under way at once: in all, and to one webhook. */
  readonly concurrency: number
  readonly perWebhook: number
  /** The clock, ms, and the chance of the jitter in [0, 1). */
  readonly now: () => number
  readonly random: () => number
  readonly onAttempt?: (outcome: AttemptOutcome['type']) => void
}

/** A lease outlives the longest attempt by this, so that nobody else starts the same one meanwhile. */
const leaseMarginMs = 30 * second

/** Makes every attempt that is due, once, and gives how many. */
export async function deliverDue(options: DeliveryQueueOptions, signal: AbortSignal): Promise<number> {
  const leased = await leaseDue(options, options.concurrency)
  await Promise.all(leased.map((delivery) => attemptDelivery(options, delivery, signal)))
  return leased.length
}

function leaseDue({ database, now, timeoutMs, perWebhook }: DeliveryQueueOptions, limit: number) {
  const at = now()
  return leaseDeliveries(database, { now: at, leasedUntil: at + timeoutMs + leaseMarginMs, limit, perWebhook })
}

async function attemptDelivery(
  options: DeliveryQueueOptions,
  delivery: LeasedDelivery,
  signal: AbortSignal,
): Promise<void> {
  const { database, logger, now, random, allowPrivate, timeoutMs } = options
  const result = await sendWebhook(delivery, now(), { allowPrivate, timeoutMs, signal }).catch((error: unknown) => ({
    error: errorLine(error),
  }))
  // Our own end says nothing about the receiver.
  if ('error' in result && signal.aborted) return releaseLease(database, delivery)
  const outcome = decideOutcome(result, { attempt: delivery.attempt, now: now(), random: random() })
  await finishAttempt(database, delivery, outcome, now())
  options.onAttempt?.(outcome.type)
  if (outcome.type === 'dead')
    logger.warn(`a webhook delivery is given up: ${outcome.error}`, {
      delivery: delivery.id,
      attempts: delivery.attempt,
    })
}

/** The queue's loop. */
export interface DeliveryQueue {
  /** Something new may be due. */
  wake(): void
  /** Waits a moment for the attempts under way, then takes them back: they are made again at the next start. */
  close(): Promise<void>
}

/** How long the loop sleeps at most, since another process may have queued something; and while all turns are taken. */
const [idleMs, busyMs] = [5 * second, 250]
/** How long attempts under way may go on at the end. */
const drainMs = 2 * second

/** Delivers what is due until closed. While the database is away it waits, and goes on by itself. */
export function startDeliveryQueue(options: DeliveryQueueOptions): DeliveryQueue {
  const { database, logger, outage, now, concurrency } = options
  const closing = new AbortController()
  const aborting = new AbortController()
  const underWay = new Set<Promise<void>>()
  let waking = new AbortController()

  const start = (delivery: LeasedDelivery) => {
    const attempt = attemptDelivery(options, delivery, aborting.signal)
      // It could not be written down: its lease runs out and it is made again, under the same webhook-id.
      .catch((error: unknown) => logger.debug(errorLine(error), { delivery: delivery.id }))
      .finally(() => {
        underWay.delete(attempt)
        waking.abort()
      })
    underWay.add(attempt)
  }
  const startDue = async () => {
    const free = concurrency - underWay.size
    const leased = free === 0 ? [] : await leaseDue(options, free)
    leased.forEach(start)
    return leased.length > 0 ? 0 : ((await nextDueAt(database)) ?? Number.POSITIVE_INFINITY) - now()
  }
  const run = async () => {
    while (!closing.signal.aborted) {
      // Taken before looking: a wake-up meanwhile then ends the sleep at once.
      waking = new AbortController()
      const wait = await waitOut(startDue, { outage, random: options.random, signal: closing.signal })
      const sleep = wait === 0 ? 0 : Math.min(idleMs, wait > 0 ? wait : busyMs)
      await delay(sleep, undefined, { signal: AbortSignal.any([closing.signal, waking.signal]) }).catch(() => {})
    }
  }
  const done = run().catch((error: unknown) => {
    if (!closing.signal.aborted) logger.error(error)
  })
  return {
    wake: () => waking.abort(),
    close: async () => {
      closing.abort()
      await done
      const overdue = setTimeout(() => aborting.abort(), drainMs)
      await Promise.all(underWay)
      clearTimeout(overdue)
    },
  }
}
