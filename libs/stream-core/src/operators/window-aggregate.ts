import type { WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { byteStringsOf, type ByteString } from '../state/key-encoding.ts'
import { PaneTable } from '../state/pane-table.ts'
import { maxTimestamp, minTimestamp, requireTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { windowStart, type TimeWindow } from '../time-window.ts'
import type { AlignedWindowAssigner } from '../window.ts'
import type { Incremental } from './incremental.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator } from './operator.ts'
import { paneLayout } from './pane-layout.ts'
import { windowOutput } from './window-output.ts'
import { WindowRows, type RowRange } from './window-rows.ts'

export interface PaneWindowOptions<Key, T, Acc, Result, Out> {
  readonly assigner: AlignedWindowAssigner
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
  readonly aggregate: Incremental<T, Acc, Result>
  readonly accumulatorCodec: Codec<Acc>
  readonly windowFunction: WindowFunction<Key, Result, Out> | undefined
}

/** Keys of a window that fire between two looks at the time. */
const keysAUnit = 16
const noRows: RowRange = { from: 0, to: 0 }

/**
 * Windows over one key, their accumulators kept by *pane*: the largest stretch of time that no window's bound divides.
 * An element changes one accumulator, and a window that fires merges those of its panes, oldest first. When windows fire
 * follows from the panes that there are, so nothing else is state.
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
    const merge = (before: Acc, next: Acc): Acc => aggregate.merge(before, next)
    const panes = new PaneTable<Acc>('#panes', options.accumulatorCodec, undo)
    // A unit that may be undone because it lacks an answer is one key.
    const rows = new WindowRows<Key, Acc>(panes, undo.redoesUnits ? 1 : keysAUnit, { userKey: from, merge })
    context.register(panes)

    // Source: Flink's WindowOperator.cleanupTime, which does not overflow either.
    const cleanupTime = (end: Timestamp): Timestamp => Math.min(end - 1 + allowedLateness, maxTimestamp)

    /** The first window with a pane that ends after `time`. */
    const windowAfter = (time: Timestamp): TimeWindow | undefined => {
      const reach = options.assigner.size
      let start = panes.startFrom(time - reach)
      while (start !== undefined && newestEnd(start) <= time) start = panes.startAfter(start)
      if (start === undefined) return undefined
      const oldest = oldestEnd(start)
      return windowEnding(oldest > time ? oldest : oldest + (Math.floor((time - oldest) / step) + 1) * step)
    }
    /** Panes whose last window is cleaned up at `time`. The newest window that holds a pane is the last to need it. */
    function* dropPanes(time: Timestamp): Generator<RowRange> {
      for (;;) {
        const start = panes.startFrom(minTimestamp)
        if (start === undefined || cleanupTime(newestEnd(start)) > time) return
        for (const _ of panes.drop(start)) yield noRows
        yield noRows
      }
    }

    let ended: TimeWindow = windowEnding(0)
    /** The watermark goes from `since` to `watermark`: the rows to fire, unit by unit. */
    function* firing(since: Timestamp, watermark: Timestamp): Generator<RowRange> {
      for (let window = windowAfter(since + 1); window !== undefined; window = windowAfter(ended.end)) {
        if (window.end - 1 > watermark) break
        ended = window
        yield* rows.of(window, windowEnding(window.end + step).start)
        yield* dropPanes(window.end - 1)
      }
      yield* dropPanes(watermark)
    }
    let units: Generator<RowRange> | null = null
    let unit = noRows
    let isUndone = false

    let firingKey: Key
    const userKeyOfFiring = (): Key => firingKey
    const fire = (row: number): void => {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      context.fires(ended.end - 1, rows.keyAt(row))
      try {
        firingKey = rows.userKeyAt(row)
        emitResult(aggregate.result(rows.mergedAt(row)), ended, userKeyOfFiring)
      } catch (error) {
        context.fail(error, undoPosition, outputPosition) // the window is lost, not the ones after it
      }
    }
    /** A window that has fired fires again, for one key. */
    const fireAgain = (window: TimeWindow, key: ByteString, userKey: () => Key): void => {
      let merged: Acc | undefined
      for (let start = panes.startFrom(window.start); start !== undefined; start = panes.startAfter(start)) {
        if (start >= window.end) break
        const next = panes.get(start, key)
        if (next !== undefined) merged = merged === undefined ? next : merge(merged, next)
      }
      if (merged !== undefined) emitResult(aggregate.result(merged), window, userKey)
    }

    // Elements of a block share their time.
    let timestampAt = NaN
    let newestAt = 0
    let startAt = 0

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
                startAt = windowStart(timestamp, offset, pane)
              }
              if (timestamp >= newestAt || cleanupTime(newestAt) <= watermark) {
                if (timestamp + allowedLateness > watermark) return // a gap between windows, when slide > size
                context.countLate()
                if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
                return
              }
              const key = of(userKey)
              panes.set(startAt, key, context.freeze(aggregate.add(element, panes.get(startAt, key))))
              rows.changed(startAt, key)
              if (allowedLateness === 0) return
              for (let end = newestAt; end > timestamp; end -= step) {
                if (end - 1 > watermark || cleanupTime(end) <= watermark) continue
                fireAgain(windowEnding(end), key, () => userKey)
              }
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      forget() {
        isUndone = unit.to > unit.from
      },
      fireNext(watermark, since) {
        if (isUndone) isUndone = false
        else {
          units ??= firing(since, watermark)
          const next = units.next()
          unit = next.done === true ? noRows : next.value
          if (next.done === true) {
            units = null
            return false
          }
        }
        for (let row = unit.from; row < unit.to; row += 1) fire(row)
        return true
      },
    }
  }
