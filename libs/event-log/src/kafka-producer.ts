import type { Kafka, Producer as KafkaJsProducer, ProducerBatch, TopicMessages, Transaction } from 'kafkajs'
import { CommitUnknownError, LogClosedError, ProducerFencedError, RecordTooLargeError } from './errors.ts'
import type { NewRecord, Position, Producer } from './event-log.ts'
import { kafkaErrorTypes, unavailable } from './kafka-errors.ts'
import { TRANSACTION_RETRY } from './kafka-internals.ts'

/** What a producer must know of a topic before it begins a transaction, so that a refusal costs nothing. */
export interface WritableTopic {
  readonly maxBatchBytes: number
}

/** An upper bound of what a record takes in a batch beside its key and value, and of a batch's header. */
const RECORD_OVERHEAD_BYTES = 32
const BATCH_OVERHEAD_BYTES = 128
/** Batches beyond this gain nothing, and a broker takes requests of 100 MB at most. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024
const MAX_REQUEST_BYTES = 32 * 1024 * 1024

/**
 * The owner of a transactional id. Each append is one transaction; its records go out in several requests where a
 * partition's share is over what a broker takes in one. After any failure it is of no more use: kafkajs then no longer
 * knows which sequence numbers the broker has seen, and a reused one is dropped as a duplicate, silently. Nor does it
 * begin again by itself, since that would fence the rightful owner: whoever holds the shard opens a new one.
 */
export class KafkaProducer implements Producer {
  readonly #producer: KafkaJsProducer
  readonly #transactionalId: string
  readonly #transactionTimeoutMs: number
  readonly #verify: (records: readonly NewRecord[]) => Promise<ReadonlyMap<string, WritableTopic>>
  readonly #onClose: () => void
  #appends: Promise<unknown> = Promise.resolve()
  #ended: Error | undefined

  /** Fences the earlier owner: kafkajs asks for the producer id with the first transaction, so one is begun and left. */
  static async open(
    kafka: Kafka,
    transactionalId: string,
    transactionTimeoutMs: number,
    verify: (records: readonly NewRecord[]) => Promise<ReadonlyMap<string, WritableTopic>>,
    onClose: (producer: KafkaProducer) => void,
  ): Promise<KafkaProducer> {
    const producer = kafka.producer({
      transactionalId,
      transactionTimeout: transactionTimeoutMs,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: TRANSACTION_RETRY,
      // Always explicit: a partitioner of kafkajs may choose another partition when it tries again.
      createPartitioner: () => (args) => args.message.partition ?? 0,
    })
    try {
      await producer.connect()
      await (await producer.transaction()).abort()
    } catch (error) {
      await producer.disconnect().catch(() => {})
      throw unavailable(`opening the producer "${transactionalId}" failed`, error)
    }
    return new KafkaProducer(producer, transactionalId, transactionTimeoutMs, verify, onClose)
  }

  private constructor(
    producer: KafkaJsProducer,
    transactionalId: string,
    transactionTimeoutMs: number,
    verify: (records: readonly NewRecord[]) => Promise<ReadonlyMap<string, WritableTopic>>,
    onClose: (producer: KafkaProducer) => void,
  ) {
    this.#producer = producer
    this.#transactionalId = transactionalId
    this.#transactionTimeoutMs = transactionTimeoutMs
    this.#verify = verify
    this.#onClose = () => onClose(this)
  }

  append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    const result = this.#appends.then(() => this.#append(records))
    this.#appends = result.catch(() => {}) // its caller has the error
    return result
  }

  async close(): Promise<void> {
    this.#ended ??= new LogClosedError('producer')
    this.#onClose()
    await this.#appends
    await this.#producer.disconnect()
  }

  async #append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    if (this.#ended) throw this.#ended
    const rounds = planRequests(records, await this.#verify(records))
    if (rounds.length === 0) return []
    const start = performance.now()
    try {
      return await this.#commit(rounds)
    } catch (error) {
      const types = kafkaErrorTypes(error)
      const refused = types.includes('INVALID_PRODUCER_EPOCH') || types.includes('PRODUCER_FENCED')
      // A broker ends a transaction that lasts too long in the same words, and nobody else need own the id.
      const timedOut = performance.now() - start >= this.#transactionTimeoutMs
      const ended = refused && !timedOut ? ProducerFencedError : CommitUnknownError
      this.#ended ??= new ended(this.#transactionalId, { cause: error })
      throw this.#ended
    }
  }

  async #commit(rounds: readonly ProducerBatch[]): Promise<readonly Position[]> {
    const transaction = await this.#producer.transaction()
    const ends = new Map<string, Position>()
    try {
      for (const round of rounds) await sendRound(transaction, round, ends)
    } catch (error) {
      await transaction.abort().catch(() => {}) // so that readers need not wait for the next owner; it does it otherwise
      throw error
    }
    await transaction.commit()
    return [...ends.values()]
  }
}

async function sendRound(transaction: Transaction, round: ProducerBatch, ends: Map<string, Position>): Promise<void> {
  const answers = await transaction.sendBatch(round)
  for (const { topicName: topic, partition, baseOffset } of answers) {
    const sent = round.topicMessages?.find((candidate) => candidate.topic === topic)?.messages ?? []
    const count = sent.filter((message) => message.partition === partition).length
    ends.set(`${topic}/${partition}`, { topic, partition, offset: Number(baseOffset) + count })
  }
}

/**
 * The records as requests, to be sent one after the other: each holds at most one batch of a partition, of a size that
 * its topic takes. @throws {RecordTooLargeError}
 */
export function planRequests(
  records: readonly NewRecord[],
  topics: ReadonlyMap<string, WritableTopic>,
): readonly ProducerBatch[] {
  const requests: { bytes: number; batches: Map<string, { bytes: number; records: NewRecord[] }> }[] = []
  const newest = new Map<string, number>() // by partition, the request that its last record is in
  for (const record of records) {
    const at = `${record.topic}/${record.partition}`
    const bytes = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + record.value.length
    const maxBytes = (topics.get(record.topic)?.maxBatchBytes ?? 0) - BATCH_OVERHEAD_BYTES
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
  return requests.map(({ batches }) => ({ acks: -1, topicMessages: toTopicMessages([...batches.values()]) }))
}

function toTopicMessages(batches: readonly { readonly records: readonly NewRecord[] }[]): TopicMessages[] {
  const byTopic = Map.groupBy(
    batches.flatMap((batch) => batch.records),
    ({ topic }) => topic,
  )
  return [...byTopic].map(([topic, records]) => ({
    topic,
    messages: records.map(({ partition, key, value }) => ({
      partition,
      key: key === null ? null : asBuffer(key),
      value: asBuffer(value),
    })),
  }))
}

/** kafkajs takes other bytes for text. No copy. */
const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength)
