import { createRequire } from 'node:module'
import { crc32c } from '@node-rs/crc32'
import type Kafkajs from 'kafkajs'
import { type Compression, compress, compressions, decompress } from './compression.ts'
import { LogUnavailableError, UnknownTopicError } from './errors.ts'
import type { LogRecord, Position, TopicPartition } from './event-log.ts'
import { decodeFetchResponse, type FetchedPartition } from './fetch-response.ts'
import {
  brokerAnswered,
  brokerError,
  brokerErrors,
  brokerErrorsOf,
  kafkaErrorTypes,
  logErrorOf,
} from './kafka-errors.ts'
import { type Connect, KafkaSockets } from './kafka-sockets.ts'
import { worksAround } from './kafka-workarounds.ts'
import { encodeRecord, type AbortedTransaction, type StoredBatch } from './record-batch.ts'
import { within } from './within.ts'

/**
 * All contact with the insides of kafkajs, which is unmaintained: some defects are mended in place, and its connection
 * layer is used to fetch, since its own consumer neither filters aborted transactions exactly nor shows how far it has
 * read. Every name below was read in the source of this version, so no other is accepted.
 */
const KAFKAJS_VERSION = '2.2.4'

const require = createRequire(import.meta.url)

// What is declared here is what version 2.2.4 has; `loadKafkajs` has checked the version before anything is used.
interface InternalBroker {
  readonly versions: Record<number, { readonly maxVersion: number } | undefined> | null
  readonly connectionPool: {
    readonly host: string
    readonly port: number
    send(request: InternalRequest): Promise<unknown>
  }
  metadata(topics: readonly string[]): Promise<InternalMetadata>
  deleteRecords(request: {
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<unknown>
  listOffsets(request: {
    isolationLevel: number
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[]
  }): Promise<{ responses: { partitions: { offset: string }[] }[] }>
}

/** A broker that coordinates a group. Errors carry Kafka's code as `type`. */
export interface GroupCoordinator {
  /** Waits until all members have come, or `rebalanceTimeout` (ms) is over; only the leader is told of the others. */
  joinGroup(request: {
    readonly groupId: string
    readonly sessionTimeout: number
    readonly rebalanceTimeout: number
    /** Empty: a new member. */
    readonly memberId: string
    readonly protocolType: string
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  }): Promise<{
    readonly generationId: number
    readonly leaderId: string
    readonly memberId: string
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]
  }>
  syncGroup(request: {
    readonly groupId: string
    readonly generationId: number
    readonly memberId: string
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
  }): Promise<{ readonly memberAssignment: Buffer }>
  heartbeat(request: {
    readonly groupId: string
    readonly groupGenerationId: number
    readonly memberId: string
  }): Promise<unknown>
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
}

interface InternalMetadata {
  readonly topicMetadata: {
    readonly topic: string
    readonly partitionMetadata: { readonly partitionId: number; readonly leader: number }[]
  }[]
}

interface InternalRequest {
  readonly request: unknown
  readonly response: { decode(bytes: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> }
  readonly requestTimeout: number
}

interface InternalBrokerPool {
  readonly brokers: Record<number, InternalBroker | undefined>
  findConnectedBroker(): Promise<InternalBroker>
  /** Null when it failed with each of them. */
  withBroker: (
    this: InternalBrokerPool,
    ask: (of: { readonly broker: InternalBroker }) => Promise<unknown>,
  ) => Promise<unknown>
  refreshMetadata(topics: readonly string[]): Promise<void>
}

interface InternalCluster {
  readonly brokerPool: InternalBrokerPool
  connect(): Promise<void>
  disconnect(): Promise<void>
  findBroker(at: { nodeId: number }): Promise<InternalBroker>
  findGroupCoordinator(of: { groupId: string }): Promise<GroupCoordinator>
}

interface InternalRequestQueue {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
  scheduleCheckPendingRequests: (this: InternalRequestQueue) => void
}

interface InternalGrouping {
  readonly topic: string
  readonly partitionMetadata: Kafkajs.PartitionMetadata[]
  readonly messages: readonly Kafkajs.Message[]
  readonly partitioner: (of: Kafkajs.PartitionerArgs) => number
}

interface InternalErrorCode {
  readonly code: number
  readonly type: string
  readonly retriable: boolean
  readonly message: string
}

interface InternalCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>
  decompress(bytes: Buffer): Promise<Buffer>
}

interface InternalMessage {
  readonly offset: string
  readonly key: Uint8Array | null
  readonly isControlRecord: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
  readonly record: LogRecord
}

type Constructor<Options, Instance> = { new (options: Options): Instance; readonly prototype: object }

/** Retries of InitProducerId and of sends: the wait for the markers of the last transaction is some milliseconds. */
const TRANSACTION_RETRY = { initialRetryTime: 3, factor: 0.2, multiplier: 1.2, maxRetryTime: 50, retries: 300 }
const CONNECTION_RETRY = { initialRetryTime: 50, factor: 0.2, multiplier: 2, maxRetryTime: 500, retries: 4 }
const CONNECT_TIMEOUT_MS = 5_000

/** Of sends. */
export const sendRetry = (): Kafkajs.RetryOptions =>
  worksAround('short-retry-waits') ? TRANSACTION_RETRY : KAFKAJS_RETRY
/** What it has by default, but shortens by itself where NODE_ENV is "test". */
const KAFKAJS_RETRY = { initialRetryTime: 300, factor: 0.2, multiplier: 2, maxRetryTime: 30_000, retries: 5 }

const READ_COMMITTED = 1
const FETCH_API_KEY = 1
const FETCH_VERSION = 11
const EARLIEST = -2
const LATEST = -1
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024
const LAST_KNOWN_ERROR = 88

/**
 * kafkajs, mended, once for the process. Loaded by the first who needs it: a process on the embedded log
 * does not. @throws {LogUnavailableError} another version is installed.
 */
export function loadKafkajs(): typeof Kafkajs {
  loaded ??= mendKafkajs()
  return loaded
}
let loaded: typeof Kafkajs | undefined

function mendKafkajs(): typeof Kafkajs {
  const { version } = load('kafkajs/package.json') as { version: string }
  if (version !== KAFKAJS_VERSION) {
    throw new LogUnavailableError(
      `kafkajs ${version} is installed, and its insides are known for ${KAFKAJS_VERSION} only`,
    )
  }
  // Its checksum goes byte by byte, at 330 MB/s; this one at 3,700. First of all, for each takes it as it loads.
  replace('kafkajs/src/protocol/recordBatch/crc32C', () => (bytes: Buffer) => crc32c(bytes))
  // Its own makes a buffer of 512 bytes and a dozen other objects for each record: 2.5 µs of CPU, where this one takes 0.1.
  replace('kafkajs/src/protocol/recordBatch/record/v0', encodingPlainRecords)
  // Its own copies what it has of a partition for each message: 200 ms of CPU for a request of 10,000 of them, 9 s for
  // 30,000, where this one takes 0.4 and 3.
  replace('kafkajs/src/producer/groupMessagesPerPartition', () => groupByPartition)
  keepTransactionManagers()
  // Its table of errors ends with number 88; what is not in it is never tried again.
  const { errorCodes } = load('kafkajs/src/protocol/error') as { errorCodes: InternalErrorCode[] }
  const beyond = [...brokerErrors.values()].filter(({ code }) => code > LAST_KNOWN_ERROR)
  errorCodes.push(
    ...beyond.map(({ code, name, fate }) => ({
      code,
      type: name,
      message: name,
      get retriable() {
        return (fate === 'wait' || fate === 'moved') && worksAround('full-error-table')
      },
    })),
  )
  const { Codecs } = load('kafkajs/src/protocol/message/compression') as { Codecs: Record<number, () => InternalCodec> }
  for (const [number, compression] of compressions.entries()) {
    if (number < 2) continue // none, and gzip, which it has
    Codecs[number] = () => ({
      compress: async ({ buffer }) => compress(buffer, compression),
      decompress: async (bytes) => decompress(bytes, number),
    })
  }
  // InitProducerId takes its retries from a field that does not exist, so from a default of 300 ms and more.
  const { prototype: cluster } = load('kafkajs/src/cluster') as Constructor<never, InternalCluster>
  Object.defineProperty(cluster, 'retry', {
    get: () => (worksAround('short-init-waits') ? TRANSACTION_RETRY : KAFKAJS_RETRY),
  })
  // It asks one broker after the other, drops what each answers, and says that none has found it.
  const pool = (load('kafkajs/src/cluster/brokerPool') as { prototype: InternalBrokerPool }).prototype
  const withBroker = pool.withBroker
  pool.withBroker = async function (this: InternalBrokerPool, ask) {
    const refusals: Error[] = []
    const asked = async (of: { readonly broker: InternalBroker }) => {
      try {
        return await ask(of)
      } catch (error) {
        if (error instanceof Error && brokerErrorsOf(error).some(({ fate }) => fate === 'unauthorized'))
          refusals.push(error)
        throw error
      }
    }
    const answer = await withBroker.call(this, asked)
    const [refusal] = refusals
    if (answer === null && refusal !== undefined && worksAround('coordinator-errors')) throw refusal
    return answer
  }
  // An idle connection arms a timer of a negative delay, so every millisecond, for ever: 4.5 % of a core.
  const queue = (load('kafkajs/src/network/requestQueue') as { prototype: InternalRequestQueue }).prototype
  const schedule = queue.scheduleCheckPendingRequests
  queue.scheduleCheckPendingRequests = function (this: InternalRequestQueue) {
    const isIdle = this.pending.length === 0 && this.throttledUntil <= Date.now()
    if (!isIdle || !worksAround('quiet-idle-timer')) schedule.call(this)
  }
  return load('kafkajs') as typeof Kafkajs
}

/** What kafkajs keeps of a producer's transactions, and does not show. */
interface TransactionManager {
  addPartitionsToTransaction(
    topics: readonly { readonly topic: string; readonly partitions: readonly { readonly partition: number }[] }[],
  ): Promise<void>
}
const clusters = new WeakMap<Kafkajs.Producer, object>()
const managers = new WeakMap<object, TransactionManager>()

function keepTransactionManagers(): void {
  type CreateManager = (of: { readonly cluster: object; readonly transactional: boolean }) => TransactionManager
  replace('kafkajs/src/producer/eosManager', (own: CreateManager) => (of) => {
    const manager = own(of)
    if (of.transactional) managers.set(of.cluster, manager)
    return manager
  })
  type CreateProducer = (of: { readonly cluster: object }) => Kafkajs.Producer
  replace('kafkajs/src/producer', (own: CreateProducer) => (of) => {
    const producer = own(of)
    clusters.set(producer, of.cluster)
    return producer
  })
}

/**
 * Into the transaction that the producer has begun: what is sent there later need not wait for that. Waits until the
 * markers of the transaction before are written.
 */
export async function addPartitions(to: Kafkajs.Producer, partitions: readonly TopicPartition[]): Promise<void> {
  const manager = managers.get(clusters.get(to) ?? {})
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic)
  const topics = [...byTopic].map(([topic, some]) => ({ topic, partitions: some }))
  const retrying = load('kafkajs/src/retry') as (
    of: Kafkajs.RetryOptions,
  ) => (ask: (bail: (error: unknown) => void) => Promise<void>) => Promise<void>
  await retrying(sendRetry())(async (bail) => {
    try {
      await manager?.addPartitionsToTransaction(topics)
    } catch (error) {
      if (!kafkaErrorTypes(error).includes('CONCURRENT_TRANSACTIONS')) bail(error)
      throw error
    }
  })
}

