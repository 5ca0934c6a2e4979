import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { LogClientCertificateError, LogTlsError, LogUnauthenticatedError, LogUnavailableError } from './errors.ts'
import { brokerAnswered, brokerError, brokerErrors, brokerErrorsOf, logErrorOf } from './kafka-errors.ts'

const kafkajs = createRequire(import.meta.url)('kafkajs/src/protocol/error') as {
  errorCodes: readonly { readonly code: number; readonly retriable: boolean }[]
  createErrorFromCode(code: number): Error
}

/** Of Apache Kafka 4.4.0; 0 is no error. */
const all = [-1, ...Array.from({ length: 136 }, (_, index) => index + 1)]

describe('brokerErrors', () => {
  test('default: every error of the protocol is there, once, with a name of its own', () => {
    expect([...brokerErrors.keys()].toSorted((a, b) => a - b)).toEqual(all)
    expect(new Set([...brokerErrors.values()].map(({ name }) => name)).size).toBe(all.length)
  })

  test('behavior: what kafkajs calls retriable is never refused for good', () => {
    const retriable = kafkajs.errorCodes.filter((one) => one.retriable).map(({ code }) => brokerError(code))
    expect(retriable.length).toBeGreaterThan(20)
    expect(retriable.filter(({ fate }) => ['refused', 'unauthorized', 'unauthenticated'].includes(fate))).toEqual([])
  })

  test('behavior: each, and any that Kafka may get, is an error of one line that says its name and what follows', () => {
    for (const code of [...all, 137, 999, -2]) {
      const error = brokerAnswered('asking', brokerError(code))
      expect(['retry', 'stop']).toContain(error.handling)
      expect(error.message).toContain(brokerError(code).name)
      expect(error.message).not.toContain('\n')
      expect(error.remedy.length).toBeGreaterThan(20)
    }
    expect(brokerAnswered('asking', brokerError(999))).toBeInstanceOf(LogUnavailableError)
    expect(brokerError(999).name).toContain('999')
  })

  test('default: which of them end a process', () => {
    const byCode = Map.groupBy(all, (code) => brokerAnswered('asking', brokerError(code)).code)
    expect(byCode.get('LOG_UNAUTHORIZED')).toEqual([29, 30, 31, 53, 65])
    expect(byCode.get('LOG_UNAUTHENTICATED')).toEqual([33, 34, 58, 61, 62, 63, 64, 66, 67, 93, 97])
    // What Java's clients try again, asked of the enumeration itself (Errors.java of 4.4.0, RetriableException).
    const retriable = [
      2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75, 78, 80, 83, 84, 88, 89, 100, 103, 106,
      122, 123, 133,
    ]
    expect(byCode.get('LOG_UNAVAILABLE')).toEqual(expect.arrayContaining(retriable))
  })
})

describe('brokerErrorsOf', () => {
  test('default: of kafkajs’s error, of what caused one, and of one that kafkajs does not know', () => {
    const cause = kafkajs.createErrorFromCode(47)
    expect(brokerErrorsOf(new Error('outer', { cause })).map(({ name }) => name)).toEqual(['INVALID_PRODUCER_EPOCH'])
    expect(brokerErrorsOf(kafkajs.createErrorFromCode(500))).toMatchObject([{ code: 500, fate: 'restart' }])
    expect(brokerErrorsOf(new Error('none'))).toEqual([])
  })
})

describe('logErrorOf', () => {
  test('behavior: what lies on the way: certificates, logins, networks', () => {
    const failed = (name: string, code: string) => Object.assign(new Error('it failed'), { name, code })
    for (const code of ['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO']) {
      expect(logErrorOf('asking', failed('KafkaJSConnectionError', code))).toBeInstanceOf(LogTlsError)
    }
    expect(logErrorOf('asking', failed('KafkaJSSASLAuthenticationError', ''))).toBeInstanceOf(LogUnauthenticatedError)
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'ECONNRESET']) {
      expect(logErrorOf('asking', failed('KafkaJSConnectionError', code))).toBeInstanceOf(LogUnavailableError)
    }
    // As the two sides of a handshake were seen to say it: the other one of our certificate, and ours of its version.
    const alert = failed('KafkaJSConnectionError', 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE')
    alert.message =
      '400D02DA0B7F0000:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:rec_layer_s3.c:918:SSL alert number 42\n'
    const refused = logErrorOf('asking', alert)
    expect(refused).toBeInstanceOf(LogClientCertificateError)
    expect(refused.message).toMatch(/, asking: ssl\/tls alert bad certificate\.$/)
    const code = 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'
    expect(logErrorOf('asking', failed('KafkaJSConnectionError', code))).toBeInstanceOf(LogTlsError)
    expect(logErrorOf('asking', 'no error at all')).toBeInstanceOf(LogUnavailableError)
  })
})
