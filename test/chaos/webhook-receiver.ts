import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { alertCodec, type Alert } from '@tocsin/chain-model'
import type { SeededRandom } from '@tocsin/stream-core/testing'

/** A receiver that outlives whoever sends to it. */
export interface WebhookReceiver {
  readonly url: string
  /** What it took, in the order of arrival; a message that came again is there again. */
  readonly arrivals: readonly Arrival[]
  stop(): void
}

export interface Arrival {
  readonly messageId: string
  readonly body: string
  readonly alert: Alert
}

/**
 * How slowly it answers at most. It refuses nothing: an attempt that died with its process counts, and the wait after a
 * second failed one is five minutes, longer than a storm.
 */
const slowestMs = 80

export async function openWebhookReceiver(random: SeededRandom): Promise<WebhookReceiver> {
  const arrivals: Arrival[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const messageId = String(request.headers['webhook-id'])
      const body = Buffer.concat(chunks).toString('utf8')
      const { data } = JSON.parse(body) as { readonly data: unknown }
      arrivals.push({ messageId, body, alert: alertCodec.parse(JSON.stringify(data)) })
      void delay(random.integer(0, slowestMs)).then(() => response.writeHead(204).end())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    arrivals,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/**
 * What the receiver holds once it has dropped messages that it knew: the transitions of each alert by id.
 * @throws if a message came again with another content, or a transition after a later one of the same alert.
 */
export function transitionsReceived(arrivals: readonly Arrival[]): ReadonlyMap<string, readonly Alert[]> {
  const bodies = new Map<string, string>()
  const received = new Map<string, Alert[]>()
  for (const { messageId, body, alert } of arrivals) {
    const known = received.get(alert.id) ?? []
    const newest = known.at(-1)?.revision ?? 0
    assert.ok(alert.revision >= newest, `webhook: revision ${alert.revision} of ${alert.id} came after ${newest}`)
    const before = bodies.get(messageId)
    if (before !== undefined) {
      assert.equal(body, before, `webhook: the message ${messageId} came again with another content`)
      continue
    }
    bodies.set(messageId, body)
    received.set(alert.id, [...known, alert])
  }
  return received
}