/** What a batch is put together from, as kafkajs's encoder gives it. */
interface EncodedRecord {
  readonly buf: Buffer
  readonly buffer: Buffer
}
interface InternalRecord {
  readonly offsetDelta: number
  readonly timestampDelta: number
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  readonly headers?: object
}
type EncodeRecord = (record: InternalRecord) => EncodedRecord

/** Of the records that we send; others have `own`. */
function encodingPlainRecords(own: EncodeRecord): EncodeRecord {
  const isPlain = (bytes: Buffer | string | null): bytes is Buffer | null => bytes === null || Buffer.isBuffer(bytes)
  return (record) => {
    const { offsetDelta, timestampDelta, key = null, value, headers } = record
    if (headers !== undefined || timestampDelta !== 0 || !isPlain(key) || !isPlain(value)) return own(record)
    const buffer = encodeRecord(offsetDelta, key, value)
    return { buf: buffer, buffer }
  }
}

/** What kafkajs's own of this name answers. */
function groupByPartition({ topic, partitionMetadata, messages, partitioner }: InternalGrouping) {
  const groups: Record<number, Kafkajs.Message[]> = {}
  if (partitionMetadata.length === 0) return groups
  for (const message of messages) (groups[partitioner({ topic, partitionMetadata, message })] ??= []).push(message)
  return groups
}

