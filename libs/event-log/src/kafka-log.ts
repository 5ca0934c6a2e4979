import { createSecureContext } from 'node:tls'
import type { Admin, LogEntry } from 'kafkajs'
import type { Compression } from './compression.ts'
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
import { brokerErrorsOf, logErrorOf } from './kafka-errors.ts'
import { KafkaGroup, type KafkaGroupOptions } from './kafka-group.ts'
import { type ClientConfig, KafkaConnection, loadKafkajs, openClient } from './kafka-internals.ts'
import { type DeliveryGuarantee, KafkaProducer, type WritableTopic } from './kafka-producer.ts'
import { KafkaReader } from './kafka-reader.ts'
import { saslOptions, type KafkaSasl } from './kafka-sasl.ts'
import { type Connect, HUNG_UP, type KafkaSockets } from './kafka-sockets.ts'
import { KafkaTopics, refuseProblems, type TopicAdmin } from './kafka-topics.ts'
import { worksAround } from './kafka-workarounds.ts'
import { verifyRecord } from './topic-spec.ts'
import { within } from './within.ts'

export interface KafkaLogOptions {
  /** Addresses to begin with, `host:port`; the rest of the cluster is learned from them. */
  readonly brokers: readonly string[]
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string
  /** TLS to the brokers. Default: none. */
  readonly tls?: KafkaTls
  /** Who this process is to the brokers. Default: nobody, or whom the certificate names. */
  readonly sasl?: KafkaSasl
  /** Of the records written here; records of every compression are read. Default: none. */
  readonly compression?: Compression
  /** How long a broker may take for one answer; what needs several fails after twice that. Default 30 s. */
  readonly requestTimeoutMs?: number
  /** Of topics that are created here. Default: 3, or as many as there are brokers. */
  readonly replicationFactor?: number
  /** A transaction that lasts longer is aborted by the brokers; more than their `transaction.max.timeout.ms` is refused. */
  readonly transactionTimeoutMs?: number
  /**
   * Warnings and errors of the client, each at most every 10 s; for `debug`, what is part of every day. Default: none
   * are shown; what matters is thrown too.
   */
  readonly log?: (level: 'debug' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Each is PEM text. */
export interface KafkaTls {
  /** The authorities that brokers' certificates are to be signed by. Default: those that Node trusts. */
  readonly ca?: string
  /** With `key`: the certificate that this process shows, where the brokers ask for one. */
  readonly cert?: string
  readonly key?: string
}

export interface KafkaEventLog extends EventLog {
  readonly topics: TopicAdmin
  /** Membership of a group of the cluster, to share out work. Nothing is asked of the cluster before it runs. */
  group(options: KafkaGroupOptions): Group
  /** How many members a group has now; none if there is no such group. @throws {LogUnavailableError} */
  groupMembers(groupId: string): Promise<number>
}

/**
 * The log on a Kafka cluster (2.5 or newer; tested with 4.4). Nothing is connected before the first call: a cluster out
 * of reach shows as `LogUnavailableError` there. @throws {LogTlsError} what `tls` holds is no PEM, or not of one pair.
 */
export function openKafkaLog(options: KafkaLogOptions): KafkaEventLog {
  return new KafkaLog(options)
}

/** What only tests and measures choose. */
interface KafkaLogOver {
  /** Another way to the brokers. */
  readonly connect?: Connect
  /** Producers that are used up sooner. */
  readonly sequenceLimit?: number
  readonly delivery?: DeliveryGuarantee
}

/** For tests and measures. */
export function openKafkaLogOver(options: KafkaLogOptions, over: KafkaLogOver): KafkaEventLog {
  return new KafkaLog(options, over)
}

const REPEAT_LOG_MS = 10_000
const MAX_LOGGED = 100
const LEADER_DEADLINE_MS = 30_000
const LEADER_INTERVAL_MS = 50
const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
const DEFAULT_TRANSACTION_TIMEOUT_MS = 60_000
/** message.max.bytes of a broker that nobody has configured. */
const DEFAULT_MAX_BATCH_BYTES = 1_048_588

interface TopicDescription extends WritableTopic {
  readonly partitions: number
  readonly cleanup: 'delete' | 'compact'
}

interface ConnectedAdmin {
  readonly admin: Admin
  readonly sockets: KafkaSockets
}

/** Once for all connections, and here: kafkajs would take what cannot be read for a broker that is away, and try for ever. */
function secureContextOf(tls: KafkaTls) {
  try {
    return createSecureContext({ ...tls })
  } catch (error) {
    throw logErrorOf('reading what was given for TLS failed', error)
  }
}

class KafkaLog implements KafkaEventLog {
  readonly topics: TopicAdmin
  readonly #options: KafkaLogOptions
  readonly #config: ClientConfig
  readonly #over: KafkaLogOver
  readonly #connection: KafkaConnection
  readonly #descriptions = new Map<string, TopicDescription>()
  readonly #open = new Set<Producer | Reader>()
  /** When each message was last handed to `log`. */
  readonly #logged = new Map<string, number>()
  #admin: Promise<ConnectedAdmin> | undefined
  #closed = false

  constructor(options: KafkaLogOptions, over: KafkaLogOver = {}) {
    this.#options = options
    this.#over = over
    this.#config = {
      brokers: options.brokers,
      clientId: options.clientId,
      ...(options.tls === undefined ? {} : { ssl: { secureContext: secureContextOf(options.tls) } }),
      ...(options.sasl === undefined ? {} : { sasl: saslOptions(options.sasl) }),
      requestTimeoutMs: options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
      connect: over.connect,
      logCreator: () => (entry) => this.#log(entry),
    }
    this.#connection = this.#connect()
    const way = {
      admin: async () => (await this.#connectAdmin()).admin,
      hangUp: () => void this.#dropAdmin(),
      waitForTopic: (topic: string) => this.#waitForTopic(topic),
    }
    this.topics = new KafkaTopics(way, options.replicationFactor)
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
    return (await this.#connection.leaders(topic)).length
  }

  async offsets(at: TopicPartition): Promise<{ readonly beginning: number; readonly end: number }> {
    return this.#askLeader(at, 'asking for the offsets', (leader) => this.#connection.offsets(at, leader))
  }

  async openProducer(transactionalId: string): Promise<Producer> {
    this.#assertOpen()
    const { compression = 'none', transactionTimeoutMs = DEFAULT_TRANSACTION_TIMEOUT_MS } = this.#options
    const producer = await KafkaProducer.open(this.#config, {
      transactionalId,
      transactionTimeoutMs,
      compression,
      sequenceLimit: this.#over.sequenceLimit,
      delivery: this.#over.delivery ?? 'exactly-once',
      verify: (records) => this.#verify(records),
      onFailure: () => this.#descriptions.clear(), // a topic may be another one now, with other limits
      onClose: (closed) => this.#open.delete(closed),
    })
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

  async groupMembers(groupId: string): Promise<number> {
    const { admin } = await this.#connectAdmin()
    try {
      const { groups } = await admin.describeGroups([groupId])
      return groups.reduce((sum, { members }) => sum + members.length, 0)
    } catch (error) {
      if (brokerErrorsOf(error).length === 0) void this.#dropAdmin()
      throw logErrorOf(`asking for the members of "${groupId}" failed`, error)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#open].map((opened) => opened.close()))
    await this.#connection.disconnect()
    await this.#dropAdmin()
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
      if (!worksAround('refuse-before-begin')) continue
      if (partition >= partitions) throw new UnknownPartitionError({ topic, partition, partitions })
      verifyRecord(record, cleanup)
    }
    return topics
  }

  async #describe(topic: string): Promise<TopicDescription> {
    const known = this.#descriptions.get(topic)
    if (known) return known
    const partitions = await this.partitions(topic)
    const { admin } = await this.#connectAdmin()
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
        if (brokerErrorsOf(error).some(({ fate }) => fate === 'unauthorized')) return []
        if (brokerErrorsOf(error).length === 0) void this.#dropAdmin()
        throw logErrorOf(`asking for the settings of "${topic}" failed`, error)
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
    const leaders = await this.#connection.leaders(topic)
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
        const isSoonOver = brokerErrorsOf(error).some(({ fate }) => fate === 'moved' || fate === 'wait')
        if (!isSoonOver || performance.now() - start > LEADER_DEADLINE_MS) {
          throw logErrorOf(`${what} of ${at.topic}/${at.partition} failed`, error)
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

  #connectAdmin(): Promise<ConnectedAdmin> {
    this.#assertOpen()
    const connect = async () => {
      const { kafka, sockets } = openClient(this.#config)
      const admin = kafka.admin()
      const { requestTimeoutMs } = this.#config
      try {
        await within(admin.connect(), 2 * requestTimeoutMs, () => new Error('no answer'))
      } catch (error) {
        this.#admin = undefined // the next call tries anew
        await sockets.close()
        throw logErrorOf('connecting failed', error)
      }
      return { admin, sockets }
    }
    return (this.#admin ??= connect())
  }

  /** kafkajs would go on with a connection that does not answer: the next call takes another. */
  async #dropAdmin(): Promise<void> {
    const dropped = this.#admin
    this.#admin = undefined
    const connected = await dropped?.catch(() => undefined) // its caller has the error
    await connected?.sockets.close()
  }

  #connect(): KafkaConnection {
    return new KafkaConnection(this.#config)
  }

  #keep<T extends Producer | Reader>(opened: T): T {
    this.#open.add(opened)
    return opened
  }

  #log({ level, namespace, log }: LogEntry): void {
    const { message } = log
    const error: unknown = log['error']
    const fields = { part: namespace, ...(error === undefined ? {} : { error }) }
    if (`${message} ${String(error)}`.includes(HUNG_UP)) return
    // Part of every second transaction, and answered by trying again some milliseconds later.
    if (/concurrent operation/.test(`${message} ${String(error)}`)) {
      this.#options.log?.('debug', message, { ...fields, retryTimeMs: log['retryTime'] })
      return
    }
    // A broker that is down is met some hundred times before it is back.
    const now = performance.now()
    if (now - (this.#logged.get(message) ?? -Infinity) < REPEAT_LOG_MS) return
    if (this.#logged.size >= MAX_LOGGED) this.#logged.clear()
    this.#logged.set(message, now)
    this.#options.log?.(level === loadKafkajs().logLevel.ERROR ? 'error' : 'warn', message, fields)
  }

  #assertOpen(): void {
    if (this.#closed) throw new LogClosedError('log')
  }
}
