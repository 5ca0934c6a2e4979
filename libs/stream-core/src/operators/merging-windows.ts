import type { Codec } from '../codec.ts'
import { byteStringsOf, fromByteString, integerKey, toByteString } from '../state/key-encoding.ts'
import { integerSubKeys, NestedTable } from '../state/nested-table.ts'
import type { OrderedMap } from '../state/ordered-map.ts'
import type { UndoLog } from '../task/rewind.ts'
import type { Timestamp } from '../time.ts'
import { cover, type TimeWindow } from '../time-window.ts'

interface Held {
  readonly end: Timestamp
  /** The window under whose name the contents are kept. */
  readonly state: TimeWindow
}

/** What an added window came to. */
export interface Addition {
  /** The one that holds it now. */
  readonly window: TimeWindow
  /** Where its contents are kept. */
  readonly state: TimeWindow
  /** Windows that were there and are part of it now, by their starts; none if all is as it was, or it is new. */
  readonly sources: readonly TimeWindow[]
  /** Where contents are kept that are to join those of `state`, by the starts of their windows. */
  readonly joining: readonly TimeWindow[]
}

const { of, from } = byteStringsOf(integerKey)

const heldCodec: Codec<Held> = {
  version: 1,
  encode: ({ end, state }) => fromByteString(of(end) + of(state.start) + of(state.end)),
  decode: (bytes) => {
    const text = toByteString(bytes)
    const [end = 0, start = 0, stateEnd = 0] = [0, 8, 16].map((at) => from(text.slice(at, at + 8)))
    return { end, state: { start, end: stateEnd } }
  },
}

/**
 * The windows of each key, no two of which intersect, and where each keeps its contents: those stay where they are while
 * their window grows. What intersects is found by its place in the order of starts.
 * Source: Flink's MergingWindowSet.
 */
export class MergingWindows {
  readonly table: NestedTable<number, Held>

  constructor(undo: UndoLog) {
    this.table = new NestedTable('#merging-windows', integerSubKeys, heldCodec, undo)
  }

  add(key: string, added: TimeWindow): Addition {
    const held = this.table.of(key)
    const sources = held === undefined ? [] : intersecting(held, added, ({ end }) => end)
    const [first] = sources
    if (first === undefined) {
      this.table.set(key, added.start, { end: added.end, state: added })
      return { window: added, state: added, sources: [], joining: [] }
    }
    const states = sources.map(({ start }) => held?.get(start)?.state ?? added) // each source is held
    const [state = added, ...joining] = states
    const window = sources.reduce(cover, added)
    if (window.start === first.start && window.end === first.end) return { window, state, sources: [], joining: [] }
    for (const { start } of sources) if (start !== window.start) this.table.set(key, start, undefined)
    this.table.set(key, window.start, { end: window.end, state })
    return { window, state, sources, joining }
  }

  /** Where the contents of `window` are kept; undefined when there is none such any more. */
  stateOf(key: string, { start, end }: TimeWindow): TimeWindow | undefined {
    const held = this.table.get(key, start)
    return held?.end === end ? held.state : undefined
  }

  retire(key: string, { start }: TimeWindow): void {
    this.table.set(key, start, undefined)
  }
}

/** The windows, held by their starts, that intersect `window`, by their starts. No two of them intersect. */
export const intersecting = <V>(
  held: OrderedMap<number, V>,
  window: TimeWindow,
  endOf: (value: V) => Timestamp,
): readonly TimeWindow[] => {
  const found: TimeWindow[] = []
  for (let start = held.floor(window.end); start !== undefined; start = held.floor(start - 1)) {
    const value = held.get(start)
    if (value === undefined || endOf(value) < window.start) break
    found.push({ start, end: endOf(value) })
  }
  return found.reverse()
}