/** Where the brokers are, who we are to them, and how long they may take. */
export interface ClientConfig {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: Kafkajs.KafkaConfig['ssl']
  readonly sasl?: NonNullable<Kafkajs.KafkaConfig['sasl']>
  readonly requestTimeoutMs: number
  readonly connect?: Connect | undefined
  readonly logCreator: Kafkajs.logCreator
}

const kafkaConfig = (
  { brokers, clientId, ssl, sasl, requestTimeoutMs, logCreator }: ClientConfig,
  sockets: KafkaSockets,
) => ({
  brokers: [...brokers],
  clientId,
  ...(ssl === undefined ? {} : { ssl }),
  ...(sasl === undefined ? {} : { sasl }),
  connectionTimeout: Math.min(CONNECT_TIMEOUT_MS, requestTimeoutMs),
  authenticationTimeout: CONNECT_TIMEOUT_MS,
  requestTimeout: requestTimeoutMs,
  enforceRequestTimeout: true,
  retry: CONNECTION_RETRY,
  socketFactory: sockets.open,
  logLevel: loadKafkajs().logLevel.WARN,
  logCreator,
})

/** As kafkajs numbers it. */
export function compressionType(compression: Compression): Kafkajs.CompressionTypes {
  const { CompressionTypes } = loadKafkajs()
  switch (compression) {
    case 'none':
      return CompressionTypes.None
    case 'gzip':
      return CompressionTypes.GZIP
    case 'snappy':
      return CompressionTypes.Snappy
    case 'lz4':
      return CompressionTypes.LZ4
    case 'zstd':
      return CompressionTypes.ZSTD
  }
}

