import { openKafkaLog, type EventLogError, type KafkaLogOptions, type KafkaSasl } from '@tocsin/event-log'
import { withoutWorkaround } from '@tocsin/event-log/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SecuredBroker, startSecuredBroker, stranger, unsecuredToken, user } from './secured-broker.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const shared = await sharedKafkaBroker()
// Its listeners need certificates, so it runs on Java wherever the others may run.
const isMissing = 'missing' in shared || shared.from !== 'Maven and Java'

describe.skipIf(isMissing)(`openKafkaLog by TLS and SASL, ${originOf(shared)}`, () => {
  let broker: SecuredBroker
  let topic = ''
  beforeAll(async () => {
    broker = await startSecuredBroker()
    topic = `test.secured.${crypto.randomUUID()}`
    const log = openKafkaLog({ brokers: [broker.bootstrap], clientId: 'test' })
    await log.createTopics([{ topic, partitions: 1 }])
    await log.close()
  }, 300_000) // Java and openssl, one after the other
  afterAll(() => broker.stop())

  const logins: readonly KafkaSasl[] = [
    { mechanism: 'plain', ...user },
    { mechanism: 'scram-sha-256', ...user },
    { mechanism: 'scram-sha-512', ...user },
    { mechanism: 'oauthbearer', token: async () => unsecuredToken(user.username, 3600) },
  ]
  test.each(logins)('default: writes and reads by TLS and $mechanism', async (sasl) => {
    const options = { brokers: [broker.secured], clientId: 'test', tls: { ca: broker.authority }, sasl }
    const log = openKafkaLog(options)
    const producer = await log.openProducer(`test.${sasl.mechanism}`)
    const [position] = await producer.append([{ topic, partition: 0, key: null, value: Buffer.from(sasl.mechanism) }])
    const reader = await log.openReader([{ topic, partition: 0, offset: (position?.offset ?? 1) - 1 }])
    const [batch] = await reader.poll(10_000)
    expect(batch?.records.map(({ value }) => Buffer.from(value).toString())).toEqual([sasl.mechanism])
    await log.close()
  })

  test('default: writes and reads by TLS with a certificate of its own, and logs in by nothing else', async () => {
    const tls = { ca: broker.authority, ...broker.client }
    const log = openKafkaLog({ brokers: [broker.mutual], clientId: 'test', tls })
    const producer = await log.openProducer('test.mutual')
    const [position] = await producer.append([{ topic, partition: 0, key: null, value: Buffer.from('mutual') }])
    const reader = await log.openReader([{ topic, partition: 0, offset: (position?.offset ?? 1) - 1 }])
    const [batch] = await reader.poll(10_000)
    expect(batch?.records.map(({ value }) => Buffer.from(value).toString())).toEqual(['mutual'])
    await log.close()
  })

  /** What the first call says, as an operator is shown it: the sentence and the remedy, its code, and whether it is tried again. */
  async function refusal(options: Partial<KafkaLogOptions>) {
    const log = openKafkaLog({ brokers: [broker.secured], clientId: 'test', requestTimeoutMs: 3000, ...options })
    const error = await log.openProducer('test.refused').then(
      () => undefined,
      (reason: EventLogError) => reason,
    )
    await log.close()
    return { code: error?.code, handling: error?.handling, message: error?.message ?? '', remedy: error?.remedy }
  }

  const tls = () => ({ ca: broker.authority })
  const plain = (login: { readonly username: string; readonly password: string }): KafkaSasl => ({
    mechanism: 'plain',
    ...login,
  })

  test('error: a wrong password, by every mechanism: one line that says so, without the password, and no more tries', async () => {
    const wrong = { username: user.username, password: 'guessed' }
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
      const said = await refusal({ tls: tls(), sasl: { mechanism, ...wrong } })
      expect(said).toMatchObject({ code: 'LOG_UNAUTHENTICATED', handling: 'stop' })
      expect(said.message).toMatch(/^The brokers do not take the credentials, [^\n]*uthentication failed[^\n]*$/)
      expect(said.message).not.toContain('guessed')
    }
  })

  test('error: D15, a token that has expired: kafkajs takes the refusal for a yes', async () => {
    const sasl: KafkaSasl = { mechanism: 'oauthbearer', token: async () => unsecuredToken(user.username, -3600) }
    expect(await refusal({ tls: tls(), sasl })).toMatchObject({
      code: 'LOG_UNAUTHENTICATED',
      handling: 'stop',
      message: expect.stringContaining('refuses the token') as unknown,
    })
    const without = await withoutWorkaround('token-refusal', () => refusal({ tls: tls(), sasl }))
    expect(without.code).not.toBe('LOG_UNAUTHENTICATED')
  })

  test('error: an authority that did not sign, none at all, a certificate of yesterday: one line each', async () => {
    for (const [options, reason] of [
      [{ tls: { ca: broker.otherAuthority }, sasl: plain(user) }, /certificate/],
      [{ tls: {}, sasl: plain(user) }, /certificate/],
      [{ brokers: [broker.expired], tls: tls() }, /expired/],
    ] as const) {
      const said = await refusal(options)
      expect(said).toMatchObject({ code: 'LOG_TLS', handling: 'stop' })
      expect(said.message).toMatch(/^No trusted connection to the brokers, [^\n]*$/)
      expect(said.message).toMatch(reason)
    }
  })

  test('error: a broker that asks for a certificate: none, and one of another authority: one line that names the setting', async () => {
    for (const [client, reason] of [
      [{}, /bad certificate|certificate required/],
      [broker.otherClient, /certificate unknown|unknown ca/],
    ] as const) {
      const said = await refusal({ brokers: [broker.mutual], tls: { ca: broker.authority, ...client } })
      expect(said).toMatchObject({ code: 'LOG_CLIENT_CERTIFICATE', handling: 'stop' })
      expect(said.message).toMatch(/^The brokers do not take the certificate of this process, [^\n]*$/)
      expect(said.message).toMatch(reason)
      expect(said.remedy).toContain('TOCSIN_KAFKA_TLS_CERT')
    }
  })

  test('error: a certificate that is none, and one with the key of another: one line that names the setting, at once', () => {
    for (const [client, reason] of [
      [{ ...broker.client, cert: 'a certificate' }, 'no start line'],
      [{ ...broker.client, key: broker.strangerClient.key }, 'key values mismatch'],
    ] as const) {
      const open = () =>
        openKafkaLog({ brokers: [broker.mutual], clientId: 'test', tls: { ca: broker.authority, ...client } })
      expect(open).toThrow(
        expect.objectContaining({
          code: 'LOG_TLS',
          message: expect.stringContaining(`failed: ${reason}.`) as unknown,
          remedy: expect.stringContaining('TOCSIN_KAFKA_TLS_CERT') as unknown,
        }),
      )
    }
  })

  test('error: a certificate whose user may not: which right is missing', async () => {
    const said = await refusal({
      brokers: [broker.mutual],
      tls: { ca: broker.authority, ...broker.strangerClient },
    })
    expect(said).toMatchObject({
      code: 'LOG_UNAUTHORIZED',
      handling: 'stop',
      message: expect.stringContaining('TRANSACTIONAL_ID_AUTHORIZATION_FAILED') as unknown,
    })
  })

  test('error: TLS to a listener without it, and the other way round: a broker that restarts looks like either', async () => {
    const said = await refusal({ brokers: [broker.bootstrap], tls: tls() })
    expect(said).toMatchObject({ code: 'LOG_UNAVAILABLE', handling: 'retry' })
    expect(said.message).toContain('before secure TLS connection was established')
    expect(await refusal({})).toMatchObject({ code: 'LOG_UNAVAILABLE', handling: 'retry' })
  })

  test('error: D16, a user who may not: which right is missing, and no more tries', async () => {
    const log = openKafkaLog({ brokers: [broker.secured], clientId: 'test', tls: tls(), sasl: plain(stranger) })
    await expect(log.openProducer('test.stranger')).rejects.toMatchObject({
      code: 'LOG_UNAUTHORIZED',
      handling: 'stop',
      message: expect.stringContaining('TRANSACTIONAL_ID_AUTHORIZATION_FAILED') as unknown,
    })
    const without = withoutWorkaround('coordinator-errors', () => log.openProducer('test.stranger'))
    await expect(without).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE', handling: 'retry' })
    await expect(log.openReader([{ topic, partition: 0, offset: 0 }])).rejects.toMatchObject({
      code: 'LOG_UNAUTHORIZED',
      message: expect.stringContaining('TOPIC_AUTHORIZATION_FAILED') as unknown,
    })
    await log.close()
  })
})
