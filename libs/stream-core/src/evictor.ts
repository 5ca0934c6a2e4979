import type { DurationMs, Timestamp } from './time.ts'
import type { TimeWindow } from './time-window.ts'
import { WindowShapeError } from './window.ts'

/** An element as a window keeps it for its evictor. Source: Flink's TimestampedValue. */
export interface TimestampedValue<T> {
  readonly value: T
  readonly timestamp: Timestamp
}

/** What an evictor may know of time when a window fires. Source: Flink's EvictorContext. */
export interface EvictorContext {
  readonly currentWatermark: Timestamp
  /** As the journaled clock shows it. */
  readonly currentProcessingTime: Timestamp
}

/**
 * Drops elements of a window that fires: before its function sees them, after, or both. Each method gives those that
 * stay, of the elements in order of their arrival. Source: Flink's Evictor.
 */
export interface Evictor<T> {
  /** For people. */
  readonly name: string
  evictBefore?(
    elements: readonly TimestampedValue<T>[],
    window: TimeWindow,
    ctx: EvictorContext,
  ): readonly TimestampedValue<T>[]
  evictAfter?(
    elements: readonly TimestampedValue<T>[],
    window: TimeWindow,
    ctx: EvictorContext,
  ): readonly TimestampedValue<T>[]
}

/** For the evictors that come along. */
export interface EvictorOptions {
  /** Whether it evicts before the window function or after it. Default `before`. */
  readonly when?: 'before' | 'after'
}

type Evict<T> = (elements: readonly TimestampedValue<T>[]) => readonly TimestampedValue<T>[]

const evictor = <T>(name: string, evict: Evict<T>, { when = 'before' }: EvictorOptions): Evictor<T> =>
  when === 'before' ? { name, evictBefore: evict } : { name: `${name}, after`, evictAfter: evict }

/** Keeps the newest `count` arrivals. Source: Flink's CountEvictor. @throws {WindowShapeError} */
export const countEvictor = <T>(count: number, options: EvictorOptions = {}): Evictor<T> => {
  if (!Number.isSafeInteger(count) || count < 0) throw new WindowShapeError(`A count of ${count} cannot be.`)
  return evictor(`count ${count}`, (elements) => elements.slice(Math.max(elements.length - count, 0)), options)
}

/**
 * Keeps the elements less than `keep` ms older than the newest by timestamp. Source: Flink's TimeEvictor.
 * @throws {WindowShapeError}
 */
export const timeEvictor = <T>(keep: DurationMs, options: EvictorOptions = {}): Evictor<T> => {
  if (!Number.isSafeInteger(keep) || keep < 0) throw new WindowShapeError(`A time to keep of ${keep} ms cannot be.`)
  return evictor(
    `time ${keep} ms`,
    (elements) => {
      const newest = elements.reduce((latest, { timestamp }) => Math.max(latest, timestamp), -Infinity)
      return elements.filter(({ timestamp }) => timestamp > newest - keep)
    },
    options,
  )
}

/** Keeps the elements whose `delta` to the last arrival is below `threshold`. Source: Flink's DeltaEvictor. */
export const deltaEvictor = <T>(
  threshold: number,
  delta: (element: T, last: T) => number,
  options: EvictorOptions = {},
): Evictor<T> =>
  evictor(
    `delta ${threshold}`,
    (elements) => {
      const last = elements.at(-1)
      return last === undefined ? elements : elements.filter(({ value }) => delta(value, last.value) < threshold)
    },
    options,
  )
