import type { WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { Schedule } from '../schedule.ts'
import { integerSubKeys, NestedTable } from '../state/state-table.ts'
import type { UndoLog } from '../task/rewind.ts'
import { maxTimestamp, requireTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { windowStart, type TimeWindow } from '../time-window.ts'
import type { AlignedWindowAssigner } from '../window.ts'
import type { Incremental } from './incremental.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator } from './operator.ts'
import { paneLayout } from './pane-layout.ts'
import { windowOutput } from './window-output.ts'

export interface PaneWindowOptions<Key, T, Acc, Result, Out> {
  readonly assigner: AlignedWindowAssigner
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
  readonly aggregate: Incremental<T, Acc, Result>
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
 * walks from window to window while there are panes; it follows from them, so it is no state.
 * Source: Flink's WindowOperator with its event-time trigger; panes as in Li et al., "No pane, no gain".
 */
export const paneWindowOperator =
  <Key, T, Acc, Result, Out>(
    { keyOf, codec }: KeySelector<Key, T>,
    options: PaneWindowOptions<Key, T, Acc, Result, Out>,
  ): CreateOperator =>
  (context) => {
    const { undo, outputs } = context
    const { aggregate, allowedLateness } = options
    const { pane, step, offset, windowEnding, oldestEnd, newestEnd } = paneLayout(options.assigner)
    const { of, from } = byteStringsOf(codec)
    const emitResult = windowOutput(context, options.windowFunction, {})
    // A key is looked at when a window with a pane of it ends, and when its panes are of no more use. The schedules name
    // at least those keys; a window without a pane is silent, so a key too many changes nothing.
    const ends = new Schedule('#ends', undo)
    const cleanups = new Schedule('#cleanups', undo)
    context.register(ends)
    context.register(cleanups)
    const schedule = (key: string, start: Timestamp): void => {
      const { watermark } = context
      const oldest = oldestEnd(start)
      const open = watermark < oldest - 1 ? oldest : oldest + Math.ceil((watermark + 2 - oldest) / step) * step
      const newest = newestEnd(start)
      if (open <= newest) ends.add(open - 1, key)
      if (allowedLateness > 0) cleanups.add(cleanupTime(newest), key)
    }
    const panes = new Panes<Acc>(options.accumulatorCodec, undo, schedule)
    context.register(panes)

    // Source: Flink's WindowOperator.cleanupTime, which does not overflow either.
    const cleanupTime = (end: Timestamp): Timestamp => Math.min(end - 1 + allowedLateness, maxTimestamp)

    const merge = (before: Acc, next: Acc): Acc => aggregate.merge(before, next)
    const fire = (key: string, userKey: () => Key, window: TimeWindow): void => {
      const merged = panes.of(key)?.reduceBetween(window.start, window.end - 1, merge)
      if (merged !== undefined) emitResult(aggregate.result(merged), window, userKey)
    }

    /** Those whose last window is cleaned up at `time`. */
    const dropPanes = (key: string, time: Timestamp): void => {
      for (;;) {
        const start = panes.of(key)?.first()
        // The newest window that holds a pane is the last to need it.
        if (start === undefined || cleanupTime(newestEnd(start)) > time) return
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
              requireTimestamp(timestamp)
              const element = value as T // the builder typed the stream that feeds the operator
              const userKey = keyOf(element)
              const { watermark } = context
              const newest = newestEnd(timestamp)
              if (timestamp >= newest || cleanupTime(newest) <= watermark) {
                if (timestamp + allowedLateness > watermark) return // a gap between windows, when slide > size
                context.countLate()
                if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
                return
              }
              const key = of(userKey)
              const start = windowStart(timestamp, offset, pane)
              panes.set(key, start, context.freeze(aggregate.add(element, panes.get(key, start))))
              if (allowedLateness === 0) return
              for (let end = newest; end > timestamp; end -= step) {
                if (end - 1 <= watermark && cleanupTime(end) > watermark) fire(key, () => userKey, windowEnding(end))
              }
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      fireNext(watermark) {
        if (ends.sortNext(watermark)) return true
        const due = ends.take(watermark)
        if (due === undefined) {
          if (cleanups.sortNext(watermark)) return true
          const cleanup = cleanups.take(watermark)
          if (cleanup !== undefined) dropPanes(cleanup.key, cleanup.time)
          return cleanup !== undefined
        }
        const { time, key } = due
        context.fires(time, key)
        const undoPosition = undo.position
        const outputPosition = outputs.position
        const held = panes.of(key)
        if (held === undefined) return true
        const next = windowEnding(time + 1 + step)
        if (held.hasBetween(next.start, next.end - 1)) ends.addNext(next.end - 1, key)
        try {
          fire(key, () => from(key), windowEnding(time + 1))
        } catch (error) {
          context.fail(error, undoPosition, outputPosition) // the window is lost, not the ones after it
        }
        if (allowedLateness === 0) dropPanes(key, time)
        return true
      },
    }
  }
