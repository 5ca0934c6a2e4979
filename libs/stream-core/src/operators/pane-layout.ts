import type { DurationMs, Timestamp } from '../time.ts'
import { floorMod, windowStart, type TimeWindow } from '../time-window.ts'
import type { AlignedWindowAssigner } from '../window.ts'

/**
 * How aligned windows lie over *panes*: the longest stretches of time that no window's bound divides. Windows end every
 * `step`, and their ends name them.
 */
export interface PaneLayout {
  readonly pane: DurationMs
  readonly step: DurationMs
  readonly offset: DurationMs
  /** The window that ends at `end`. */
  readonly windowEnding: (end: Timestamp) => TimeWindow
  /** The end of the newest window that holds `timestamp`; not above it in a gap between windows. */
  readonly newestEnd: (timestamp: Timestamp) => Timestamp
  /** The end of the oldest window that holds `timestamp`, if one does. */
  readonly oldestEnd: (timestamp: Timestamp) => Timestamp
}

export const paneLayout = (assigner: AlignedWindowAssigner): PaneLayout => {
  const { size, offset } = assigner
  if (assigner.type === 'cumulative') {
    const { step } = assigner
    return {
      pane: step,
      step,
      offset,
      windowEnding: (end) => ({ start: windowStart(end - 1, offset, size), end }),
      newestEnd: (timestamp) => windowStart(timestamp, offset, size) + size,
      oldestEnd: (timestamp) => windowStart(timestamp, offset, step) + step,
    }
  }
  const step = assigner.type === 'tumbling' ? size : assigner.slide
  return {
    pane: paneSize(size, step),
    step,
    offset,
    windowEnding: (end) => ({ start: end - size, end }),
    newestEnd: (timestamp) => windowStart(timestamp, offset, step) + size,
    // Ends are at offset + size and every step from there: the first after the timestamp.
    oldestEnd: (timestamp) => timestamp + step - floorMod(timestamp - offset - size, step),
  }
}

const paneSize = (size: DurationMs, step: DurationMs): DurationMs => (step === 0 ? size : paneSize(step, size % step))
