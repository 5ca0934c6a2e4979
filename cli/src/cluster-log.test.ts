import { writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSettings } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { contradictionsOf, securityOf } from './cluster-log.ts'
import { clusterSettings } from './cluster-settings.ts'

const load = (env: Readonly<Record<string, string>>) => {
  const named = Object.fromEntries(Object.entries(env).map(([name, value]) => [`TOCSIN_KAFKA_${name}`, value]))
  return loadSettings({ cluster: clusterSettings }, { env: named }).cluster
}
const folder = await mkdtemp(join(tmpdir(), 'tocsin-cluster-'))
const file = (name: string, content: string) => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

describe('contradictionsOf', () => {
  test('default: nothing is set, and nothing is wrong', () => {
    expect(contradictionsOf(load({}))).toEqual([])
  })

  test('error: what is of no use, what is missing, what is given twice', () => {
    for (const [env, sentence] of [
      [{ TLS_CA: 'ca.pem' }, 'TOCSIN_KAFKA_TLS_CA is of no use without TOCSIN_KAFKA_TLS=true.'],
      [{ TLS: 'true', TLS_CERT: 'cert.pem' }, 'TOCSIN_KAFKA_TLS_CERT and TOCSIN_KAFKA_TLS_KEY belong together'],
      [
        { SASL_USERNAME: 'ann', SASL_PASSWORD: 'x' },
        'TOCSIN_KAFKA_SASL_USERNAME and TOCSIN_KAFKA_SASL_PASSWORD is of no use with TOCSIN_KAFKA_SASL_MECHANISM=none.',
      ],
      [{ SASL_MECHANISM: 'plain', SASL_PASSWORD: 'x' }, 'needs TOCSIN_KAFKA_SASL_USERNAME'],
      [{ SASL_MECHANISM: 'scram-sha-512', SASL_USERNAME: 'ann' }, 'needs either TOCSIN_KAFKA_SASL_PASSWORD or'],
      [
        { SASL_MECHANISM: 'plain', SASL_USERNAME: 'ann', SASL_PASSWORD: 'x', SASL_PASSWORD_FILE: 'y' },
        'needs either TOCSIN_KAFKA_SASL_PASSWORD or',
      ],
      [{ SASL_MECHANISM: 'oauthbearer' }, 'needs TOCSIN_KAFKA_SASL_TOKEN_FILE'],
    ] as const) {
      expect(contradictionsOf(load(env))[0]).toContain(sentence)
    }
  })
})

describe('securityOf', () => {
  test('default: neither TLS nor SASL', () => {
    expect(securityOf(load({}))).toEqual({})
  })

  test('behavior: files are read, and the newline that ends a secret is left out', () => {
    const [ca, password] = [file('ca.pem', 'the authority\n'), file('password', 'secret \n')]
    const env = {
      TLS: 'true',
      TLS_CA: ca,
      SASL_MECHANISM: 'scram-sha-256',
      SASL_USERNAME: 'ann',
      SASL_PASSWORD_FILE: password,
    }
    expect(securityOf(load(env))).toEqual({
      tls: { ca: 'the authority\n' },
      sasl: { mechanism: 'scram-sha-256', username: 'ann', password: 'secret ' },
    })
  })

  test('behavior: a token is read anew for each login', async () => {
    const token = file('token', 'first\n')
    const { sasl } = securityOf(load({ SASL_MECHANISM: 'oauthbearer', SASL_TOKEN_FILE: token }))
    if (sasl?.mechanism !== 'oauthbearer') throw new Error('assertion: it was asked for')
    expect(await sasl.token()).toBe('first')
    file('token', 'second\n')
    expect(await sasl.token()).toBe('second')
  })

  test('error: a file that is not there, with the setting and the path; a password is in no message', () => {
    const missing = join(folder, 'missing')
    expect(() => securityOf(load({ TLS: 'true', TLS_CA: missing }))).toThrow(/TOCSIN_KAFKA_TLS_CA: ENOENT.*missing/)
    expect(contradictionsOf(load({ SASL_PASSWORD: 'hunter2' })).join()).not.toContain('hunter2')
  })
})
