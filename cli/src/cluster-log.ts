import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  canWrite,
  openKafkaLog,
  type KafkaEventLog,
  type KafkaLogOptions,
  type KafkaSasl,
  type KafkaTls,
} from '@tocsin/event-log'
import type { Lifecycle, SettingsOf } from '@tocsin/service-kit'
import type { clusterSettings } from './cluster-settings.ts'
import { UsageError } from './words.ts'

interface ClusterConfig {
  readonly shared: { readonly kafkaBrokers: readonly string[] }
  readonly cluster: SettingsOf<typeof clusterSettings>
}

/** @throws {UsageError} without brokers: the embedded log serves one process only; or on settings that contradict. */
export function checkCluster({ shared, cluster }: ClusterConfig, command: string): void {
  if (shared.kafkaBrokers.length === 0) {
    throw new UsageError(
      `${command} is one of three processes that meet in Kafka: set TOCSIN_KAFKA_BROKERS (or --kafka-brokers host:port). ` +
        'Without Kafka, `tocsin start` runs all of them in one process.',
    )
  }
  const [contradiction] = contradictionsOf(cluster)
  if (contradiction !== undefined) throw new UsageError(contradiction)
}

/** The log on the cluster, closed last. @throws {UsageError} a file that a setting names cannot be read. */
export function openClusterLog(config: ClusterConfig, command: string, lifecycle: Lifecycle): KafkaEventLog {
  const log = openKafkaLog({
    brokers: config.shared.kafkaBrokers,
    clientId: `tocsin-${command}`,
    ...securityOf(config.cluster),
    compression: config.cluster.kafkaCompression,
  })
  lifecycle.onStop('the log', () => log.close())
  return log
}

/** A sentence for each pair of settings of which one is of no use, or missing. */
export function contradictionsOf(cluster: ClusterConfig['cluster']): readonly string[] {
  const { kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey, kafkaSaslMechanism: mechanism } = cluster
  const { kafkaSaslUsername: username, kafkaSaslPassword: password, kafkaSaslPasswordFile: passwordFile } = cluster
  const needsPassword = mechanism === 'plain' || mechanism.startsWith('scram')
  const given = (name: string, value: unknown) => (value === null ? [] : [name])
  const ofTls = [
    ...given('TOCSIN_KAFKA_TLS_CA', kafkaTlsCa),
    ...given('TOCSIN_KAFKA_TLS_CERT', kafkaTlsCert),
    ...given('TOCSIN_KAFKA_TLS_KEY', kafkaTlsKey),
  ]
  const ofPassword = [
    ...given('TOCSIN_KAFKA_SASL_USERNAME', username),
    ...given('TOCSIN_KAFKA_SASL_PASSWORD', password),
    ...given('TOCSIN_KAFKA_SASL_PASSWORD_FILE', passwordFile),
  ]
  const ofToken = given('TOCSIN_KAFKA_SASL_TOKEN_FILE', cluster.kafkaSaslTokenFile)
  const useless = [...(needsPassword ? [] : ofPassword), ...(mechanism === 'oauthbearer' ? [] : ofToken)]
  const rules: readonly (readonly [boolean, string])[] = [
    [!kafkaTls && ofTls.length > 0, `${ofTls.join(' and ')} is of no use without TOCSIN_KAFKA_TLS=true.`],
    [
      (kafkaTlsCert === null) !== (kafkaTlsKey === null),
      'TOCSIN_KAFKA_TLS_CERT and TOCSIN_KAFKA_TLS_KEY belong together: give both or none.',
    ],
    [useless.length > 0, `${useless.join(' and ')} is of no use with TOCSIN_KAFKA_SASL_MECHANISM=${mechanism}.`],
    [needsPassword && username === null, `TOCSIN_KAFKA_SASL_MECHANISM=${mechanism} needs TOCSIN_KAFKA_SASL_USERNAME.`],
    [
      needsPassword && (password === null) === (passwordFile === null),
      `TOCSIN_KAFKA_SASL_MECHANISM=${mechanism} needs either TOCSIN_KAFKA_SASL_PASSWORD or TOCSIN_KAFKA_SASL_PASSWORD_FILE.`,
    ],
    [
      mechanism === 'oauthbearer' && ofToken.length === 0,
      'TOCSIN_KAFKA_SASL_MECHANISM=oauthbearer needs TOCSIN_KAFKA_SASL_TOKEN_FILE.',
    ],
    [
      !canWrite(cluster.kafkaCompression),
      `TOCSIN_KAFKA_COMPRESSION=${cluster.kafkaCompression} needs Node 22.15 or newer.`,
    ],
  ]
  return rules.flatMap(([isBroken, sentence]) => (isBroken ? [sentence] : []))
}

/** TLS and SASL of the log, with what the files hold. @throws {UsageError} one cannot be read. */
export function securityOf(cluster: ClusterConfig['cluster']): Pick<KafkaLogOptions, 'tls' | 'sasl'> {
  const sasl = saslOf(cluster)
  return {
    ...(cluster.kafkaTls ? { tls: tlsOf(cluster) } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  }
}

function tlsOf({ kafkaTlsCa, kafkaTlsCert, kafkaTlsKey }: ClusterConfig['cluster']): KafkaTls {
  return {
    ...(kafkaTlsCa === null ? {} : { ca: contentOf('TOCSIN_KAFKA_TLS_CA', kafkaTlsCa) }),
    ...(kafkaTlsCert === null ? {} : { cert: contentOf('TOCSIN_KAFKA_TLS_CERT', kafkaTlsCert) }),
    ...(kafkaTlsKey === null ? {} : { key: contentOf('TOCSIN_KAFKA_TLS_KEY', kafkaTlsKey) }),
  }
}

function saslOf(cluster: ClusterConfig['cluster']): KafkaSasl | undefined {
  const { kafkaSaslMechanism: mechanism, kafkaSaslTokenFile: tokenFile } = cluster
  if (mechanism === 'none') return undefined
  if (mechanism === 'oauthbearer') {
    const path = tokenFile ?? ''
    contentOf('TOCSIN_KAFKA_SASL_TOKEN_FILE', path) // so that a wrong path is known at the start
    return { mechanism, token: async () => withoutNewline(await readFile(path, 'utf8')) }
  }
  const { kafkaSaslUsername, kafkaSaslPassword, kafkaSaslPasswordFile } = cluster
  const password =
    kafkaSaslPasswordFile === null
      ? (kafkaSaslPassword ?? '')
      : withoutNewline(contentOf('TOCSIN_KAFKA_SASL_PASSWORD_FILE', kafkaSaslPasswordFile))
  return { mechanism, username: kafkaSaslUsername ?? '', password }
}

function contentOf(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${setting}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** An editor ends a file with one, and no secret does. */
const withoutNewline = (text: string): string => text.replace(/\r?\n$/, '')