/** A client of kafkajs's own for one producer or admin, whose sockets can be closed under it. */
export function openClient(config: ClientConfig): { readonly kafka: Kafkajs.Kafka; readonly sockets: KafkaSockets } {
  const sockets = new KafkaSockets(config.connect)
  const { Kafka } = loadKafkajs()
  return { kafka: new Kafka(kafkaConfig(config, sockets)), sockets }
}

/**
 * Connections to the brokers, and the requests that kafkajs has no public call for. A broker that does not answer in
 * time, or answers what nobody can read, is hung up on: the next request connects anew.
 */
export class KafkaConnection {
  readonly #cluster: InternalCluster
  readonly #sockets: KafkaSockets
  readonly #requestTimeoutMs: number

  constructor(config: ClientConfig) {
    const kafkajs = loadKafkajs()
    const Cluster = load('kafkajs/src/cluster') as Constructor<object, InternalCluster>
    this.#sockets = new KafkaSockets(config.connect)
    this.#requestTimeoutMs = config.requestTimeoutMs
    const { logCreator: _logCreator, logLevel: _logLevel, ...rest } = kafkaConfig(config, this.#sockets)
    this.#cluster = new Cluster({
      ...rest,
      logger: new kafkajs.Kafka(kafkaConfig(config, this.#sockets)).logger(),
      metadataMaxAge: 300_000,
      allowAutoTopicCreation: false,
      isolationLevel: READ_COMMITTED,
    })
  }

  /** The leader of each partition, by partition. @throws {UnknownTopicError} and what `logErrorOf` makes of a failure. */
  async leaders(topic: string): Promise<readonly number[]> {
    const what = `looking up the topic "${topic}" failed`
    try {
      return await within(this.#leaders(topic), 2 * this.#requestTimeoutMs, noAnswer)
    } catch (error) {
      if (kafkaErrorTypes(error).includes('UNKNOWN_TOPIC_OR_PARTITION'))
        throw new UnknownTopicError(topic, { cause: error })
      if (brokerErrorsOf(error).length === 0) await this.#sockets.hangUp()
      throw logErrorOf(what, error)
    }
  }

  /** The first offset kept, and the last stable offset. */
  async offsets({ topic, partition }: TopicPartition, leader: number): Promise<{ beginning: number; end: number }> {
    return this.#ask(leader, async (broker) => {
      const list = async (timestamp: number) => {
        const topics = [{ topic, partitions: [{ partition, timestamp }] }]
        const { responses } = await broker.listOffsets({ isolationLevel: READ_COMMITTED, topics })
        return Number(responses[0]?.partitions[0]?.offset)
      }
      const [beginning, end] = [await list(EARLIEST), await list(LATEST)]
      return { beginning, end }
    })
  }

  async deleteRecords({ topic, partition }: TopicPartition, before: number, leader: number): Promise<void> {
    const topics = [{ topic, partitions: [{ partition, offset: `${before}` }] }]
    await this.#ask(leader, (broker) => broker.deleteRecords({ topics }))
  }

