import type { TimeDomain } from './process-function.ts'
import { maxTimestamp, requireTimestamp, type DurationMs, type Timestamp } from './time.ts'
import { globalWindow, windowStart, type TimeWindow } from './time-window.ts'

/** Windows at fixed places: each has a size and an offset from the epoch. */
export type AlignedWindowAssigner =
  | { readonly type: 'tumbling'; readonly time: TimeDomain; readonly size: DurationMs; readonly offset: DurationMs }
  | {
      readonly type: 'sliding'
      readonly time: TimeDomain
      readonly size: DurationMs
      readonly slide: DurationMs
      readonly offset: DurationMs
    }
  | {
      readonly type: 'cumulative'
      readonly time: TimeDomain
      readonly size: DurationMs
      readonly step: DurationMs
      readonly offset: DurationMs
    }

/** Puts each element into windows. Made by `tumbling`, `sliding`, `cumulative`, `session`, `global` and `windowsBy`. */
export type WindowAssigner<T = unknown> =
  | AlignedWindowAssigner
  | {
      readonly type: 'session'
      readonly time: TimeDomain
      /** In ms, above 0. */
      readonly gap: DurationMs | ((element: T) => DurationMs)
    }
  | { readonly type: 'global'; readonly time: 'event'; readonly firesAtEnd: boolean }
  | {
      readonly type: 'custom'
      readonly time: TimeDomain
      readonly name: string
      readonly merges: boolean
      readonly assign: (element: T, timestamp: Timestamp) => readonly TimeWindow[]
    }

/** A size, slide, step, gap or offset that gives no windows. */
export class WindowShapeError extends Error {
  readonly code = 'STREAM_WINDOW_SHAPE'
  readonly handling = 'stop'
  readonly remedy =
    'Give sizes, slides, steps and gaps in whole ms above 0, an offset smaller than the slide, and a size of whole steps.'
}

/** The gap of an element is none. */
export class SessionGapError extends Error {
  readonly code = 'STREAM_SESSION_GAP'
  readonly handling = 'dead-letter'
  readonly remedy = 'Let the gap of every element be whole ms above 0.'
}

const isWhole = (...all: readonly number[]): boolean => all.every((ms) => Number.isSafeInteger(ms))

/** Windows of `size`, one after the other, aligned to the epoch plus `offset`. @throws {WindowShapeError} */
export const tumbling = (size: DurationMs, offset: DurationMs = 0): AlignedWindowAssigner => {
  if (!isWhole(size, offset) || size <= 0 || Math.abs(offset) >= size) {
    throw new WindowShapeError(`A tumbling window of size ${size} and offset ${offset} ms cannot be.`)
  }
  return { type: 'tumbling', time: 'event', size, offset }
}

/**
 * Windows of `size`, a new one every `slide`. Size 5 s and slide 3 s put t = 7 s into [6, 11) and [3, 8). With a slide
 * above the size there are gaps, whose elements belong to no window. @throws {WindowShapeError}
 */
export const sliding = (size: DurationMs, slide: DurationMs, offset: DurationMs = 0): AlignedWindowAssigner => {
  if (!isWhole(size, slide, offset) || size <= 0 || slide <= 0 || Math.abs(offset) >= slide) {
    throw new WindowShapeError(`A window of size ${size}, slide ${slide} and offset ${offset} ms cannot be.`)
  }
  return { type: 'sliding', time: 'event', size, slide, offset }
}

/**
 * Windows that begin together every `size` and end one `step` after the other: with a day by the hour, t = 22:30 falls
 * into [0:00, 23:00) and [0:00, 24:00). `size` is of whole steps.
 * Source: Flink SQL's CUMULATE. @throws {WindowShapeError}
 */
export const cumulative = (size: DurationMs, step: DurationMs, offset: DurationMs = 0): AlignedWindowAssigner => {
  if (!isWhole(size, step, offset) || size <= 0 || step <= 0 || size % step !== 0 || Math.abs(offset) >= size) {
    throw new WindowShapeError(`Windows up to ${size} by steps of ${step} and offset ${offset} ms cannot be.`)
  }
  return { type: 'cumulative', time: 'event', size, step, offset }
}

/**
 * A window holds elements of which none is more than `gap` after the one before, and ends `gap` after the last; elements
 * exactly `gap` apart share one. `gap` may be asked of each element: then it says how long after it another still
 * belongs to it. Source: Flink's EventTimeSessionWindows. @throws {WindowShapeError}
 */
export const session = <T = unknown>(gap: DurationMs | ((element: T) => DurationMs)): WindowAssigner<T> => {
  if (typeof gap === 'number' && (!isWhole(gap) || gap <= 0)) {
    throw new WindowShapeError(`A session with a gap of ${gap} ms cannot be.`)
  }
  return { type: 'session', time: 'event', gap }
}

/**
 * One window for all of a key's elements. It fires when its trigger says so, which by default is never, or, with
 * `firesAtEnd`, when the input ends. Source: Flink's GlobalWindows.
 */
