import { createRequire } from 'node:module'
import { crc32c } from '@node-rs/crc32'
import type Kafkajs from 'kafkajs'
import { compress, compressions, decompress } from './compression.ts'
import { LogUnavailableError } from './errors.ts'
import type { LogRecord, Position, TopicPartition } from './event-log.ts'
import { decodeFetchResponse, type FetchedPartition } from './fetch-response.ts'
import { worksAround } from './kafka-workarounds.ts'
import type { AbortedTransaction, StoredBatch } from './record-batch.ts'

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
  readonly connectionPool: { send(request: InternalRequest): Promise<unknown> }
  metadata(topics: readonly string[]): Promise<InternalMetadata>
  deleteRecords(request: {
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }): Promise<unknown>
  listOffsets(request: {
    isolationLevel: number
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[]
  }): Promise<{ responses: { partitions: { offset: string }[] }[] }>
  disconnect(): Promise<void>
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
export const TRANSACTION_RETRY = { initialRetryTime: 3, factor: 0.2, multiplier: 1.2, maxRetryTime: 50, retries: 300 }
const CONNECTION_RETRY = { initialRetryTime: 50, factor: 0.2, multiplier: 2, maxRetryTime: 500, retries: 4 }

const READ_COMMITTED = 1
const FETCH_API_KEY = 1
const FETCH_VERSION = 11
const EARLIEST = -2
const LATEST = -1
const MAX_RESPONSE_BYTES = 64 * 1024 * 1024

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
  load('kafkajs/src/protocol/recordBatch/crc32C')
  const checksum = require.cache[require.resolve('kafkajs/src/protocol/recordBatch/crc32C')]
  if (checksum !== undefined) checksum.exports = (bytes: Buffer) => crc32c(bytes)
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
    get: () => (worksAround('short-init-waits') ? TRANSACTION_RETRY : undefined),
  })
  // An idle connection arms a timer of a negative delay, so every millisecond, for ever: 4.5 % of a core.
  const queue = (load('kafkajs/src/network/requestQueue') as { prototype: InternalRequestQueue }).prototype
  const schedule = queue.scheduleCheckPendingRequests
  queue.scheduleCheckPendingRequests = function (this: InternalRequestQueue) {
    const isIdle = this.pending.length === 0 && this.throttledUntil <= Date.now()
    if (!isIdle || !worksAround('quiet-idle-timer')) schedule.call(this)
  }
  return load('kafkajs') as typeof Kafkajs
}

/** Connections to the brokers, and the requests that kafkajs has no public call for. */
export class KafkaConnection {
  readonly #cluster: InternalCluster

  constructor(config: Pick<Kafkajs.KafkaConfig, 'brokers' | 'clientId' | 'ssl' | 'sasl'>, logger: unknown) {
    loadKafkajs()
    const Cluster = load('kafkajs/src/cluster') as Constructor<object, InternalCluster>
    const socketFactory = load('kafkajs/src/network/socketFactory') as () => unknown
    this.#cluster = new Cluster({
      ...config,
      logger,
      socketFactory: socketFactory(),
      connectionTimeout: 5_000,
      requestTimeout: 30_000,
      enforceRequestTimeout: true,
      retry: CONNECTION_RETRY,
      metadataMaxAge: 300_000,
      allowAutoTopicCreation: false,
      isolationLevel: READ_COMMITTED,
    })
  }

  /** The leader of each partition, by partition. Rejects with UNKNOWN_TOPIC_OR_PARTITION for an unknown topic. */
  async leaders(topic: string): Promise<readonly number[]> {
    await this.#cluster.connect()
    const broker = await this.#cluster.brokerPool.findConnectedBroker()
    const { topicMetadata } = await broker.metadata([topic])
    const partitions = topicMetadata.find((metadata) => metadata.topic === topic)?.partitionMetadata ?? []
    const leaders = partitions.toSorted((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader)
    const { brokers } = this.#cluster.brokerPool
    if (leaders.some((leader) => brokers[leader] === undefined)) await this.#cluster.brokerPool.refreshMetadata([topic])
    return leaders
  }

  /** The broker that coordinates the group now. */
  async groupCoordinator(groupId: string): Promise<GroupCoordinator> {
    await this.#cluster.connect()
    return this.#cluster.findGroupCoordinator({ groupId })
  }

  /** The first offset kept, and the last stable offset. */
  async offsets({ topic, partition }: TopicPartition, leader: number): Promise<{ beginning: number; end: number }> {
    const broker = await this.#cluster.findBroker({ nodeId: leader })
    const list = async (timestamp: number) => {
      const topics = [{ topic, partitions: [{ partition, timestamp }] }]
      const { responses } = await broker.listOffsets({ isolationLevel: READ_COMMITTED, topics })
      return Number(responses[0]?.partitions[0]?.offset)
    }
    const [beginning, end] = [await list(EARLIEST), await list(LATEST)]
    return { beginning, end }
  }

  async deleteRecords({ topic, partition }: TopicPartition, before: number, leader: number): Promise<void> {
    const broker = await this.#cluster.findBroker({ nodeId: leader })
    await broker.deleteRecords({ topics: [{ topic, partitions: [{ partition, offset: `${before}` }] }] })
  }

  /** One fetch of committed data from one broker; the broker waits up to `maxWaitMs` for the first byte. */
  async fetch(
    leader: number,
    positions: readonly Position[],
    limits: { readonly maxWaitMs: number; readonly maxBytes: number },
  ): Promise<readonly FetchedPartition[]> {
    const broker = await this.#cluster.findBroker({ nodeId: leader })
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
    try {
      const response = await broker.connectionPool.send({
        request,
        response: { decode: async (bytes) => decodeFetchResponse(bytes), parse: async (decoded) => decoded },
        requestTimeout: limits.maxWaitMs + 30_000,
      })
      const { errorCode, partitions } = response as ReturnType<typeof decodeFetchResponse> // decoded three lines above
      if (errorCode !== 0) throw new Error(`the broker answered a fetch with error ${errorCode}`)
      return partitions
    } catch (error) {
      // As kafkajs does around each of its own requests: the next one then connects anew.
      if (error instanceof Error && error.name === 'KafkaJSConnectionClosedError') await broker.disconnect()
      throw error
    }
  }

  async disconnect(): Promise<void> {
    await this.#cluster.disconnect()
  }
}

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

function load(path: string): unknown {
  return require(path)
}
