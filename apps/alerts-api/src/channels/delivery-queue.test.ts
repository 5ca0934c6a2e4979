import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { alertCodec, type Alert } from '@tocsin/chain-model'
import { createOutage, silentLogger } from '@tocsin/service-kit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { emptyDatabase, sampleAlert } from '../../testing/index.ts'
import { openDatabase, type Database } from '../database.ts'
import { storeBatch } from '../sinks/postgres-sink.ts'
import {
  decideOutcome,
  deliverDue,
  retrySchedule,
  startDeliveryQueue,
  type DeliveryQueueOptions,
} from './delivery-queue.ts'
import {
  countDeliveries,
  findWebhook,
  insertWebhook,
  leaseDeliveries,
  listDeliveries,
  nextDueAt,
  type WebhookFilter,
} from './delivery-store.ts'
import { signDelivery } from './sign-delivery.ts'

/** However busy the machine. */
const inTheEnd = { timeout: 30_000, interval: 10 }

const secret = new TextEncoder().encode('a secret of twenty-four!')
const start = 1_700_000_000_000
let database: Database
let receiver: Server
let now = start
let offset = 0

interface Received {
  readonly id: string
  readonly timestamp: number
  readonly signature: string
  readonly body: string
}
let received: Received[] = []
let answer: (message: Received, response: ServerResponse) => void
const ok = (_: Received, response: ServerResponse) => void response.end()
const status = (code: number, headers: Record<string, string> = {}) =>
  ((_, response) => void response.writeHead(code, headers).end()) as typeof answer

beforeAll(async () => {
  database = await openDatabase({ url: await emptyDatabase() })
  receiver = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const message = {
        id: String(request.headers['webhook-id']),
        timestamp: Number(request.headers['webhook-timestamp']),
        signature: String(request.headers['webhook-signature']),
        body: Buffer.concat(chunks).toString(),
      }
      received.push(message)
      answer(message, response)
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  receiver.closeAllConnections()
  receiver.close()
  await database.close()
})
beforeEach(async () => {
  await database.query('truncate transitions, alerts, positions, dead_letters, webhooks, deliveries restart identity')
  now = start
  offset = 0
  received = []
  answer = ok
})
afterEach(() => receiver.closeAllConnections())

const receiverUrl = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
const everything: WebhookFilter = { detectors: [], severities: [], statuses: [] }
const addWebhook = (id: string, filter: Partial<WebhookFilter> = {}, url = receiverUrl()) =>
  insertWebhook(database, { id, url, filter: { ...everything, ...filter }, createdAt: now, disabledAt: null }, secret)

/** Writes alerts to the log and stores them. */
const happen = (...alerts: readonly Alert[]) => {
  const records = alerts.map((alert) => ({ offset: offset++, key: null, value: alertCodec.encode(alert) }))
  return storeBatch(database, { topic: 't', partition: 0, fromOffset: 0, records, nextOffset: offset }, now)
}
const options = (overrides: Partial<DeliveryQueueOptions> = {}): DeliveryQueueOptions => ({
  database,
  logger: silentLogger,
  outage: createOutage(silentLogger),
  allowPrivate: true,
  timeoutMs: 2_000,
  concurrency: 16,
  perWebhook: 16,
  now: () => now,
  random: () => 0.5,
  ...overrides,
})
const deliver = (overrides: Partial<DeliveryQueueOptions> = {}) =>
  deliverDue(options(overrides), new AbortController().signal)
const deliveries = (id = 'hook') => listDeliveries(database, id, { limit: 100, before: null })

const one = sampleAlert('one')
const confirmed: Alert = { ...one, revision: 2, status: 'confirmed' }

describe('decideOutcome', () => {
  const at = { attempt: 1, now: start, random: 0.5 }

  test('default: any 2xx is delivered', () => {
    expect(decideOutcome({ status: 204, retryAfterMs: null }, at)).toEqual({ type: 'delivered', status: 204 })
  })

  test('behavior: ten attempts over 75 h 35 min, then dead', () => {
    const failed = { error: 'connection refused' }
    const waits = Array.from({ length: 10 }, (_, index) => {
      const outcome = decideOutcome(failed, { ...at, attempt: index + 1 })
      return outcome.type === 'retry' ? outcome.at - start : outcome.type
    })
    expect(waits).toEqual([...retrySchedule, 'dead'])
    expect(retrySchedule.reduce((sum, wait) => sum + wait)).toBe(75 * 3_600_000 + 35 * 60_000 + 5_000)
  })

  test('behavior: jitter moves the wait by up to 10 % to either side', () => {
    const wait = (random: number) => decideOutcome({ status: 500, retryAfterMs: null }, { ...at, attempt: 2, random })
    expect(wait(0)).toMatchObject({ at: start + 270_000 })
    expect(wait(0.999_999_9)).toMatchObject({ at: start + 330_000 })
  })

  test('behavior: Retry-After is kept if it is longer, and at most a day', () => {
    const retryAfter = (ms: number) => decideOutcome({ status: 429, retryAfterMs: ms }, at)
    expect(retryAfter(1_000)).toMatchObject({ at: start + 5_000 })
    expect(retryAfter(60_000)).toMatchObject({ at: start + 60_000 })
    expect(retryAfter(1e12)).toMatchObject({ at: start + 86_400_000 })
  })

  test('behavior: a redirect is a failure, and 410 ends the webhook', () => {
    expect(decideOutcome({ status: 302, retryAfterMs: null }, at)).toMatchObject({ type: 'retry' })
    expect(decideOutcome({ status: 410, retryAfterMs: null }, at)).toMatchObject({ type: 'dead', disable: true })
  })
})

