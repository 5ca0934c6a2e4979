import type { WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { Schedule } from '../schedule.ts'
import type { OrderedMap } from '../state/ordered-map.ts'
import { integerSubKeys, NestedTable } from '../state/nested-table.ts'
import type { UndoLog } from '../task/rewind.ts'
import { maxTimestamp, requireTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { windowStart, type TimeWindow } from '../time-window.ts'
import type { AlignedWindowAssigner } from '../window.ts'
import type { Incremental } from './incremental.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator } from './operator.ts'
import { CarriedWindows } from './carried-windows.ts'
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
  readonly #onRestore: () => void

  constructor(
    codec: Codec<Acc>,
    undo: UndoLog,
    on: { readonly pane: (key: string, start: Timestamp) => void; readonly restore: () => void },
  ) {
    super('#panes', integerSubKeys, codec, undo)
    this.#onPane = on.pane
    this.#onRestore = on.restore
  }
  override restore(key: string, start: string | number | null, previous: unknown): void {
    super.restore(key, start, previous)
    this.#onRestore()
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
    // What the windows that fire came to, for those that fire next. Not with lateness, where a window fires repeatedly.
    let carried: CarriedWindows<Key, Acc> | null = null
    let carriedOn: CarriedWindows<Key, Acc> | null = null
    const forget = (): void => {
      carried = null
      carriedOn = null
    }
    const schedule = (key: string, start: Timestamp): void => {
      const { watermark } = context
      const oldest = oldestEnd(start)
      const open = watermark < oldest - 1 ? oldest : oldest + Math.ceil((watermark + 2 - oldest) / step) * step
      const newest = newestEnd(start)
      if (open <= newest) ends.add(open - 1, key)
      if (allowedLateness > 0) cleanups.add(cleanupTime(newest), key)
    }
    const panes = new Panes<Acc>(options.accumulatorCodec, undo, { pane: schedule, restore: forget })
    context.register(panes)
    ends.follows(panes, schedule)

    // Source: Flink's WindowOperator.cleanupTime, which does not overflow either.
    const cleanupTime = (end: Timestamp): Timestamp => Math.min(end - 1 + allowedLateness, maxTimestamp)

    const merge = (before: Acc, next: Acc): Acc => aggregate.merge(before, next)
    const fire = (held: OrderedMap<number, Acc>, window: TimeWindow, userKey: () => Key): void => {
      const merged = held.reduceBetween(window.start, window.end - 1, merge)
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

    // Elements of a block share their time, and the keys of a window its bounds.
    let timestampAt = NaN
    let newestAt = 0
    let oldestAt = 0
    let startAt = 0
    let ended: TimeWindow = windowEnding(0)
    let next: TimeWindow = windowEnding(step)
    const turnTo = (end: Timestamp): void => {
      ended = windowEnding(end)
      next = windowEnding(end + step)
    }

    let firing: Key
    const userKeyOfFiring = (): Key => firing
    const emitOne = (userKey: Key, merged: Acc): void => {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      try {
        firing = userKey
        emitResult(aggregate.result(merged), ended, userKeyOfFiring)
      } catch (error) {
        context.fail(error, undoPosition, outputPosition) // the window is lost, not the ones after it
      }
    }
    const mergedOf = (held: OrderedMap<number, Acc>): Acc | undefined => {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      try {
        return held.reduceBetween(ended.start, ended.end - 1, merge)
      } catch (error) {
        context.fail(error, undoPosition, outputPosition)
        return undefined
      }
    }

    /** The window that ends after `time`, of one key. */
    const fireAt = (time: Timestamp, key: string, isNew: boolean): void => {
      if (ended.end !== time + 1) turnTo(time + 1)
      if (carriedOn?.end !== next.end) {
        carried = carriedOn?.end === ended.end ? carriedOn : null
        carriedOn = new CarriedWindows(next.end)
      }
      const at = carried === null ? -1 : carried.find(key)
      if (carried !== null && at >= 0 && !isNew && carried.firstAt(at) >= next.start) {
        if (carried.lastAt(at) >= next.start) {
          ends.addNext(next.end - 1, key)
          carriedOn.addFrom(carried, at)
        }
        emitOne(carried.userKeyAt(at), carried.mergedAt(at))
        return
      }
      const held = panes.of(key)
      if (held === undefined) return
      const first = held.first() ?? Infinity
      const last = held.last() ?? -Infinity
      const goesOn = held.hasBetween(next.start, next.end - 1)
      if (goesOn) ends.addNext(next.end - 1, key)
      const merged = mergedOf(held)
      if (merged !== undefined) {
        const userKey = from(key)
        // Each of its panes is in this window and in the next.
        if (goesOn && first >= next.start && last < ended.end) carriedOn.add(key, userKey, merged, { first, last })
        emitOne(userKey, merged)
      }
      // A pane that the next window does not reach is of no more use.
      if (allowedLateness === 0 && first < next.start) dropPanes(key, time)
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
              if (timestamp !== timestampAt) {
                timestampAt = timestamp
                newestAt = newestEnd(timestamp)
                oldestAt = oldestEnd(timestamp)
                startAt = windowStart(timestamp, offset, pane)
              }
              if (timestamp >= newestAt || cleanupTime(newestAt) <= watermark) {
                if (timestamp + allowedLateness > watermark) return // a gap between windows, when slide > size
                context.countLate()
                if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
                return
              }
              const key = of(userKey)
              panes.set(key, startAt, context.freeze(aggregate.add(element, panes.get(key, startAt))))
              if (oldestAt - 1 <= watermark) schedule(key, startAt) // a window that was carried on without it
              const held = allowedLateness === 0 ? undefined : panes.of(key)
              if (held === undefined) return
              for (let end = newestAt; end > timestamp; end -= step) {
                if (end - 1 <= watermark && cleanupTime(end) > watermark) fire(held, windowEnding(end), () => userKey)
              }
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      forget,
      fireNext(watermark) {
        if (ends.sortNext(watermark)) return true
        const due = ends.take(watermark)
        if (due !== undefined) {
          context.fires(due.time, due.key)
          fireAt(due.time, due.key, due.isNew)
          return true
        }
        if (cleanups.sortNext(watermark)) return true
        const cleanup = cleanups.take(watermark)
        if (cleanup !== undefined) dropPanes(cleanup.key, cleanup.time)
        return cleanup !== undefined
      },
    }
  }