export const global = (options: { readonly firesAtEnd?: boolean } = {}): WindowAssigner => ({
  type: 'global',
  time: 'event',
  firesAtEnd: options.firesAtEnd ?? false,
})

/**
 * Windows of your own: `assign` gives those of an element, by it and its timestamp alone. With `merges`, windows that
 * intersect become one, as sessions do. Bounds are whole ms. `name` is for people.
 */
export const windowsBy = <T>(options: {
  readonly name: string
  readonly merges?: boolean
  readonly assign: (element: T, timestamp: Timestamp) => readonly TimeWindow[]
}): WindowAssigner<T> => ({ type: 'custom', time: 'event', merges: false, ...options })

/**
 * The same windows over the time at which elements are processed, as the job's journaled clock shows it: their own
 * timestamps do not count and none is late. Before the first clock record that time is 0; without clock records it
 * stands still. A global window has no time and stays what it is. Source: Flink's TumblingProcessingTimeWindows and the
 * like.
 */
export const inProcessingTime = <T = unknown>(assigner: WindowAssigner<T>): WindowAssigner<T> =>
  assigner.type === 'global' ? assigner : { ...assigner, time: 'processing' }

/** Whether windows that intersect become one. */
export const isMerging = (assigner: WindowAssigner<never>): boolean =>
  assigner.type === 'session' || (assigner.type === 'custom' && assigner.merges)

/** For people: the kind and its measures. */
export const describeWindows = (assigner: WindowAssigner<never>): string => {
  const domain = assigner.time === 'processing' ? ' of processing time' : ''
  switch (assigner.type) {
    case 'tumbling':
      return `tumbling ${assigner.size} ms${domain}`
    case 'sliding':
      return `sliding ${assigner.size} ms by ${assigner.slide} ms${domain}`
    case 'cumulative':
      return `cumulative up to ${assigner.size} ms by ${assigner.step} ms${domain}`
    case 'session':
      return typeof assigner.gap === 'number' ? `session, gap ${assigner.gap} ms${domain}` : `session${domain}`
    case 'global':
      return 'global'
    case 'custom':
      return `${assigner.name}${domain}`
  }
}

/**
 * The session of one element alone. What a global window emits stands at the end of time; it shares the last session
 * that can end.
 */
export const sessionWindow = (timestamp: Timestamp, gap: DurationMs): TimeWindow => ({
  start: Math.min(timestamp, maxTimestamp - 1),
  end: Math.min(timestamp + gap, maxTimestamp),
})

/**
 * The windows of an element, newest first; `timestamp` is of the assigner's kind of time.
 * @throws {SessionGapError} if the element's own gap cannot be @throws {NoTimestampError}
 */
export const assignWindows = <T>(
  assigner: WindowAssigner<T>,
  element: T,
  timestamp: Timestamp,
): readonly TimeWindow[] => {
  const isOwn = assigner.type === 'global' || assigner.type === 'custom'
  if (assigner.time === 'event' && !isOwn) requireTimestamp(timestamp)
  switch (assigner.type) {
    case 'tumbling':
      return slidingWindows(timestamp, assigner.size, assigner.size, assigner.offset)
    case 'sliding':
      return slidingWindows(timestamp, assigner.size, assigner.slide, assigner.offset)
    case 'cumulative':
      return cumulativeWindows(timestamp, assigner.size, assigner.step, assigner.offset)
    case 'session': {
      const gap = typeof assigner.gap === 'number' ? assigner.gap : assigner.gap(element)
      if (!isWhole(gap) || gap <= 0) throw new SessionGapError(`An element asks for a session gap of ${gap} ms.`)
      return [sessionWindow(timestamp, gap)]
    }
    case 'global':
      return [globalWindow]
    case 'custom':
      return assigner.assign(element, timestamp)
  }
}

/**
 * The windows that hold `timestamp`, newest first: half-open `[start, end)`, aligned to the epoch plus `offset`,
 * negative times too. Size 5 s and slide 3 s put t = 7 s into [6, 11) and [3, 8).
 * Source: Flink's SlidingEventTimeWindows.
 */
export function slidingWindows(
  timestamp: Timestamp,
  size: DurationMs,
  slide: DurationMs,
  offset: DurationMs = 0,
): readonly TimeWindow[] {
  const windows: TimeWindow[] = []
  const newest = windowStart(timestamp, offset, slide)
  for (let start = newest; start > timestamp - size; start -= slide) windows.push({ start, end: start + size })
  return windows
}

/** As `slidingWindows`, of windows that begin together. Source: Flink's CumulativeWindowAssigner. */
const cumulativeWindows = (
  timestamp: Timestamp,
  size: DurationMs,
  step: DurationMs,
  offset: DurationMs,
): readonly TimeWindow[] => {
  const windows: TimeWindow[] = []
  const start = windowStart(timestamp, offset, size)
  for (let end = start + size; end > timestamp; end -= step) windows.push({ start, end })
  return windows
}
