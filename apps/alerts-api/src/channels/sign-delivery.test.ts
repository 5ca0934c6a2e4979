import { describe, expect, test } from 'vitest'
import { formatSecret, newSecret, parseSecret, signDelivery } from './sign-delivery.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** HMAC-SHA256 by WebCrypto: another implementation than the one under test. */
async function hmac(secret: Uint8Array, text: string): Promise<string> {
  const key = await crypto.subtle.importKey('raw', secret.slice(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return Buffer.from(await crypto.subtle.sign('HMAC', key, bytes(text))).toString('base64')
}

describe('signDelivery', () => {
  test('default: the published example of Standard Webhooks’ libraries', () => {
    const secret = parseSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') ?? new Uint8Array()
    expect(signDelivery('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, bytes('{"test": 2432232314}'), [secret])).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    )
  })

  test('behavior: each live secret signs, newest first', async () => {
    const [newer, older] = [newSecret(), newSecret()]
    expect(signDelivery('id_1', 17, bytes('{}'), [newer, older])).toBe(
      `v1,${await hmac(newer, 'id_1.17.{}')} v1,${await hmac(older, 'id_1.17.{}')}`,
    )
  })
})

describe('parseSecret', () => {
  test('default: what formatSecret wrote', () => {
    const secret = newSecret()
    expect(parseSecret(formatSecret(secret))).toEqual(Buffer.from(secret))
  })

  test.each([
    ['no prefix', Buffer.alloc(32).toString('base64')],
    ['23 bytes', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['65 bytes', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['no base64', 'whsec_$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$'],
  ])('error: %s is no secret', (_, text) => expect(parseSecret(text)).toBeUndefined())
})
