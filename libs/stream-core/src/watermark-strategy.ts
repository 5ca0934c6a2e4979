import { minTimestamp, type DurationMs, type Timestamp } from './time.ts'
import { TopologyError } from './topology.ts'

/**
 * Where an input's watermarks come from. Beside each of them, `watermark` and `sealed` records of the log count too. A
 * watermark belongs to a partition; that of a source is the lowest of its partitions that are not idle.
 */
export type WatermarkStrategy<T = unknown> =
  | EventTimeStrategy<T>
  /** Its log holds `clock` records alone: it takes no part in watermarks, and each record stands at its time. */
  | { readonly type: 'clock'; readonly idleTimeout?: never; readonly maxDrift?: never }

/** How event time is known, and what follows from it for reading. */
export type EventTimeStrategy<T = unknown> = Generator<T> & {
  /** See `withIdleness`. */
  readonly idleTimeout?: DurationMs
  /** See `withAlignment`. */
  readonly maxDrift?: DurationMs
}

type Generator<T> =
  /** From `watermark` and `sealed` records alone. */
  | { readonly type: 'in-log' }
  /** After each element: highest timestamp − `delay` − 1. Source: Flink's BoundedOutOfOrdernessWatermarks. */
  | { readonly type: 'bounded-out-of-orderness'; readonly delay: DurationMs }
  /** After each element: highest timestamp − 1. Source: Flink's AscendingTimestampsWatermarks. */
  | { readonly type: 'ascending' }
  /**
   * After each element: what `watermarkOf` says, or nothing if that is null. It must be pure; where it throws the element
   * counts, and a dead letter tells of it. Source: a WatermarkGenerator of Flink's that emits in onEvent.
   */
  | {
      readonly type: 'punctuated'
      readonly watermarkOf: (element: T, timestamp: Timestamp) => Timestamp | null
    }

/**
 * Lets a partition be idle once the clock that is journaled in it (`journalClock`, on every partition of the topic) has
 * run on for more than `timeout` without another record: watermarks go on without it, and others' elements are taken up
 * to what its clock shows. All of it is a function of the partition's own log, so a replay is exact.
 * Source: Flink's WatermarksWithIdleness. Differs: the time is the journaled one, and a writer that knows of its silence
 * can say so at once by an `idle` record.
 * @throws {TopologyError} if `timeout` is not above 0.
 */
export const withIdleness = <T>(strategy: EventTimeStrategy<T>, timeout: DurationMs): EventTimeStrategy<T> => {
  if (!(timeout > 0)) throw new TopologyError(`An input cannot be idle after ${timeout} ms; the time-out is above 0.`)
  return { ...strategy, idleTimeout: timeout }
}

/**
 * Lets a partition be read no further while it was read to more than `maxDrift` after the place of an input that it must
 * wait for: what is read and cannot be taken yet stays small, however far one log is behind another. It changes no
 * result. Source: Flink's withWatermarkAlignment, with all inputs of a task as the group.
 * @throws {TopologyError} if `maxDrift` is below 0.
 */
export const withAlignment = <T>(strategy: EventTimeStrategy<T>, maxDrift: DurationMs): EventTimeStrategy<T> => {
  if (!(maxDrift >= 0)) throw new TopologyError(`Inputs cannot drift by ${maxDrift} ms; it is 0 or above.`)
  return { ...strategy, maxDrift }
}

/** @throws {TopologyError} if a strategy cannot be meant. */
export const verifyWatermarkStrategy = (uid: string, strategy: WatermarkStrategy): void => {
  if (strategy.type === 'bounded-out-of-orderness' && !(strategy.delay >= 0)) {
    throw new TopologyError(`The watermarks of source "${uid}" are delayed by ${strategy.delay} ms; it is 0 or above.`)
  }
}

/**
 * The watermark that follows an element, or null; `highest` is the highest timestamp of its partition before it. Never
 * below the ones before: what a user's function says may be, and is passed over.
 */
export const watermarkAfter = (
  strategy: WatermarkStrategy,
  element: { readonly value: unknown; readonly timestamp: Timestamp },
  highest: Timestamp,
): Timestamp | null => {
  const { value, timestamp } = element
  switch (strategy.type) {
    case 'bounded-out-of-orderness':
      return timestamp > highest ? Math.max(timestamp - strategy.delay - 1, minTimestamp) : null
    case 'ascending':
      return timestamp > highest ? timestamp - 1 : null
    case 'punctuated':
      return strategy.watermarkOf(value, timestamp)
    case 'in-log':
    case 'clock':
      return null
  }
}
