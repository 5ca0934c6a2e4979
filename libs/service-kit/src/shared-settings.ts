import { logLevels } from './logger.ts'
import { defineSettings, setting } from './settings.ts'

/** What every process reads: the log it works on, and how it speaks. */
export const sharedSettings = defineSettings({
  kafkaBrokers: setting.list({
    env: 'TOCSIN_KAFKA_BROKERS',
    flag: 'kafka-brokers',
    doc: 'The Kafka cluster’s bootstrap brokers, host:port. Empty: the embedded log, which serves one process only.',
    default: [],
  }),
  topicPrefix: setting.string({
    env: 'TOCSIN_TOPIC_PREFIX',
    flag: 'topic-prefix',
    doc: 'What the names of all topics begin with.',
    default: 'tocsin',
  }),
  logLevel: setting.choice({
    env: 'TOCSIN_LOG_LEVEL',
    flag: 'log-level',
    doc: 'The lowest level that is logged; debug adds stacks to errors.',
    choices: logLevels,
    default: 'info',
  }),
  logFormat: setting.choice({
    env: 'TOCSIN_LOG_FORMAT',
    flag: 'log-format',
    doc: 'Lines for people, or one JSON object a line for collectors.',
    choices: ['text', 'json'],
    default: 'text',
  }),
})

/** Where a process without another HTTP server tells its health and metrics. */
export const opsSettings = defineSettings({
  opsHost: setting.string({
    env: 'TOCSIN_OPS_HOST',
    flag: 'ops-host',
    doc: 'The address that /health/live, /health/ready and /metrics listen on.',
    default: '127.0.0.1',
  }),
  opsPort: setting.integer({
    env: 'TOCSIN_OPS_PORT',
    flag: 'ops-port',
    doc: 'Their port; 0 takes any free one.',
    default: 9464,
    min: 0,
    max: 65_535,
  }),
})
