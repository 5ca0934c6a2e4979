import type { Producer as KafkaJsProducer, ProducerBatch, TopicMessages, Transaction } from 'kafkajs'
import type { Compression } from './compression.ts'
import {
  CommitUnknownError,
  LogClosedError,
  LogUnavailableError,
  ProducerFencedError,
  ProducerSpentError,
  RecordTooLargeError,
} from './errors.ts'
import type { NewRecord, Position, Producer, TopicPartition } from './event-log.ts'
import { brokerErrorsOf, logErrorOf } from './kafka-errors.ts'
import {
  addPartitions,
  type ClientConfig,
  compressionType,
  loadKafkajs,
  openClient,
  sendRetry,
} from './kafka-internals.ts'
import type { KafkaSockets } from './kafka-sockets.ts'
import { worksAround } from './kafka-workarounds.ts'
import { within } from './within.ts'

/** What a producer must know of a topic before it begins a transaction, so that a refusal costs nothing. */
export interface WritableTopic {
  readonly maxBatchBytes: number
}

/**
 * Flink's words. `at-least-once` is there to be measured against, and no setting: records go out without a transaction,
 * acknowledged by all replicas, and the last of an append, which says that the others are there, after these. So a crash
 * leaves outputs that are made again, and nobody is fenced.
 */
export type DeliveryGuarantee = 'exactly-once' | 'at-least-once'

export interface KafkaProducerOptions {
  readonly delivery: DeliveryGuarantee
  readonly transactionalId: string
  /** The brokers end a transaction that lasts longer; an append that does has failed. */
  readonly transactionTimeoutMs: number
  readonly compression: Compression
  /** Throws for what cannot be written. */
  readonly verify: (records: readonly NewRecord[]) => Promise<ReadonlyMap<string, WritableTopic>>
  /** Before the sequence numbers of a partition have reached this. Default 2³¹ − 1; smaller in a test. */
  readonly sequenceLimit?: number | undefined
  readonly onFailure: () => void
  readonly onClose: (producer: Producer) => void
}

/** An upper bound of what a record takes in a batch beside its key and value, and of a batch's header. */
const RECORD_OVERHEAD_BYTES = 32
const BATCH_OVERHEAD_BYTES = 128
/** What cannot be made smaller grows by the headers of a compression's blocks: by less than this part. */
const INCOMPRESSIBLE_GROWTH = 1 / 200
/** Batches beyond this gain nothing, and a broker takes requests of 100 MB at most. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024
const MAX_REQUEST_BYTES = 32 * 1024 * 1024
/** Where kafkajs begins again with 0, which the brokers do not expect there. */
const SEQUENCE_LIMIT = 2 ** 31 - 1
const CLOSE_MS = 5_000

/**
 * The owner of a transactional id. Each append is one transaction; its records go out in several requests where a
 * partition's share is over what a broker takes in one. After any failure it is of no more use: kafkajs then no longer
 * knows which sequence numbers the broker has seen, and a reused one is dropped as a duplicate, silently. Nor does it
 * begin again by itself, since that would fence the rightful owner: whoever holds the shard opens a new one.
 */
export class KafkaProducer implements Producer {
  readonly #producer: KafkaJsProducer
  readonly #sockets: KafkaSockets
  readonly #options: KafkaProducerOptions
  /** By partition, the sequence number of its next record: brokers count each partition of a producer from 0. */
  readonly #sequences = new Map<string, number>()
  #appends: Promise<unknown> = Promise.resolve()
  /** Appends that have not come back. */
  #underWay = 0
  /** A transaction that was begun ahead of the next append. */
  #prepared: { readonly since: number; readonly transaction: Promise<Transaction> } | undefined
  /** Of the transaction under way: before, it is known not to be committed. */
  #asksCommit = false
  #ended: Error | undefined

  /** Fences the earlier owner: kafkajs asks for the producer id with the first transaction, so one is begun and left. */
  static async open(config: ClientConfig, options: KafkaProducerOptions): Promise<KafkaProducer> {
    const { kafka, sockets } = openClient(config)
    const producer = kafka.producer({
      ...(options.delivery === 'exactly-once'
        ? { transactionalId: options.transactionalId, transactionTimeout: options.transactionTimeoutMs }
        : { idempotent: true }),
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: sendRetry(),
      // kafkajs's own takes the partition that a message names, and is there for those that name none.
      createPartitioner: loadKafkajs().Partitioners.DefaultPartitioner,
    })
    const fence = async () => {
      await producer.connect()
      if (options.delivery === 'exactly-once' && worksAround('fence-at-open'))
        await (await producer.transaction()).abort()
    }
    const what = `opening the producer "${options.transactionalId}" failed`
    try {
      await within(fence(), 2 * config.requestTimeoutMs, () => new LogUnavailableError(`${what}: no answer`))
    } catch (error) {
      await sockets.close()
      throw logErrorOf(what, error)
    }
    return new KafkaProducer(producer, sockets, options)
  }

