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
    'Check that the brokers (or the folder) named by the setting can be reached; the work goes on by itself.'
  constructor(what: string, options?: ErrorOptions) {
    super(`The log cannot be reached: ${what}.`, options)
  }
}
