import type { DurationMs, Timestamp } from './time.ts'

/** Half-open `[start, end)`. Its results carry the timestamp `end − 1`. Source: Flink's TimeWindow. */
export interface TimeWindow {
  readonly start: Timestamp
  readonly end: Timestamp
}

export type WindowAssigner =
  | { readonly type: 'tumbling'; readonly size: DurationMs; readonly offset: DurationMs }
  | { readonly type: 'sliding'; readonly size: DurationMs; readonly slide: DurationMs; readonly offset: DurationMs }

export class WindowShapeError extends Error {
  readonly code = 'STREAM_WINDOW_SHAPE'
  readonly handling = 'stop'
  readonly remedy = 'Give size and slide in whole ms above 0, and an offset smaller than the slide.'
}

const checked = <Assigner extends WindowAssigner>(assigner: Assigner): Assigner => {
  const { size, slide, offset } = windowShape(assigner)
  const isWhole = [size, slide, offset].every((ms) => Number.isSafeInteger(ms))
  if (!isWhole || size <= 0 || slide <= 0 || Math.abs(offset) >= slide) {
    throw new WindowShapeError(`A window of size ${size}, slide ${slide} and offset ${offset} ms cannot be.`)
  }
  return assigner
}

/** Windows of `size`, one after the other, aligned to the epoch plus `offset`. @throws {WindowShapeError} */
export const tumbling = (size: DurationMs, offset: DurationMs = 0): WindowAssigner =>
  checked({ type: 'tumbling', size, offset })
/**
 * Windows of `size`, a new one every `slide`. Size 5 s and slide 3 s put t = 7 s into [6, 11) and [3, 8). With a slide
 * above the size there are gaps, whose elements belong to no window. @throws {WindowShapeError}
 */
export const sliding = (size: DurationMs, slide: DurationMs, offset: DurationMs = 0): WindowAssigner =>
  checked({ type: 'sliding', size, slide, offset })

/** A tumbling window is one that slides by its size. */
export const windowShape = (
  assigner: WindowAssigner,
): { readonly size: DurationMs; readonly slide: DurationMs; readonly offset: DurationMs } =>
  assigner.type === 'tumbling'
    ? { size: assigner.size, slide: assigner.size, offset: assigner.offset }
    : { size: assigner.size, slide: assigner.slide, offset: assigner.offset }

export const floorMod = (value: number, modulus: number): number => {
  const remainder = value % modulus
  return remainder < 0 ? remainder + modulus : remainder + 0 // −0 is no time
}

/** The longest stretch that no bound of a window divides. */
export const paneSize = (size: DurationMs, slide: DurationMs): DurationMs =>
  slide === 0 ? size : paneSize(slide, size % slide)

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
  const newest = timestamp - floorMod(timestamp - offset, slide)
  for (let start = newest; start > timestamp - size; start -= slide) windows.push({ start, end: start + size })
  return windows
}
