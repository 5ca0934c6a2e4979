import { createHmac, randomBytes } from 'node:crypto'

/**
 * The `webhook-signature` header: one `v1,<base64>` per live secret, newest first, so that a receiver changes secrets
 * without losing a delivery. `sentAt` is in Unix seconds and of this attempt: a retry on day three is not a replay.
 * `body` is the exact bytes sent. Source: Standard Webhooks, HMAC-SHA256 over `id.timestamp.body`.
 */
export function signDelivery(id: string, sentAt: number, body: Uint8Array, secrets: readonly Uint8Array[]): string {
  const sign = (key: Uint8Array) => createHmac('sha256', key).update(`${id}.${sentAt}.`).update(body).digest('base64')
  return secrets.map((key) => `v1,${sign(key)}`).join(' ')
}

/** As receivers are given it: `whsec_` and base64. Source: Standard Webhooks, "secret serialization". */
export const formatSecret = (secret: Uint8Array): string => `whsec_${Buffer.from(secret).toString('base64')}`

/** 32 random bytes. */
export const newSecret = (): Uint8Array => randomBytes(32)

/** The secret's bytes; undefined if `text` is not `whsec_` and the base64 of 24 to 64 bytes. */
export function parseSecret(text: string): Uint8Array | undefined {
  const base64 = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text)?.[1]
  if (base64 === undefined) return undefined
  const secret = Buffer.from(base64, 'base64')
  return secret.length >= 24 && secret.length <= 64 ? secret : undefined
}