  private constructor(producer: KafkaJsProducer, sockets: KafkaSockets, options: KafkaProducerOptions) {
    this.#producer = producer
    this.#sockets = sockets
    this.#options = options
  }

  append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    if (!worksAround('one-transaction')) return this.#append(records)
    this.#underWay += 1
    const result = this.#appends.then(() => this.#append(records)).finally(() => (this.#underWay -= 1))
    this.#appends = result.catch(() => {}) // its caller has the error
    return result
  }

  /** A round trip to the coordinator, and what that writes of it, less to wait for at the append. */
  prepare(to: readonly TopicPartition[]): void {
    if (this.#options.delivery === 'at-least-once' || this.#ended || this.#prepared || this.#underWay > 0) return
    const begin = async () => {
      const transaction = await this.#producer.transaction()
      await addPartitions(this.#producer, to).catch(() => {}) // sending adds those that lack
      return transaction
    }
    this.#prepared = { since: performance.now(), transaction: begin() }
    this.#prepared.transaction.catch(() => {}) // the append has the error
  }

  async close(): Promise<void> {
    this.#ended ??= new LogClosedError('producer')
    this.#options.onClose(this)
    await this.#appends
    const disconnected = within(this.#producer.disconnect(), CLOSE_MS, () => new Error('no answer'))
    await disconnected.catch(() => {}) // its sockets are closed all the same
    await this.#sockets.close()
  }

  async #append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    if (this.#ended && worksAround('end-after-failure')) throw this.#ended
    const { verify, transactionTimeoutMs } = this.#options
    const topics = await verify(records)
    const plan = (some: readonly NewRecord[]) => planRequests(some, topics, this.#options.compression)
    const isOne = this.#options.delivery === 'exactly-once'
    const rounds = isOne ? plan(records) : [...plan(records.slice(0, -1)), ...plan(records.slice(-1))]
    if (rounds.length === 0) return []
    this.#countSequences(records)
    const start = this.#prepared?.since ?? performance.now()
    try {
      // What the brokers have not heard of for so long they abort.
      return await within(isOne ? this.#commit(rounds) : this.#send(rounds), transactionTimeoutMs, () => {
        void this.#sockets.close()
        return new Error(`no answer in ${transactionTimeoutMs} ms`)
      })
    } catch (error) {
      throw this.#end(error, performance.now() - start)
    }
  }

  #end(error: unknown, durationMs: number): Error {
    const { transactionalId, transactionTimeoutMs, onFailure } = this.#options
    onFailure()
    // A broker ends a transaction that lasts too long in the words it has for one who was fenced.
    const isFenced = brokerErrorsOf(error).some(({ fate }) => fate === 'fenced') && durationMs < transactionTimeoutMs
    const reason = logErrorOf(`a transaction of "${transactionalId}" failed`, error)
    if (isFenced) this.#ended ??= new ProducerFencedError(transactionalId, { cause: error })
    else if (!this.#asksCommit && reason.handling === 'stop') this.#ended ??= reason
    else this.#ended ??= new CommitUnknownError(transactionalId, { cause: error })
    return this.#ended
  }

  /** @throws {ProducerSpentError} long before kafkajs would count on from the wrong number. */
  #countSequences(records: readonly NewRecord[]): void {
    const { transactionalId, sequenceLimit = SEQUENCE_LIMIT } = this.#options
    const nameOf = placeNames()
    for (const record of records) {
      const { topic, partition } = record
      const at = nameOf(record)
      const next = (this.#sequences.get(at) ?? 0) + 1
      if (next > sequenceLimit && worksAround('end-before-wrap')) {
        this.#ended = new ProducerSpentError({ transactionalId, topic, partition })
        throw this.#ended
      }
      this.#sequences.set(at, next)
    }
  }

  async #send(rounds: readonly ProducerBatch[]): Promise<readonly Position[]> {
    const ends = new Map<string, Position>()
    const compression = compressionType(this.#options.compression)
    for (const round of rounds) await sendRound(this.#producer, { ...round, compression }, ends)
    return [...ends.values()]
  }

  async #commit(rounds: readonly ProducerBatch[]): Promise<readonly Position[]> {
    const transaction = await (this.#prepared?.transaction ?? this.#producer.transaction())
    this.#prepared = undefined
    const ends = new Map<string, Position>()
    try {
      const compression = compressionType(this.#options.compression)
      for (const round of rounds) await sendRound(transaction, { ...round, compression }, ends)
    } catch (error) {
      await transaction.abort().catch(() => {}) // so that readers need not wait for the next owner; it does it otherwise
      throw error
    }
    this.#asksCommit = true
    await transaction.commit()
    this.#asksCommit = false
    return [...ends.values()]
  }
}

async function sendRound(
  to: Pick<KafkaJsProducer, 'sendBatch'>,
  round: ProducerBatch,
  ends: Map<string, Position>,
): Promise<void> {
  const answers = await to.sendBatch(round)
  if (worksAround('whole-answer')) verifyAnswers(round, answers)
  for (const { topicName: topic, partition, baseOffset } of answers) {
    const sent = round.topicMessages?.find((candidate) => candidate.topic === topic)?.messages ?? []
    const count = sent.filter((message) => message.partition === partition).length
    ends.set(`${topic}/${partition}`, { topic, partition, offset: Number(baseOffset) + count })
  }
}

/**
 * That each partition was answered for, once. When one of several brokers fails, kafkajs sends again to those that have
 * not answered; a partition that has a new leader by then is left out if that one had answered, and is sent twice if the
 * old one had.
 */
export function verifyAnswers(
  round: ProducerBatch,
  answers: readonly { readonly topicName: string; readonly partition: number }[],
): void {
  const sent = (round.topicMessages ?? []).flatMap(({ topic, messages }) =>
    messages.map(({ partition }) => `${topic}/${partition}`),
  )
  const answered = answers.map(({ topicName, partition }) => `${topicName}/${partition}`)
  const isWhole = new Set(sent).size === answered.length && answered.every((at) => sent.includes(at))
  if (!isWhole)
    throw new LogUnavailableError(`leaders moved while records were sent to ${[...new Set(sent)].join(', ')}`)
}

/** Of one record after the other: most go where the one before them went, and a text takes longer to make than to keep. */
function placeNames(): (record: TopicPartition) => string {
  let last: TopicPartition = { topic: '', partition: -1 }
  let name = ''
  return (record) => {
    if (record.partition !== last.partition || record.topic !== last.topic) name = `${record.topic}/${record.partition}`
    last = record
    return name
  }
}

/**
 * The records as requests, to be sent one after the other: each holds at most one batch of a partition, of a size that
 * its topic takes. @throws {RecordTooLargeError}
 */
export function planRequests(
  records: readonly NewRecord[],
  topics: ReadonlyMap<string, WritableTopic>,
  compression: Compression = 'none',
): readonly ProducerBatch[] {
  const growth = compression === 'none' ? 0 : INCOMPRESSIBLE_GROWTH
  const requests: { bytes: number; batches: Map<string, { bytes: number; records: NewRecord[] }> }[] = []
  const newest = new Map<string, number>() // by partition, the request that its last record is in
  const nameOf = placeNames()
  for (const record of records) {
    const at = nameOf(record)
    const bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + record.value.length
    const limit = topics.get(record.topic)?.maxBatchBytes ?? 0
    const maxBytes = Math.floor(limit * (1 - growth)) - BATCH_OVERHEAD_BYTES
    if (bytes > maxBytes) throw new RecordTooLargeError({ topic: record.topic, bytes, maxBytes })
    for (let index = newest.get(at) ?? 0; ; index++) {
      const request = (requests[index] ??= { bytes: 0, batches: new Map() })
      const batch = request.batches.get(at) ?? { bytes: 0, records: [] }
      const full = batch.bytes + bytes > Math.min(maxBytes, MAX_BATCH_BYTES) && batch.records.length > 0
      if (full || (request.bytes + bytes > MAX_REQUEST_BYTES && request.bytes > 0)) continue
      batch.records.push(record)
      batch.bytes += bytes
      request.bytes += bytes
      request.batches.set(at, batch)
      newest.set(at, index)
      break
    }
  }
  return requests.map(({ batches }) => ({
    acks: -1,
    topicMessages: toTopicMessages([...batches.values()]),
  }))
}

function toTopicMessages(batches: readonly { readonly records: readonly NewRecord[] }[]): TopicMessages[] {
  const byTopic = Map.groupBy(
    batches.flatMap((batch) => batch.records),
    ({ topic }) => topic,
  )
  // Always explicit: a partitioner may choose another one when a send is tried again.
  const isExplicit = worksAround('explicit-partition')
  return [...byTopic].map(([topic, records]) => ({
    topic,
    messages: records.map(({ partition, key, value }) => ({
      ...(isExplicit ? { partition } : {}),
      key: key === null ? null : asBuffer(key),
      value: asBuffer(value),
    })),
  }))
}

/** kafkajs takes other bytes for text. No copy. */
const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength)
