import { defineSettings, setting } from '@tocsin/service-kit'

/**
 * How the processes speak to a Kafka cluster, beside where it is (`kafkaBrokers`). What is secret has no flag: a command
 * line can be read by every user of the machine.
 */
export const clusterSettings = defineSettings({
  kafkaTls: setting.boolean({
    env: 'TOCSIN_KAFKA_TLS',
    flag: 'kafka-tls',
    doc: 'Whether connections to the brokers are encrypted, and their certificates checked.',
    default: false,
  }),
  kafkaTlsCa: setting.path({
    env: 'TOCSIN_KAFKA_TLS_CA',
    flag: 'kafka-tls-ca',
    doc: 'A PEM file with the authorities that sign the brokers’ certificates. Not given: those that Node trusts.',
    default: null,
  }),
  kafkaTlsCert: setting.path({
    env: 'TOCSIN_KAFKA_TLS_CERT',
    flag: 'kafka-tls-cert',
    doc: 'A PEM file with the certificate to show brokers that ask for one.',
    default: null,
  }),
  kafkaTlsKey: setting.path({
    env: 'TOCSIN_KAFKA_TLS_KEY',
    flag: 'kafka-tls-key',
    doc: 'A PEM file with the key of that certificate.',
    default: null,
  }),
  kafkaSaslMechanism: setting.choice({
    env: 'TOCSIN_KAFKA_SASL_MECHANISM',
    flag: 'kafka-sasl-mechanism',
    doc: 'How to log in to the brokers. Without TLS, plain and oauthbearer send what is secret for all to read.',
    choices: ['none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'],
    default: 'none',
  }),
  kafkaSaslUsername: setting.string({
    env: 'TOCSIN_KAFKA_SASL_USERNAME',
    flag: 'kafka-sasl-username',
    doc: 'The user of plain and scram.',
    default: null,
  }),
  kafkaSaslPassword: setting.secret({
    env: 'TOCSIN_KAFKA_SASL_PASSWORD',
    doc: 'The user’s password.',
    default: null,
  }),
  kafkaSaslPasswordFile: setting.path({
    env: 'TOCSIN_KAFKA_SASL_PASSWORD_FILE',
    flag: 'kafka-sasl-password-file',
    doc: 'A file with the password, as Docker and Kubernetes mount secrets.',
    default: null,
  }),
  kafkaSaslTokenFile: setting.path({
    env: 'TOCSIN_KAFKA_SASL_TOKEN_FILE',
    flag: 'kafka-sasl-token-file',
    doc: 'A file with the token of oauthbearer, read for each login: who renews it writes it anew.',
    default: null,
  }),
  kafkaCompression: setting.choice({
    env: 'TOCSIN_KAFKA_COMPRESSION',
    flag: 'kafka-compression',
    doc: 'How records that are written are compressed; every kind is read. With gzip a send takes 2.5 to 3 times as long.',
    choices: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    default: 'none',
  }),
})
