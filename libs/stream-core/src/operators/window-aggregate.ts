import type { AggregateFunction, WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { Schedule } from '../schedule.ts'
import { integerSubKeys, NestedTable } from '../state/state-table.ts'
import type { UndoLog } from '../task/rewind.ts'
import { maxTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { floorMod, paneSize, windowShape, type TimeWindow, type WindowAssigner } from '../window.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator } from './operator.ts'

export interface WindowOptions<Key, T, Acc, Result, Out> {
  readonly assigner: WindowAssigner
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
  readonly aggregate: AggregateFunction<T, Acc, Result>
  readonly accumulatorCodec: Codec<Acc>
  readonly windowFunction: WindowFunction<Key, Result, Out> | undefined
}

/** Accumulators by key and start of their pane. */
class Panes<Acc> extends NestedTable<number, Acc> {
  readonly #onPane: (key: string, start: Timestamp) => void

  constructor(codec: Codec<Acc>, undo: UndoLog, onPane: (key: string, start: Timestamp) => void) {
    super('#panes', integerSubKeys, codec, undo)
    this.#onPane = onPane
  }
  protected override put(key: string, start: number, accumulator: Acc | undefined): void {
    super.put(key, start, accumulator)
    if (accumulator !== undefined) this.#onPane(key, start)
  }
}

/**
 * Windows over one key, their accumulators kept by *pane*: the largest stretch of time that no window's bound divides.
 * An element changes one accumulator, and a window that fires merges those of its panes, oldest first. One timer a key
 * walks from window to window while there are panes; it follows from them, so it is no state. Source: Flink's WindowOperator with its event-time trigger; panes
 * as in Li et al., "No pane, no gain".
 */
export const windowOperator =
  <Key, T, Acc, Result, Out>(
    { keyOf, codec }: KeySelector<Key, T>,
    options: WindowOptions<Key, T, Acc, Result, Out>,
  ): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    const { aggregate, allowedLateness, windowFunction } = options
    const { size, slide, offset } = windowShape(options.assigner)
    const pane = paneSize(size, slide)
    const { of, from } = byteStringsOf(codec)
    // A key is looked at when a window with a pane of it ends, and when its panes are of no more use. The schedules name
    // at least those keys; a window without a pane is silent, so a key too many changes nothing.
    const ends = new Schedule(undo)
    const cleanups = new Schedule(undo)
    const schedule = (key: string, start: Timestamp): void => {
      const { watermark } = context
      const oldest = oldestWindowOf(start)
      const passed = watermark < lastOf(oldest) ? 0 : Math.ceil((watermark + 1 - lastOf(oldest)) / slide)
      const open = windowFrom(oldest.start + passed * slide)
      const newest = newestWindowOf(start)
      if (open.start <= newest.start) ends.add(lastOf(open), key)
      if (allowedLateness > 0) cleanups.add(cleanupTime(newest), key)
    }
    const panes = new Panes<Acc>(options.accumulatorCodec, undo, schedule)
    context.register(panes)

    const lastOf = ({ end }: TimeWindow): Timestamp => end - 1
    // Source: Flink's WindowOperator.cleanupTime, which does not overflow either.
    const cleanupTime = (window: TimeWindow): Timestamp => Math.min(lastOf(window) + allowedLateness, maxTimestamp)
    const windowFrom = (start: Timestamp): TimeWindow => ({ start, end: start + size })

    const merge = (before: Acc, next: Acc): Acc => aggregate.merge(before, next)
    const fire = (key: string, userKey: () => Key, window: TimeWindow): void => {
      const merged = panes.of(key)?.reduceBetween(window.start, window.end - 1, merge)
      if (merged === undefined) return
      const result = aggregate.getResult(merged)
      const timestamp = lastOf(window)
      if (windowFunction === undefined) main.emit(result, timestamp)
      else windowFunction(result, window, userKey(), (value) => main.emit(value, timestamp))
    }

    // The newest window that holds a pane is the last to need it.
    const newestWindowOf = (paneStart: Timestamp): TimeWindow =>
      windowFrom(paneStart - floorMod(paneStart - offset, slide))
    const oldestWindowOf = (paneStart: Timestamp): TimeWindow => {
      const newest = paneStart - floorMod(paneStart - offset, slide)
      return windowFrom(newest - slide * (Math.ceil((newest + size - paneStart) / slide) - 1))
    }

    /** Those whose last window is cleaned up at `time`. */
    const dropPanes = (key: string, time: Timestamp): void => {
      for (;;) {
        const start = panes.of(key)?.first()
        if (start === undefined || cleanupTime(newestWindowOf(start)) > time) return
        panes.set(key, start, undefined)
      }
    }

    return {
      receivers: [
        {
          process(value, timestamp) {
            const undoPosition = undo.position
            const outputPosition = outputs.position
            try {
              const element = value as T // the builder typed the stream that feeds the operator
              const userKey = keyOf(element)
              const { watermark } = context
              const newestStart = timestamp - floorMod(timestamp - offset, slide)
              const isInWindow = timestamp < newestStart + size
              if (!isInWindow || cleanupTime(windowFrom(newestStart)) <= watermark) {
                if (timestamp + allowedLateness > watermark) return // a gap between windows, when slide > size
                context.countLate()
                if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
                return
              }
              const key = of(userKey)
              const start = timestamp - floorMod(timestamp - offset, pane)
              const before = panes.get(key, start)
              const added = aggregate.add(element, before === undefined ? aggregate.createAccumulator() : before)
              panes.set(key, start, context.freeze(added))
              if (allowedLateness === 0) return
              for (let windowStart = newestStart; windowStart > timestamp - size; windowStart -= slide) {
                const window = windowFrom(windowStart)
                if (lastOf(window) <= watermark && cleanupTime(window) > watermark) fire(key, () => userKey, window)
              }
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      fireNext(watermark) {
        const end = ends.take(watermark)
        if (end === undefined) {
          const cleanup = cleanups.take(watermark)
          if (cleanup !== undefined) dropPanes(cleanup.key, cleanup.time)
          return cleanup !== undefined
        }
        const { time, key } = end
        const undoPosition = undo.position
        const outputPosition = outputs.position
        const held = panes.of(key)
        if (held === undefined) return true
        const window = windowFrom(time + 1 - size)
        const next = windowFrom(window.start + slide)
        if (held.hasBetween(next.start, next.end - 1)) ends.addNext(lastOf(next), key)
        try {
          fire(key, () => from(key), window)
        } catch (error) {
          context.fail(error, undoPosition, outputPosition) // the window is lost, not the ones after it
        }
        if (allowedLateness === 0) dropPanes(key, time)
        return true
      },
    }
  }
