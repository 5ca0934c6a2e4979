import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
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
  /** TLS that asks for a certificate, and takes whom that names for the user. */
  readonly mutual: string
  /** PEM: who signed its certificates, and who did not. */
  readonly authority: string
  readonly otherAuthority: string
  /** Of one who may do all, of one who may do nothing, and the first one's name as the other authority signed it. */
  readonly client: ClientCertificate
  readonly strangerClient: ClientCertificate
  readonly otherClient: ClientCertificate
}

/** PEM. */
interface ClientCertificate {
  readonly cert: string
  readonly key: string
}

/** A broker on Java with certificates of its own authority, made by openssl. */
export async function startSecuredBroker(): Promise<SecuredBroker> {
  const [secured, expired, mutual] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`) as [string, string, string]
  let pem: Omit<SecuredBroker, keyof KafkaBroker | 'secured' | 'expired' | 'mutual'> | undefined
  const broker = await startOnJava(async (folder) => {
    const [authority, other] = [await makeAuthority(folder, 'ca'), await makeAuthority(folder, 'other')]
    const good = await makeCertificate(folder, { subject: 'broker', authority: 'ca' })
    const old = await makeCertificate(folder, { subject: 'broker', authority: 'ca', days: -1 })
    pem = {
      authority,
      otherAuthority: other,
      client: await makeCertificate(folder, { subject: user.username, authority: 'ca' }),
      strangerClient: await makeCertificate(folder, { subject: stranger.username, authority: 'ca' }),
      otherClient: await makeCertificate(folder, { subject: user.username, authority: 'other' }),
    }
    const listeners = `SECURED://${secured},EXPIRED://${expired},MUTUAL://${mutual}`
    const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
    return {
      settings: {
        listeners,
        'advertised.listeners': listeners,
        'listener.security.protocol.map': 'SECURED:SASL_SSL,EXPIRED:SSL,MUTUAL:SSL',
        ...(await keystore(folder, 'secured', good)),
        ...(await keystore(folder, 'expired', old)),
        ...(await keystore(folder, 'mutual', good)),
        'listener.name.mutual.ssl.client.auth': 'required',
        'listener.name.mutual.ssl.truststore.type': 'PEM',
        'listener.name.mutual.ssl.truststore.location': join(folder, 'ca.pem'),
        // The user is the certificate's common name, as in CN=tocsin.
        'listener.name.mutual.ssl.principal.mapping.rules': 'RULE:^CN=(.*)$/$1/',
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
  if (pem === undefined) throw new Error('assertion: they were made before the broker started')
  return { ...broker, ...pem, secured, expired, mutual }
}

/** A token as OAUTHBEARER's unsecured mode takes it: a JSON web token without a signature (RFC 7519 §6). */
export function unsecuredToken(subject: string, expiresInS: number): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now - 60, exp: now + expiresInS })}.`
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const openssl = (folder: string, ...words: readonly string[]) => run('openssl', words, { cwd: folder })

/** @returns its own certificate */
async function makeAuthority(folder: string, name: string): Promise<string> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
  await openssl(folder, 'req', '-x509', ...newKey, '-subj', `/CN=${name}`, '-days', '9', ...files)
  return readFile(join(folder, `${name}.pem`), 'utf8')
}

/** For 127.0.0.1, from now on for so many days. */
async function makeCertificate(
  folder: string,
  { subject, authority, days = 9 }: { readonly subject: string; readonly authority: string; readonly days?: number },
): Promise<ClientCertificate> {
  await openssl(folder, 'req', ...newKey, '-subj', `/CN=${subject}`, '-keyout', 'new.key', '-out', 'new.csr')
  await writeFile(join(folder, 'new.ext'), 'subjectAltName=IP:127.0.0.1')
  const signing = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', `${days}`]
  await openssl(folder, 'x509', '-req', '-in', 'new.csr', ...signing, '-extfile', 'new.ext', '-out', 'new.pem')
  const [cert, key] = await Promise.all(['new.pem', 'new.key'].map((file) => readFile(join(folder, file), 'utf8')))
  return { cert: cert ?? '', key: key ?? '' }
}

/** Kafka's key store in PEM: the key and its certificate in one file. */
async function keystore(folder: string, listener: string, { cert, key }: ClientCertificate) {
  const location = join(folder, `${listener}.pem`)
  await writeFile(location, key + cert)
  const at = `listener.name.${listener}.ssl.keystore`
  return { [`${at}.type`]: 'PEM', [`${at}.location`]: location }
}
