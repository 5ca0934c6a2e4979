import type { DurationMs, Timestamp } from './time.ts'

/** Half-open `[start, end)`. Its results carry the timestamp `end − 1`. Source: Flink's TimeWindow. */
export interface TimeWindow {
  readonly start: Timestamp
  readonly end: Timestamp
}

export type WindowAssigner =
  | { readonly type: 'tumbling'; readonly size: DurationMs; readonly offset: DurationMs }
  | { readonly type: 'sliding'; readonly size: DurationMs; readonly slide: DurationMs; readonly offset: DurationMs }

/** Windows of `size`, one after the other, aligned to the epoch plus `offset`. */
export const tumbling = (size: DurationMs, offset: DurationMs = 0): WindowAssigner => ({
  type: 'tumbling',
  size,
  offset,
})
/** Windows of `size`, a new one every `slide`. Size 5 s and slide 3 s put t = 7 s into [6, 11) and [3, 8). */
export const sliding = (size: DurationMs, slide: DurationMs, offset: DurationMs = 0): WindowAssigner => ({
  type: 'sliding',
  size,
  slide,
  offset,
})