describe('deliverDue', () => {
  test('default: each transition is posted once, signed, with an id of its own', async () => {
    await addWebhook('hook')
    await happen(one)
    expect(await deliver()).toBe(1)
    expect(await deliver()).toBe(0)
    const [message] = received
    expect(received).toEqual([
      {
        id: `${one.id}_1`,
        timestamp: start / 1_000,
        signature: signDelivery(`${one.id}_1`, start / 1_000, new TextEncoder().encode(message?.body), [secret]),
        body: message?.body,
      },
    ])
    expect(JSON.parse(message?.body ?? '')).toEqual({
      type: 'alert.provisional',
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      data: JSON.parse(alertCodec.stringify(one)) as unknown,
    })
    expect(await deliveries()).toMatchObject([
      { state: 'delivered', attempts: 1, alertId: one.id, revision: 1, lastStatus: 200, lastError: null },
    ])
  })

  test('behavior: a webhook gets what its filter lets through, from its creation on', async () => {
    await happen(sampleAlert('before'))
    await addWebhook('critical', { severities: ['critical'] })
    await addWebhook('confirmed', { statuses: ['confirmed'], detectors: ['transfer-volume'] })
    await happen(one, confirmed, sampleAlert('other', { severity: 'critical', detector: 'sandwich' }))
    await deliver()
    expect((await deliveries('critical')).map(({ eventType }) => eventType)).toEqual(['alert.provisional'])
    expect((await deliveries('confirmed')).map(({ messageId }) => messageId)).toEqual([`${one.id}_2`])
  })

  test('behavior: a failed delivery is made again when its wait is over, with the same id and body', async () => {
    await addWebhook('hook')
    await happen(one)
    answer = status(503)
    await deliver()
    now += retrySchedule[0] ?? 0
    answer = ok
    expect(await deliver()).toBe(1)
    const [first, second] = received
    expect(second).toMatchObject({ id: first?.id, body: first?.body, timestamp: (first?.timestamp ?? 0) + 5 })
    expect(second?.signature).not.toBe(first?.signature)
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: 2 }])
  })

  test('behavior: nothing is tried before its time', async () => {
    await addWebhook('hook')
    await happen(one)
    answer = status(500)
    await deliver()
    now += (retrySchedule[0] ?? 0) - 1
    expect(await deliver()).toBe(0)
  })

  test('behavior: after the tenth failure it is dead, and the next transition of the alert goes out', async () => {
    await addWebhook('hook')
    await happen(one, confirmed)
    answer = (message, response) => status(message.id.endsWith('_1') ? 500 : 200)(message, response)
    for (const wait of [...retrySchedule, 0]) {
      expect(await deliver()).toBe(1)
      now += wait
    }
    expect(await deliveries()).toMatchObject([
      { revision: 2, state: 'pending', attempts: 0 },
      { revision: 1, state: 'dead', attempts: 10, lastStatus: 500, lastError: 'The receiver answered 500.' },
    ])
    await deliver()
    expect(await countDeliveries(database)).toEqual({ pending: 0, delivered: 1, dead: 1 })
  })

  test('behavior: transitions of one alert go out in order, each after the one before; other alerts do not wait', async () => {
    await addWebhook('hook')
    const other = sampleAlert('other')
    await happen(one, confirmed, other)
    answer = (message, response) => status(message.id === `${one.id}_1` ? 500 : 200)(message, response)
    await deliver()
    expect(received.map(({ id }) => id).sort()).toEqual([`${one.id}_1`, `${other.id}_1`].sort())
    answer = ok
    now += retrySchedule[0] ?? 0
    while ((await deliver()) > 0);
    expect(received.map(({ id }) => id).filter((id) => id.startsWith(one.id))).toEqual([
      `${one.id}_1`,
      `${one.id}_1`,
      `${one.id}_2`,
    ])
  })

  test('behavior: one process takes a delivery, and another takes it over when the lease runs out', async () => {
    await addWebhook('hook')
    await happen(one)
    const lease = () => leaseDeliveries(database, { now, leasedUntil: now + 1_000, limit: 10, perWebhook: 10 })
    const taken = await Promise.all([lease(), lease()])
    expect(taken.flat()).toHaveLength(1)
    expect(await deliver()).toBe(0)
    now += 1_000
    expect(await deliver()).toBe(1)
    expect(await deliveries()).toMatchObject([{ state: 'delivered', attempts: 2 }])
  })

  test('behavior: of one webhook no more than its share is under way', async () => {
    await addWebhook('hook')
    await happen(...['a', 'b', 'c'].map((name) => sampleAlert(name)))
    expect(await deliver({ perWebhook: 2 })).toBe(2)
    expect(await deliver({ perWebhook: 2 })).toBe(1)
  })

  test('behavior: 410 Gone disables the webhook and drops what waits for it', async () => {
    await addWebhook('hook')
    await happen(one, sampleAlert('two'))
    answer = status(410)
    await deliver({ perWebhook: 1 })
    expect((await deliveries()).map(({ state }) => state)).toEqual(['dead', 'dead'])
    expect(await findWebhook(database, 'hook')).toMatchObject({ disabledAt: start })
    await happen(sampleAlert('three'))
    expect(await deliver()).toBe(0)
  })

  test('error: a receiver that does not answer in time is tried again', async () => {
    await addWebhook('hook')
    await happen(one)
    answer = () => {}
    await deliver({ timeoutMs: 100 })
    expect(await deliveries()).toMatchObject([
      {
        state: 'pending',
        attempts: 1,
        lastStatus: null,
        lastError: expect.stringContaining('did not answer within 100 ms') as string,
      },
    ])
  })

  test.each([
    ['an address', () => receiverUrl(), '127.0.0.1 is not an address of the public internet.'],
    [
      'a name, by the address that it has now',
      () => receiverUrl().replace('127.0.0.1', 'localhost'),
      /localhost is .*, which is not an address of the public internet\./,
    ],
    ['an IPv6 address in brackets', () => 'http://[::1]:9/', '::1 is not an address of the public internet.'],
    ['an address written as a number', () => 'http://2130706433/', '127.0.0.1 is not an address'],
  ])('error: nothing is sent to a private receiver: %s', async (_, url, reason) => {
    await addWebhook('hook', {}, url())
    await happen(one)
    await deliver({ allowPrivate: false })
    expect(received).toEqual([])
    const [delivery] = await deliveries()
    expect(delivery).toMatchObject({ state: 'pending', lastStatus: null })
    expect(delivery?.lastError).toMatch(reason)
  })
})

