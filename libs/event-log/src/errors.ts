import { problemLine, type TopicProblem } from './topic-settings.ts'

/** A log error's `code` is stable; `handling` says what the loop around it does. */
export type Handling = 'retry' | 'stop'

export abstract class EventLogError extends Error {
  abstract readonly code: string
  abstract readonly handling: Handling
  abstract readonly remedy: string
}

export class ProducerFencedError extends EventLogError {
  readonly code = 'LOG_PRODUCER_FENCED'
  readonly handling = 'stop'
  readonly remedy = 'Another process owns this transactional id now. Stop this one, or give it another id.'
  constructor(transactionalId: string, options?: ErrorOptions) {
    super(`The producer "${transactionalId}" was fenced by a newer one of the same id.`, options)
  }
}

export class CommitUnknownError extends EventLogError {
  readonly code = 'LOG_COMMIT_UNKNOWN'
  readonly handling = 'retry'
  readonly remedy = 'Open a new producer of the same transactional id and read back whether the transaction is there.'
  constructor(transactionalId: string, options?: ErrorOptions) {
    super(`Whether the last transaction of "${transactionalId}" was committed is not known.`, options)
  }
}

export class UnknownTopicError extends EventLogError {
  readonly code = 'LOG_UNKNOWN_TOPIC'
  readonly handling = 'stop'
  readonly remedy = 'Create the topic first; the ingestor creates those it writes.'
  constructor(topic: string, options?: ErrorOptions) {
    super(`The topic "${topic}" does not exist.`, options)
  }
}

export class TopicMismatchError extends EventLogError {
  readonly code = 'LOG_TOPIC_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Set the configured number of partitions to what the topic has, or use another topic prefix.'
  constructor(at: { topic: string; existing: number; wanted: number }, options?: ErrorOptions) {
    super(`The topic "${at.topic}" has ${at.existing} partitions, not ${at.wanted}.`, options)
  }
}

export class TopicSettingsError extends EventLogError {
  readonly code = 'LOG_TOPIC_SETTINGS'
  readonly handling = 'stop'
  readonly remedy =
    '`tocsin topics repair` sets what can be set; replicas and partitions are changed with Kafka’s own tools.'
  constructor(at: { topic: string; problems: readonly TopicProblem[] }, options?: ErrorOptions) {
    super(`The topic "${at.topic}" cannot keep what is promised: ${at.problems.map(problemLine).join('; ')}.`, options)
  }
}

export class OffsetOutOfRangeError extends EventLogError {
  readonly code = 'LOG_OFFSET_OUT_OF_RANGE'
  readonly handling = 'stop'
  readonly remedy =
    'The records were trimmed or deleted. Raise the topic’s retention, or start from a newer checkpoint.'
  constructor(
    at: { topic: string; partition: number; offset: number; beginning: number; end: number },
    options?: ErrorOptions,
  ) {
    super(
      `Offset ${at.offset} of ${at.topic}/${at.partition} cannot be read: it holds ${at.beginning} to ${at.end - 1}.`,
      options,
    )
  }
}

export class LogFullError extends EventLogError {
  readonly code = 'LOG_FULL'
  readonly handling = 'retry'
  readonly remedy = 'Free space on the disk that holds the log; appending goes on by itself.'
  constructor(what: string, options?: ErrorOptions) {
    super(`No space is left for ${what}; nothing of the transaction was written.`, options)
  }
}

export class LogUnavailableError extends EventLogError {
  readonly code = 'LOG_UNAVAILABLE'
  readonly handling = 'retry'
  readonly remedy =
    'Check that the brokers (or the folder) named by the setting can be reached, and that TLS and SASL are set as their listener asks for; the work goes on by itself.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The log cannot be reached: ${what}.`, options)
  }
}

export class LogTlsError extends EventLogError {
  readonly code = 'LOG_TLS'
  readonly handling = 'stop'
  readonly remedy =
    'Check TOCSIN_KAFKA_TLS and TOCSIN_KAFKA_TLS_CA: the authority that signed the brokers’ certificate, its dates, and that it names the host that was asked for; and, where they are set, that TOCSIN_KAFKA_TLS_CERT and TOCSIN_KAFKA_TLS_KEY are PEM and belong together.'
  constructor(what: string, options?: ErrorOptions) {
    super(`No trusted connection to the brokers, ${what}.`, options)
  }
}

export class LogClientCertificateError extends EventLogError {
  readonly code = 'LOG_CLIENT_CERTIFICATE'
  readonly handling = 'stop'
  readonly remedy =
    'Check TOCSIN_KAFKA_TLS_CERT and TOCSIN_KAFKA_TLS_KEY: their listener asks for a certificate (ssl.client.auth), so both must be set, signed by an authority that the brokers trust (ssl.truststore), and in their dates.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The brokers do not take the certificate of this process, ${what}.`, options)
  }
}

export class LogUnauthenticatedError extends EventLogError {
  readonly code = 'LOG_UNAUTHENTICATED'
  readonly handling = 'stop'
  readonly remedy = 'Check TOCSIN_KAFKA_SASL_MECHANISM, the user name and the password or token, also on the brokers.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The brokers do not take the credentials, ${what}.`, options)
  }
}

export class LogUnauthorizedError extends EventLogError {
  readonly code = 'LOG_UNAUTHORIZED'
  readonly handling = 'stop'
  readonly remedy =
    'Allow the user what docs/operations.md lists for this process (kafka-acls), or give it another user.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The brokers do not allow it, ${what}.`, options)
  }
}

