import { CommitUnknownError, readRange, type EventLog, type NewRecord, type Producer } from '@tocsin/event-log'
import { retry } from '@tocsin/service-kit'

export interface FeedProducer {
  /**
   * Appends the records as one transaction, once: it is tried until it is done, and where a commit's outcome is not known
   * the log is read back before anything is written again. @throws an error that says `handling: 'stop'`
   */
  append(records: readonly NewRecord[]): Promise<void>
  close(): Promise<void>
}

export interface FeedProducerOptions {
  readonly log: EventLog
  readonly transactionalId: string
  readonly random: () => number
  readonly signal: AbortSignal
  /** Told of an error of the log that is tried again. */
  readonly onRetry: (error: unknown) => void
}

/** The one hand that writes a feed: whatever it appended before, and nobody else, can have been left open. */
export async function openFeedProducer(options: FeedProducerOptions): Promise<FeedProducer> {
  const { log, transactionalId, random, signal, onRetry } = options
  const again = { random, signal, onRetry }
  /** By topic and partition: below it is all that this producer is known to have committed. */
  const ends = new Map<string, number>()
  const placeOf = ({ topic, partition }: NewRecord) => `${topic}/${partition}`
  let producer: Producer = await retry(() => log.openProducer(transactionalId), again)

  /** An append is there whole or not at all, so its first record tells. */
  async function isCommitted({ topic, partition, value }: NewRecord, from: number, end: number): Promise<boolean> {
    for await (const { records } of readRange(log, { topic, partition, offset: from }, end))
      if (records.some((record) => Buffer.compare(record.value, value) === 0)) return true
    return false
  }

  return {
    async append(records) {
      const [first] = records
      if (first === undefined) return
      let isUnknown = false
      await retry(async () => {
        const from = ends.get(placeOf(first)) ?? (await log.offsets(first)).end
        ends.set(placeOf(first), from)
        if (isUnknown) {
          await producer.close() // of no more use, and its connections would stay
          producer = await log.openProducer(transactionalId)
          const { end } = await log.offsets(first)
          const isThere = await isCommitted(first, from, end)
          ends.set(placeOf(first), end)
          if (isThere) return
          isUnknown = false
        }
        try {
          for (const { topic, partition, offset } of await producer.append(records))
            ends.set(`${topic}/${partition}`, offset)
        } catch (error) {
          if (error instanceof CommitUnknownError) isUnknown = true
          throw error
        }
      }, again)
    },
    close: () => producer.close(),
  }
}
