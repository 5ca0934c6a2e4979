import { maxTimestamp, minTimestamp, type DurationMs, type Timestamp } from './time.ts'
import { byteStringsOf, integerKey, type ByteString } from './state/key-encoding.ts'

/** Half-open `[start, end)`. Its results carry the timestamp `end − 1`. Source: Flink's TimeWindow. */
export interface TimeWindow {
  readonly start: Timestamp
  readonly end: Timestamp
}

/** The one window that holds all of time; its results carry `maxTimestamp`. Source: Flink's GlobalWindow. */
export const globalWindow: TimeWindow = Object.freeze({ start: minTimestamp, end: Infinity })

/** The last timestamp that belongs to a window. Source: Flink's `maxTimestamp()`. */
export const lastTimestampOf = ({ end }: TimeWindow): Timestamp => Math.min(end - 1, maxTimestamp)

/**
 * The remainder that is never negative, so that windows before 1970 begin where those after do. Source: Java's
 * Math.floorMod.
 */
export const floorMod = (value: number, modulus: number): number => {
  const remainder = value % modulus
  return remainder < 0 ? remainder + modulus : remainder + 0 // −0 is no time
}

/**
 * The start of the window of `size` that holds `timestamp`, of windows aligned to the epoch plus `offset`; of negative
 * times too. Source: Flink's TimeWindow.getWindowStartWithOffset.
 */
export const windowStart = (timestamp: Timestamp, offset: DurationMs, size: DurationMs): Timestamp =>
  timestamp - floorMod(timestamp - offset, size)

/** Also windows that only touch do. Source: Flink's TimeWindow.intersects. */
export const intersects = (a: TimeWindow, b: TimeWindow): boolean => a.start <= b.end && a.end >= b.start

/** The least window that holds both. */
export const cover = (a: TimeWindow, b: TimeWindow): TimeWindow => ({
  start: Math.min(a.start, b.start),
  end: Math.max(a.end, b.end),
})

/** A window that came of `sources`, in order of their starts. */
export interface MergedWindow {
  readonly window: TimeWindow
  readonly sources: readonly TimeWindow[]
}

/** What windows become when those that intersect are made one; windows left alone do not show. */
export const mergeWindows = (windows: readonly TimeWindow[]): readonly MergedWindow[] => {
  const groups: { window: TimeWindow; sources: TimeWindow[] }[] = []
  for (const window of windows.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const last = groups.at(-1)
    if (last === undefined || !intersects(last.window, window)) groups.push({ window, sources: [window] })
    else {
      last.window = cover(last.window, window)
      last.sources.push(window)
    }
  }
  return groups.filter(({ sources }) => sources.length > 1)
}

const { of, from } = byteStringsOf(integerKey)

/** Windows as byte strings that sort by start, then end: they name a window's state and its timers. */
export const windowBytes = {
  of: (window: TimeWindow): ByteString => (window.end === Infinity ? '' : of(window.start) + of(window.end)),
  from: (bytes: ByteString): TimeWindow =>
    bytes === '' ? globalWindow : { start: from(bytes.slice(0, 8)), end: from(bytes.slice(8)) },
}