export class LogRefusedError extends EventLogError {
  readonly code = 'LOG_REFUSED'
  readonly handling = 'stop'
  readonly remedy =
    'Asking again would not help: correct the setting or the topic that the answer names, or the brokers’ version.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The brokers refuse it, ${what}.`, options)
  }
}

export class ProducerSpentError extends EventLogError {
  readonly code = 'LOG_PRODUCER_SPENT'
  readonly handling = 'retry'
  readonly remedy = 'None is needed: a new producer of the same transactional id goes on. Nothing was written.'
  constructor(at: { transactionalId: string; topic: string; partition: number }, options?: ErrorOptions) {
    super(
      `The producer "${at.transactionalId}" has used up its sequence numbers in ${at.topic}/${at.partition}.`,
      options,
    )
  }
}

export class LogLockedError extends EventLogError {
  readonly code = 'LOG_LOCKED'
  readonly handling = 'stop'
  readonly remedy = 'Another Tocsin runs on this folder: stop it, or give this one a folder of its own.'
  constructor(folder: string, options?: ErrorOptions) {
    super(`The log in ${folder} is in use by another process.`, options)
  }
}

export class LogUnreadableError extends EventLogError {
  readonly code = 'LOG_UNREADABLE'
  readonly handling = 'stop'
  readonly remedy =
    'If a newer Tocsin wrote the folder, run that one. Otherwise restore it, or move it away and ingest again.'
  constructor(at: { folder: string; reason: string }, options?: ErrorOptions) {
    super(`The log in ${at.folder} cannot be read: ${at.reason}.`, options)
  }
}

export class LogClosedError extends EventLogError {
  readonly code = 'LOG_CLOSED'
  readonly handling = 'stop'
  readonly remedy = 'Open it again before using it: it was closed by this process.'
  constructor(what: 'log' | 'producer' | 'reader', options?: ErrorOptions) {
    super(`This ${what} was closed.`, options)
  }
}

export class UnknownPartitionError extends EventLogError {
  readonly code = 'LOG_UNKNOWN_PARTITION'
  readonly handling = 'stop'
  readonly remedy = 'Name a partition that the topic has; they count from 0.'
  constructor(at: { topic: string; partition: number; partitions: number }, options?: ErrorOptions) {
    super(`The topic "${at.topic}" has ${at.partitions} partitions; there is no partition ${at.partition}.`, options)
  }
}

export class InvalidTopicError extends EventLogError {
  readonly code = 'LOG_INVALID_TOPIC'
  readonly handling = 'stop'
  readonly remedy =
    'A topic name has 1 to 249 letters, digits, ".", "_" or "-" and is not "." or ".."; a topic has 1 partition or more.'
  constructor(at: { topic: string; partitions: number }, options?: ErrorOptions) {
    super(`There can be no topic "${at.topic}" of ${at.partitions} partitions.`, options)
  }
}

export class InvalidRecordError extends EventLogError {
  readonly code = 'LOG_INVALID_RECORD'
  readonly handling = 'stop'
  readonly remedy = 'Give each record of a compacted topic a key: the newest record of each key is what it keeps.'
  constructor(at: { topic: string }, options?: ErrorOptions) {
    super(`A record without a key was appended to the compacted topic "${at.topic}"; nothing was written.`, options)
  }
}

export class RecordTooLargeError extends EventLogError {
  readonly code = 'LOG_RECORD_TOO_LARGE'
  readonly handling = 'stop'
  readonly remedy = 'Raise max.message.bytes of the topic (message.max.bytes of the brokers) above the record’s size.'
  constructor(at: { topic: string; bytes: number; maxBytes: number }, options?: ErrorOptions) {
    super(
      `A record of ${at.bytes} bytes is over the ${at.maxBytes} that "${at.topic}" takes; nothing was written.`,
      options,
    )
  }
}

export class UnsupportedBatchError extends EventLogError {
  readonly code = 'LOG_UNSUPPORTED_BATCH'
  readonly handling = 'stop'
  readonly remedy =
    'Run a Tocsin that knows it, or write the topic with compression.type none, gzip, snappy, lz4 or zstd, in Kafka 0.11’s format or newer.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The broker sent records in ${what}, which this build cannot read.`, options)
  }
}

/** Of one batch; the reader, which knows the partition, makes a `CorruptRecordsError` of it when it stays so. */
export class CorruptBatchError extends Error {
  readonly offset: number
  readonly reason: string
  constructor(offset: number, reason: string) {
    super(`The batch at offset ${offset} is corrupt: ${reason}.`)
    this.offset = offset
    this.reason = reason
  }
}

export class CorruptRecordsError extends EventLogError {
  readonly code = 'LOG_CORRUPT_RECORDS'
  readonly handling = 'stop'
  readonly remedy =
    'Look at the disk and memory of the partition’s leader; elect another replica as leader, or restore the topic.'
  constructor(
    at: { topic: string; partition: number; offset: number; reason: string; attempts: number },
    options?: ErrorOptions,
  ) {
    const place = `${at.topic}/${at.partition} at offset ${at.offset}`
    super(`The batch of ${place} came corrupt ${at.attempts} times: ${at.reason}. Nothing of it was used.`, options)
  }
}