describe('leaseDeliveries', () => {
  test('behavior: a receiver that was away for long holds nothing up: of thousands that wait it gets its few', async () => {
    await addWebhook('away')
    const many = Array.from({ length: 3_000 }, (_, number) => sampleAlert(`alert ${number}`))
    await happen(...many, ...many.map((alert): Alert => ({ ...alert, revision: 2, status: 'confirmed' })))
    await addWebhook('hook')
    await happen({ ...one, revision: 3 })
    const leased = await leaseDeliveries(database, { now, leasedUntil: now + 1_000, limit: 16, perWebhook: 4 })
    expect(leased.map(({ messageId }) => messageId).toSorted()).toEqual(
      [...many.slice(0, 4).map(({ id }) => `${id}_1`), `${one.id}_3`].toSorted(),
    )
  })

  test('behavior: what waits for an earlier one of its alert is not due, so nobody looks for it again and again', async () => {
    await addWebhook('hook')
    await happen(one, confirmed)
    answer = status(503)
    await deliver()
    expect(await nextDueAt(database)).toBe(now + (retrySchedule[0] ?? 0))
  })
})

describe('startDeliveryQueue', () => {
  test('default: delivers what happens while it runs, and ends within its drain time', async () => {
    await addWebhook('hook')
    const queue = startDeliveryQueue(options({ now: Date.now }))
    now = Date.now()
    await happen(one, confirmed)
    queue.wake()
    await expect.poll(() => received.map(({ id }) => id), inTheEnd).toEqual([`${one.id}_1`, `${one.id}_2`])
    await queue.close()
  })

  test('behavior: an attempt that the end cuts off does not count', async () => {
    await addWebhook('hook')
    answer = () => {}
    const queue = startDeliveryQueue(options({ now: Date.now, timeoutMs: 60_000 }))
    now = Date.now()
    await happen(one)
    queue.wake()
    await expect.poll(() => received.length, inTheEnd).toBe(1)
    await queue.close()
    expect(await deliveries()).toMatchObject([{ state: 'pending', attempts: 0, lastError: null }])
  })
})
