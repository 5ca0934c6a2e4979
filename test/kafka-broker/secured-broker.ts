import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts, type KafkaBroker, startOnJava } from './start-broker.ts'

const run = promisify(execFile)

export const user = { username: 'tocsin', password: 'not told to anyone' } as const
/** May log in, and nothing else. */
export const stranger = { username: 'stranger', password: 'known to many' } as const

export interface SecuredBroker extends KafkaBroker {
  /** TLS and SASL: PLAIN, SCRAM, OAUTHBEARER. */
  readonly secured: string
  /** TLS with a certificate that was good until yesterday. */
  readonly expired: string
  /** PEM: who signed its certificates, and who did not. */
  readonly authority: string
  readonly otherAuthority: string
}

/** A broker on Java with certificates of its own authority, made by the JDK's keytool. */
export async function startSecuredBroker(): Promise<SecuredBroker> {
  const [secured, expired] = await freePorts(2)
  let authorities: Pick<SecuredBroker, 'authority' | 'otherAuthority'> | undefined
  const broker = await startOnJava(async (folder) => {
    const [authority, otherAuthority] = await Promise.all([makeAuthority(folder, 'ca'), makeAuthority(folder, 'other')])
    authorities = { authority, otherAuthority }
    const [good, old] = [await makeCertificate(folder, 'good', '-1d'), await makeCertificate(folder, 'old', '-10d')]
    const listeners = `SECURED://127.0.0.1:${secured},EXPIRED://127.0.0.1:${expired}`
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
    return {
      settings: {
        listeners,
        'advertised.listeners': listeners,
        'listener.security.protocol.map': 'SECURED:SASL_SSL,EXPIRED:SSL',
        ...keystore('secured', good),
        ...keystore('expired', old),
        'listener.name.secured.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
        'listener.name.secured.plain.sasl.jaas.config':
          'org.apache.kafka.common.security.plain.PlainLoginModule required ' +
          [user, stranger].map(({ username, password }) => `user_${username}="${password}"`).join(' ') +
          ';',
        'listener.name.secured.scram-sha-256.sasl.jaas.config': scram,
        'listener.name.secured.scram-sha-512.sasl.jaas.config': scram,
        'listener.name.secured.oauthbearer.sasl.jaas.config':
          'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': `User:ANONYMOUS;User:${user.username}`,
      },
      format: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${user.username},password=${user.password}]`,
      ]),
    }
  })
  if (authorities === undefined) throw new Error('assertion: they were made before the broker started')
  return { ...broker, ...authorities, secured: `127.0.0.1:${secured}`, expired: `127.0.0.1:${expired}` }
}

/** A token as OAUTHBEARER's unsecured mode takes it: a JSON web token without a signature (RFC 7519 §6). */
export function unsecuredToken(subject: string, expiresInS: number): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now - 60, exp: now + expiresInS })}.`
}

const STORE_PASSWORD = 'of a test'
const keytool = (folder: string, store: string, ...words: readonly string[]) =>
  run('keytool', [...words, '-keystore', join(folder, `${store}.p12`), '-storepass', STORE_PASSWORD], {
    cwd: folder,
    maxBuffer: 1e7,
  })

async function makeAuthority(folder: string, name: string): Promise<string> {
  const key = ['-alias', name, '-keyalg', 'EC', '-groupname', 'secp256r1', '-storetype', 'PKCS12']
  await keytool(folder, name, '-genkeypair', ...key, '-dname', `CN=${name}`, '-ext', 'bc:c', '-validity', '30')
  await keytool(folder, name, '-exportcert', '-rfc', '-alias', name, '-file', `${name}.pem`)
  return readFile(join(folder, `${name}.pem`), 'utf8')
}

/** Good for 9 days from `start` on, for 127.0.0.1. @returns the path of its key store */
async function makeCertificate(folder: string, name: string, start: string): Promise<string> {
  const key = ['-alias', name, '-keyalg', 'EC', '-groupname', 'secp256r1', '-storetype', 'PKCS12']
  await keytool(folder, name, '-genkeypair', ...key, '-dname', 'CN=broker')
  await keytool(folder, name, '-certreq', '-alias', name, '-file', `${name}.csr`)
  const dates = ['-startdate', start, '-validity', '9']
  const signed = ['-infile', `${name}.csr`, '-outfile', `${name}.pem`, '-rfc', '-ext', 'san=ip:127.0.0.1', ...dates]
  await keytool(folder, 'ca', '-gencert', '-alias', 'ca', ...signed)
  await keytool(folder, name, '-importcert', '-noprompt', '-alias', 'ca', '-file', 'ca.pem')
  await keytool(folder, name, '-importcert', '-noprompt', '-alias', name, '-file', `${name}.pem`)
  return join(folder, `${name}.p12`)
}

const keystore = (listener: string, location: string): Readonly<Record<string, string>> => ({
  [`listener.name.${listener}.ssl.keystore.type`]: 'PKCS12',
  [`listener.name.${listener}.ssl.keystore.location`]: location,
  [`listener.name.${listener}.ssl.keystore.password`]: STORE_PASSWORD,
  [`listener.name.${listener}.ssl.key.password`]: STORE_PASSWORD,
})
