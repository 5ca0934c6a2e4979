import { Server, type CustomTransportStrategy } from '@nestjs/microservices'
import { UnknownTopicError, type EventLog, type Position, type Reader } from '@tocsin/event-log'
import { isRetryable, type Logger, type Outage } from '@tocsin/service-kit'
import { isObservable, lastValueFrom } from 'rxjs'
import type { ReadBatch } from './sinks/postgres-sink.ts'
import { waitOut } from './wait-out.ts'

/** The log holds less than was read from it: it was emptied or replaced, and the database was not. */
export class LogReplacedError extends Error {
  readonly code = 'API_LOG_REPLACED'
  readonly handling = 'stop'
  readonly remedy = 'Use the log that belongs to this database, or an empty database for a new log.'
  constructor(at: Position, end: number, options?: ErrorOptions) {
    super(`${at.topic}/${at.partition} was read up to offset ${at.offset}, but the log ends at ${end}.`, options)
  }
}

/** The topic is not there yet: whoever writes it has not started. */
export class TopicMissingError extends Error {
  readonly code = 'API_TOPIC_MISSING'
  readonly handling = 'retry'
  readonly remedy = 'Start the detector, which creates it, or correct the topic prefix; reading begins by itself.'
  constructor(topic: string, options?: ErrorOptions) {
    super(`The topic "${topic}" does not exist yet.`, options)
  }
}

export interface LogStrategyOptions {
  readonly log: EventLog
  readonly topic: string
  /** The pattern of the handler that takes the topic's batches. */
  readonly pattern: string
  /** Where to go on, of the partitions that were read before: asked for at each start, so nothing is held twice. */
  readonly readPositions: () => Promise<readonly Position[]>
  readonly logger: Logger
  readonly outage: Outage
  readonly random: () => number
}

/** What the consumer is doing. `lagRecords` is null where the log does not answer, or has not yet. */
export interface ConsumerState {
  readonly status: 'starting' | 'reading' | 'waiting' | 'stopped' | 'failed'
  readonly lagRecords: number | null
}

const pollMs = 500

/**
 * Nest's transport over the log: reads all partitions of a topic and hands each batch to the message handler, one at a
 * time and in order within a partition. The handler stores the batch with its position; when it throws an error to be
 * retried, or the log does, reading begins again at what is stored, so nothing is lost and nothing counts twice. No
 * group: several processes may read the same topic and the store lets each batch in once.
 */
export class LogStrategy extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true
  readonly #options: LogStrategyOptions
  readonly #closing = new AbortController()
  #status: ConsumerState['status'] = 'starting'
  /** The next offset that this process has not yet handed over, by partition. */
  readonly #next = new Map<number, number>()
  #done: Promise<void> = Promise.resolve()
  #failed: (error: unknown) => void = () => {}
  /** Rejects when reading ended with an error that waiting does not mend. */
  readonly failure: Promise<never>

  constructor(options: LogStrategyOptions) {
    super()
    this.#options = options
    this.failure = new Promise((_, reject) => (this.#failed = reject))
    this.failure.catch(() => {}) // whoever does not ask is not to be ended by it; health says so too
  }

  listen(callback: (...parameters: unknown[]) => unknown): void {
    this.#done = this.#run().catch((error: unknown) => {
      if (this.#closing.signal.aborted) return
      this.#status = 'failed'
      this.#options.logger.error(error)
      this.#failed(error)
    })
    callback()
  }

  /** Ends after the batch in hand. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#done
    if (this.#status !== 'failed') this.#status = 'stopped'
  }

  on(): void {
    throw new Error('The log strategy has no events to listen to.')
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- Nest's signature: the caller names the type
  unwrap<T>(): T {
    return this.#options.log as T
  }

  /** How the reading goes; asks the log for its end. */
  async consumerState(): Promise<ConsumerState> {
    const lagRecords = await this.#lag().catch((error: unknown) => {
      if (isRetryable(error)) return null // whoever reads says so
      throw error
    })
    return { status: this.#status, lagRecords }
  }

  async #lag(): Promise<number | null> {
    const { log, topic } = this.#options
    let records = 0
    for (const [partition, next] of this.#next)
      records += Math.max(0, (await log.offsets({ topic, partition })).end - next)
    return this.#next.size === 0 ? null : records
  }

  async #run(): Promise<void> {
    const { outage, random } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      // The first round belongs to the attempt: a database that can be read and not written is waited out too.
      const reader = await waitOut(() => this.#begin().catch(this.#pause), { outage, random, signal })
      try {
        while (!signal.aborted) await this.#readRound(reader)
      } catch (error) {
        if (!isRetryable(error)) throw error
        this.#status = 'waiting'
      } finally {
        await reader.close()
      }
    }
  }

  readonly #pause = (error: unknown): never => {
    this.#status = 'waiting'
    throw error
  }

  async #begin(): Promise<Reader> {
    const reader = await this.#openReader()
    try {
      await this.#readRound(reader)
      return reader
    } catch (error) {
      await reader.close()
      throw error
    }
  }

  async #readRound(reader: Reader): Promise<void> {
    for (const batch of await reader.poll(pollMs)) {
      if (this.#closing.signal.aborted) return
      await this.#handle({ ...batch, fromOffset: this.#next.get(batch.partition) ?? 0 })
      this.#next.set(batch.partition, batch.nextOffset)
      this.#status = 'reading'
    }
    this.#status = 'reading'
  }

  async #openReader(): Promise<Reader> {
    const { log, topic, readPositions } = this.#options
    const stored = await readPositions()
    const partitions = await log.partitions(topic).catch((error: unknown) => {
      throw error instanceof UnknownTopicError ? new TopicMissingError(topic, { cause: error }) : error
    })
    await log.createTopics([{ topic, partitions }]) // it is there: its settings are what is looked at
    const positions: Position[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const { beginning, end } = await log.offsets({ topic, partition })
      const offset = stored.find((position) => position.partition === partition)?.offset ?? beginning
      const position = { topic, partition, offset }
      if (offset > end) throw new LogReplacedError(position, end)
      positions.push(position)
      this.#next.set(partition, offset)
    }
    return log.openReader(positions)
  }

  async #handle(batch: ReadBatch): Promise<void> {
    const handler = this.getHandlerByPattern(this.#options.pattern)
    if (handler === null) throw new Error(`No handler takes the pattern "${this.#options.pattern}".`)
    const result: unknown = await handler(batch, undefined)
    // Nest gives a handler's error back as a stream that fails.
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined })
  }
}
