import { lookup as resolveName } from 'node:dns'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'
import type { LeasedDelivery } from './delivery-store.ts'
import { signDelivery } from './sign-delivery.ts'

/** A receiver on this host or a private network, which the settings do not allow. */
export class PrivateAddressError extends Error {
  readonly code = 'API_WEBHOOK_PRIVATE_ADDRESS'
  readonly handling = 'retry' // a name may point elsewhere later
  readonly remedy = 'Use a receiver on the public internet, or set TOCSIN_ALLOW_PRIVATE_WEBHOOKS for one of your own.'
  constructor(host: string, address: string, options?: ErrorOptions) {
    super(
      `${host === address ? host : `${host} is ${address}, which`} is not an address of the public internet.`,
      options,
    )
  }
}

/** The receiver said nothing in time; it may have taken the message all the same. */
export class WebhookTimeoutError extends Error {
  readonly code = 'API_WEBHOOK_TIMEOUT'
  readonly handling = 'retry'
  readonly remedy = 'Answer with 2xx before working on the message, or raise TOCSIN_WEBHOOK_TIMEOUT.'
  constructor(timeoutMs: number, options?: ErrorOptions) {
    super(`The receiver did not answer within ${timeoutMs} ms.`, options)
  }
}

const maxAnswerBytes = 65_536

export interface SendOptions {
  /** Over the whole exchange, name look-up to the end of the answer, in ms. */
  readonly timeoutMs: number
  readonly allowPrivate: boolean
  readonly signal: AbortSignal
}

/** What a receiver said. `retryAfterMs`: how long it wants to be left alone (Retry-After), if it says so. */
export interface WebhookAnswer {
  readonly status: number
  readonly retryAfterMs: number | null
}

/** The message's bytes: equal at every attempt. Source: Standard Webhooks, `type`, `timestamp`, `data`. */
export function messageOf({ eventType, occurredAt, alert }: LeasedDelivery): Uint8Array {
  const timestamp = new Date(occurredAt).toISOString()
  return new TextEncoder().encode(JSON.stringify({ type: eventType, timestamp, data: alert ?? {} }))
}

/**
 * Posts a delivery, signed, once; `sentAt` (ms) is the attempt's time. Redirects are not followed: an answer is an
 * answer. Unless private receivers are allowed, the address that the connection really uses must be public; it is looked
 * up once, here, so a name that answers differently the second time (DNS rebinding) gains nothing.
 * @throws {PrivateAddressError} @throws {WebhookTimeoutError} or whatever the network says.
 */
export function sendWebhook(delivery: LeasedDelivery, sentAt: number, options: SendOptions): Promise<WebhookAnswer> {
  const { url: address, messageId, secret } = delivery
  const body = messageOf(delivery)
  const seconds = Math.floor(sentAt / 1_000)
  const url = new URL(address)
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0 && !options.allowPrivate && !isPublicAddress(literal))
    return Promise.reject(new PrivateAddressError(literal, literal))

  const timeout = AbortSignal.timeout(options.timeoutMs)
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      agent: false, // a connection each: a kept one would be an address that was not looked up now
      signal: AbortSignal.any([options.signal, timeout]),
      lookup: options.allowPrivate ? lookupAny : lookupPublic,
      headers: {
        'content-type': 'application/json',
        'content-length': body.length,
        'user-agent': 'Tocsin-Webhooks',
        'webhook-id': messageId,
        'webhook-timestamp': seconds,
        'webhook-signature': signDelivery(messageId, seconds, body, [secret]),
      },
    })
    request.on('error', (cause) =>
      reject(
        timeout.aborted && !options.signal.aborted ? new WebhookTimeoutError(options.timeoutMs, { cause }) : cause,
      ),
    )
    request.on('response', (response) => {
      const status = response.statusCode ?? 0
      const retryAfterMs = parseRetryAfter(response.headers['retry-after'], sentAt)
      // The status is the answer. What else it says is let through, up to a limit, for the receiver's sake.
      let bytes = 0
      response.on('error', () => {})
      response.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length
        if (bytes > maxAnswerBytes) response.destroy()
      })
      resolve({ status, retryAfterMs })
    })
    request.end(body)
  })
}

const lookupAny: LookupFunction = (host, options, callback) => resolveName(host, options, callback)

/** A name is public when each of its addresses is: one private among them may be the one that is used. */
const lookupPublic: LookupFunction = (host, options, callback) =>
  resolveName(host, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0)
    const wrong = addresses.find(({ address }) => !isPublicAddress(address))
    if (wrong !== undefined) return callback(new PrivateAddressError(host, wrong.address), '', 0)
    const [first] = addresses
    if (options.all === true || first === undefined) return callback(null, addresses)
    return callback(null, first.address, first.family)
  })

/** Retry-After in seconds or as an HTTP date, in ms from `now`; null if there is none. Source: RFC 9110, 10.2.3. */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