  /** One fetch of committed data from one broker; the broker waits up to `maxWaitMs` for the first byte. */
  async fetch(
    leader: number,
    positions: readonly Position[],
    limits: { readonly maxWaitMs: number; readonly maxBytes: number },
  ): Promise<readonly FetchedPartition[]> {
    return this.#ask(leader, async (broker) => {
      const newest = broker.versions?.[FETCH_API_KEY]?.maxVersion ?? 0
      if (newest < FETCH_VERSION) throw new Error(`the broker speaks Fetch ${newest}; Kafka 2.3 or newer is needed`)
      const encodeRequest = load('kafkajs/src/protocol/requests/fetch/v11/request') as (request: object) => unknown
      const request = encodeRequest({
        replicaId: -1,
        maxWaitTime: limits.maxWaitMs,
        minBytes: 1,
        maxBytes: MAX_RESPONSE_BYTES,
        isolationLevel: READ_COMMITTED,
        // The broker fills its answer in this order; whoever calls turns it, so that no partition starves.
        topics: positions.map(({ topic, partition, offset }) => ({
          topic,
          partitions: [{ partition, fetchOffset: offset, maxBytes: limits.maxBytes }],
        })),
      })
      const response = await broker.connectionPool.send({
        request,
        response: { decode: async (bytes) => decodeFetchResponse(bytes), parse: async (decoded) => decoded },
        requestTimeout: limits.maxWaitMs + this.#requestTimeoutMs,
      })
      const { errorCode, partitions } = response as ReturnType<typeof decodeFetchResponse> // decoded three lines above
      if (errorCode !== 0) throw brokerAnswered('fetching', brokerError(errorCode))
      return partitions
    })
  }

  /** The broker that coordinates the group now. */
  async groupCoordinator(groupId: string): Promise<GroupCoordinator> {
    await this.#cluster.connect()
    return this.#cluster.findGroupCoordinator({ groupId })
  }

  async disconnect(): Promise<void> {
    await this.#sockets.close() // a fetch that waits for data need not be waited for
    await this.#cluster.disconnect()
  }

  async #leaders(topic: string): Promise<readonly number[]> {
    await this.#cluster.connect()
    const broker = await this.#cluster.brokerPool.findConnectedBroker()
    const { topicMetadata } = await broker.metadata([topic])
    const partitions = topicMetadata.find((metadata) => metadata.topic === topic)?.partitionMetadata ?? []
    const leaders = partitions.toSorted((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader)
    const { brokers } = this.#cluster.brokerPool
    if (leaders.some((leader) => brokers[leader] === undefined)) await this.#cluster.brokerPool.refreshMetadata([topic])
    return leaders
  }

  async #ask<T>(leader: number, request: (broker: InternalBroker) => Promise<T>): Promise<T> {
    const ask = async () => request(await this.#cluster.findBroker({ nodeId: leader }))
    try {
      return await within(ask(), 2 * this.#requestTimeoutMs, noAnswer)
    } catch (error) {
      const broker = this.#cluster.brokerPool.brokers[leader]
      if (broker !== undefined && brokerErrorsOf(error).length === 0) await this.#sockets.hangUp(broker.connectionPool)
      throw error
    }
  }
}

const noAnswer = () => new Error('no answer')

/**
 * What kafkajs's own filter makes of the same answer, in place of `committedRecords`: only a test switches to it, to see
 * D1 and D2.
 */
export function committedByKafkajs(
  batches: readonly StoredBatch[],
  aborted: readonly AbortedTransaction[],
  from: number,
): { readonly records: readonly LogRecord[]; readonly nextOffset: number } {
  const filter = load('kafkajs/src/consumer/filterAbortedMessages') as (answer: {
    messages: readonly InternalMessage[]
    abortedTransactions: readonly { producerId: string; firstOffset: string }[]
  }) => readonly InternalMessage[]
  const messages = batches.flatMap(({ baseOffset, control, producerId, transactional, records }): InternalMessage[] => {
    const key = Buffer.from([0, 0, 0, control === 'abort' ? 0 : 1])
    const marker: LogRecord = { offset: baseOffset, key, value: key }
    return (control === undefined ? records : [marker]).map((record) => ({
      offset: `${record.offset}`,
      key: record.key,
      isControlRecord: control !== undefined,
      batchContext: { producerId: `${producerId}`, inTransaction: transactional },
      record,
    }))
  })
  const abortedTransactions = aborted.map(({ producerId, firstOffset }) => ({
    producerId: `${producerId}`,
    firstOffset: `${firstOffset}`,
  }))
  const records = filter({ messages, abortedTransactions })
    .filter(({ isControlRecord, record }) => !isControlRecord && record.offset >= from)
    .map(({ record }) => record)
  return { records, nextOffset: batches.reduce((next, { lastOffset }) => Math.max(next, lastOffset + 1), from) }
}

/** For whoever loads it from here on. */
function replace<T>(path: string, replacementOf: (own: T) => T): void {
  const own = load(path) as T // of the version that was checked
  const loadedModule = require.cache[require.resolve(path)]
  if (loadedModule !== undefined) loadedModule.exports = replacementOf(own)
}

function load(path: string): unknown {
  return require(path)
}
