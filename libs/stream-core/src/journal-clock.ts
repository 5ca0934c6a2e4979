import { EventLogError, type EventLog, type Producer, type TopicPartition } from '@tocsin/event-log'
import { encodeClock } from './clock.ts'
import { nodeEventLoop, type EventLoop } from './task/event-loop.ts'
import type { DurationMs, Timestamp } from './time.ts'

/** Where a clock is written, and how often. */
export interface JournalClockOptions {
  readonly log: EventLog
  /**
   * Where the clock is written: partition 0 of a topic of its own, or each partition of a topic whose silence it shall
   * tell from its slowness (`withIdleness`). All get the same record in one transaction.
   */
  readonly partitions: readonly TopicPartition[]
  /** One writer at a time: a second one with this id ends the first. */
  readonly transactionalId: string
  /** Wall-clock time, ms since 1970. Where it goes back, what is journaled stands still. */
  readonly clock: () => Timestamp
  readonly intervalMs: DurationMs
  /** Default: Node's. */
  readonly eventLoop?: Pick<EventLoop, 'wait'>
}

/**
 * Writes what a clock shows into the log, at once and then every `intervalMs`, until `signal` aborts. It is the only way
 * in which processing time comes into a job: read from the log, time is the same in every replay. What the log cannot do
 * at the moment is tried again at the next interval, with the time of then.
 * @throws {ProducerFencedError} if another writer with this id began. @throws {UnknownTopicError}
 */
export const journalClock = async (options: JournalClockOptions, signal: AbortSignal): Promise<void> => {
  const { log, partitions, transactionalId, clock, intervalMs, eventLoop = nodeEventLoop } = options
  let producer: Producer | null = null
  let shown: Timestamp | null = null
  try {
    while (!signal.aborted) {
      const time = Math.floor(clock())
      try {
        producer ??= await log.openProducer(transactionalId)
        if (shown === null || time > shown) {
          await producer.append(partitions.map((at) => ({ ...at, key: null, value: encodeClock(time) })))
          shown = time
        }
      } catch (error) {
        if (!(error instanceof EventLogError) || error.handling !== 'retry') throw error
        // Whether it was written does not matter, the next record says more; but the producer may be of no more use.
        await producer?.close().catch(() => undefined)
        producer = null
      }
      await eventLoop.wait(intervalMs, signal)
    }
  } finally {
    await producer?.close()
  }
}
