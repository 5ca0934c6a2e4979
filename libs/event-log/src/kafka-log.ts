import type { Admin, Kafka, KafkaConfig, LogEntry, SASLOptions } from 'kafkajs'
import {
  LogClosedError,
  LogUnavailableError,
  OffsetOutOfRangeError,
  UnknownPartitionError,
  UnknownTopicError,
} from './errors.ts'
import type {
  EventLog,
  NewRecord,
  Position,
  Producer,
  Reader,
  ReaderOptions,
  TopicPartition,
  TopicSpec,
} from './event-log.ts'
import type { Group } from './group.ts'
import { kafkaErrorTypes, unavailable } from './kafka-errors.ts'
import { KafkaGroup, type KafkaGroupOptions } from './kafka-group.ts'
import { KafkaConnection, loadKafkajs } from './kafka-internals.ts'
import { KafkaProducer, type WritableTopic } from './kafka-producer.ts'
import { KafkaReader, topicLeaders } from './kafka-reader.ts'
import { KafkaTopics, refuseProblems, type TopicAdmin } from './kafka-topics.ts'
import { verifyRecord } from './topic-spec.ts'

export interface KafkaLogOptions {
  /** Addresses to begin with, `host:port`; the rest of the cluster is learned from them. */
  readonly brokers: readonly string[]
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string
  /** TLS: `true` for the system's authorities, or Node's `tls.connect` options. Default: none. */
  readonly ssl?: KafkaConfig['ssl']
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  }
  /** Of topics that are created here. Default: 3, or as many as there are brokers. */
  readonly replicationFactor?: number
  /** A transaction that lasts longer is aborted by the brokers; more than their `transaction.max.timeout.ms` is refused. */
  readonly transactionTimeoutMs?: number
  /** Warnings and errors of the client, each at most every 10 s. Default: none are shown; what matters is thrown too. */
  readonly log?: (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface KafkaEventLog extends EventLog {
  readonly topics: TopicAdmin
  /** Membership of a group of the cluster, to share out work. Nothing is asked of the cluster before it runs. */
  group(options: KafkaGroupOptions): Group
}

/**
 * The log on a Kafka cluster (2.5 or newer; tested with 4.4). Nothing is connected before the first call: a cluster out
 * of reach shows as `LogUnavailableError` there.
 */
export function openKafkaLog(options: KafkaLogOptions): KafkaEventLog {
  return new KafkaLog(options)
}

const REPEAT_LOG_MS = 10_000
const MAX_LOGGED = 100
const LEADER_DEADLINE_MS = 30_000
const LEADER_INTERVAL_MS = 50
/** A broker that is no longer the leader, or not yet: another one is, or it will be soon. */
const LEADER_MOVED = ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE', 'UNKNOWN_TOPIC_OR_PARTITION']
/** message.max.bytes of a broker that nobody has configured. */
const DEFAULT_MAX_BATCH_BYTES = 1_048_588

interface TopicDescription extends WritableTopic {
  readonly partitions: number
  readonly cleanup: 'delete' | 'compact'
}

class KafkaLog implements KafkaEventLog {
  readonly topics: TopicAdmin
  readonly #options: KafkaLogOptions
  readonly #config: KafkaConfig
  readonly #kafka: Kafka
  readonly #connection: KafkaConnection
  readonly #descriptions = new Map<string, TopicDescription>()
  readonly #open = new Set<Producer | Reader>()
  /** When each message was last handed to `log`. */
  readonly #logged = new Map<string, number>()
  #admin: Promise<Admin> | undefined
  #closed = false

  constructor(options: KafkaLogOptions) {
    const kafkajs = loadKafkajs()
    this.#options = options
    this.#config = {
      brokers: [...options.brokers],
      clientId: options.clientId,
      ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
      // kafkajs writes the same as a union of three, one for each mechanism.
      ...(options.sasl === undefined ? {} : { sasl: options.sasl as SASLOptions }),
    }
    this.#kafka = new kafkajs.Kafka({
      ...this.#config,
      connectionTimeout: 5_000,
      requestTimeout: 30_000,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 4 },
      logLevel: kafkajs.logLevel.WARN,
      logCreator: () => (entry) => this.#log(entry),
    })
    this.#connection = this.#connect()
    this.topics = new KafkaTopics(
      () => this.#connectAdmin(),
      options.replicationFactor,
      (topic) => this.#waitForTopic(topic),
    )
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#assertOpen()
    refuseProblems(specs, await this.topics.check(specs))
    const created = await this.topics.create(specs)
    // Another process may have been faster, with other partitions.
    refuseProblems(specs, created.length === 0 ? [] : await this.topics.check(specs))
  }

  async partitions(topic: string): Promise<number> {
    this.#assertOpen()
    return (await topicLeaders(this.#connection, topic)).length
  }

  async offsets(at: TopicPartition): Promise<{ readonly beginning: number; readonly end: number }> {
    return this.#askLeader(at, 'asking for the offsets', (leader) => this.#connection.offsets(at, leader))
  }

  async openProducer(transactionalId: string): Promise<Producer> {
    this.#assertOpen()
    const timeoutMs = this.#options.transactionTimeoutMs ?? 60_000
    const verify = (records: readonly NewRecord[]) => this.#verify(records)
    const onClose = (closed: Producer) => this.#open.delete(closed)
    const producer = await KafkaProducer.open(this.#kafka, transactionalId, timeoutMs, verify, onClose)
    return this.#keep(producer)
  }

  async openReader(positions: readonly Position[], options: ReaderOptions = {}): Promise<Reader> {
    for (const position of positions) await this.#leader(position)
    const reader: KafkaReader = new KafkaReader(this.#connect(), positions, options, () => this.#open.delete(reader))
    return this.#keep(reader)
  }

  async trim(at: TopicPartition, before: number): Promise<void> {
    const range = await this.offsets(at)
    if (before > range.end) throw new OffsetOutOfRangeError({ ...at, offset: before, ...range })
    if (before <= range.beginning) return
    await this.#askLeader(at, 'trimming', (leader) => this.#connection.deleteRecords(at, before, leader))
  }

  group(options: KafkaGroupOptions): Group {
    this.#assertOpen()
    return new KafkaGroup(() => this.#connect(), options)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#open].map((opened) => opened.close()))
    await this.#connection.disconnect()
    const admin = await this.#admin?.catch(() => undefined)
    await admin?.disconnect()
  }

  /** Refuses what cannot be written before a transaction begins: a refusal inside one costs the producer. */
  async #verify(records: readonly NewRecord[]): Promise<ReadonlyMap<string, WritableTopic>> {
    this.#assertOpen()
    const topics = new Map<string, TopicDescription>()
    for (const record of records) {
      const { topic, partition } = record
      const description = topics.get(topic) ?? (await this.#describe(topic))
      topics.set(topic, description)
      const { partitions, cleanup } = description
      if (partition >= partitions) throw new UnknownPartitionError({ topic, partition, partitions })
      verifyRecord(record, cleanup)
    }
    return topics
  }

  async #describe(topic: string): Promise<TopicDescription> {
    const known = this.#descriptions.get(topic)
    if (known) return known
    const partitions = await this.partitions(topic)
    const admin = await this.#connectAdmin()
    const resources = [
      {
        type: loadKafkajs().ConfigResourceTypes.TOPIC,
        name: topic,
        configNames: ['cleanup.policy', 'max.message.bytes'],
      },
    ]
    const entries = await admin.describeConfigs({ includeSynonyms: false, resources }).then(
      ({ resources: [described] }) => described?.configEntries ?? [],
      (error: unknown) => {
        // A client need not be allowed to ask; then the brokers' defaults are what it can know.
        if (kafkaErrorTypes(error).some((type) => type.endsWith('_AUTHORIZATION_FAILED'))) return []
        throw unavailable(`asking for the settings of "${topic}" failed`, error)
      },
    )
    const setting = (name: string) => entries.find(({ configName }) => configName === name)?.configValue
    const description: TopicDescription = {
      partitions,
      cleanup: setting('cleanup.policy')?.includes('compact') ? 'compact' : 'delete',
      maxBatchBytes: Number(setting('max.message.bytes') ?? DEFAULT_MAX_BATCH_BYTES),
    }
    this.#descriptions.set(topic, description)
    return description
  }

  async #leader({ topic, partition }: TopicPartition): Promise<number> {
    this.#assertOpen()
    const leaders = await topicLeaders(this.#connection, topic)
    const leader = leaders[partition]
    if (leader === undefined) throw new UnknownPartitionError({ topic, partition, partitions: leaders.length })
    return leader
  }

  /** A request to the leader of a partition, made again while the leader moves. */
  async #askLeader<T>(at: TopicPartition, what: string, request: (leader: number) => Promise<T>): Promise<T> {
    const start = performance.now()
    for (;;) {
      const leader = await this.#leader(at)
      try {
        return await request(leader)
      } catch (error) {
        const moved = kafkaErrorTypes(error).some((type) => LEADER_MOVED.includes(type))
        if (!moved || performance.now() - start > LEADER_DEADLINE_MS) {
          throw unavailable(`${what} of ${at.topic}/${at.partition} failed`, error)
        }
      }
      await new Promise((resolve) => setTimeout(resolve, LEADER_INTERVAL_MS))
    }
  }

  /** A new topic is known to one broker after the other, and has no leaders at first. */
  async #waitForTopic(topic: string): Promise<number> {
    const start = performance.now()
    for (;;) {
      try {
        return await this.partitions(topic)
      } catch (error) {
        if (performance.now() - start > LEADER_DEADLINE_MS) throw error
        if (!(error instanceof UnknownTopicError) && !(error instanceof LogUnavailableError)) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, LEADER_INTERVAL_MS))
    }
  }

  #connectAdmin(): Promise<Admin> {
    const connect = async () => {
      const admin = this.#kafka.admin()
      try {
        await admin.connect()
      } catch (error) {
        this.#admin = undefined // the next call tries anew
        throw unavailable('connecting failed', error)
      }
      return admin
    }
    return (this.#admin ??= connect())
  }

  #connect(): KafkaConnection {
    return new KafkaConnection(this.#config, this.#kafka.logger())
  }

  #keep<T extends Producer | Reader>(opened: T): T {
    this.#open.add(opened)
    return opened
  }

  #log({ level, namespace, log }: LogEntry): void {
    const { message } = log
    const error: unknown = log['error']
    // Part of every second transaction, and answered by trying again some milliseconds later.
    if (/concurrent operation/.test(`${message} ${String(error)}`)) return
    // A broker that is down is met some hundred times before it is back.
    const now = performance.now()
    if (now - (this.#logged.get(message) ?? -Infinity) < REPEAT_LOG_MS) return
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear()
    this.#logged.set(message, now)
    const fields = { part: namespace, ...(error === undefined ? {} : { error }) }
    this.#options.log?.(level === loadKafkajs().logLevel.ERROR ? 'error' : 'warn', message, fields)
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogClosedError('log')
  }
}
