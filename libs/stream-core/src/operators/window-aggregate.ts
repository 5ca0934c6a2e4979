import type { AggregateFunction, WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { integerSubKeys, NestedTable } from '../state/state-table.ts'
import { Timers } from '../timers.ts'
import { maxTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { floorMod, paneSize, slidingWindows, windowShape, type TimeWindow, type WindowAssigner } from '../window.ts'
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

const cleanup = 'cleanup'

/**
 * Windows over one key, their accumulators kept by *pane*: the largest stretch of time that no window's bound divides.
 * An element changes one accumulator, and a window that fires merges those of its panes, oldest first. One timer a key
 * walks from window to window while there are panes. Source: Flink's WindowOperator with its event-time trigger; panes
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
    const panes = new NestedTable<number, Acc>('#panes', integerSubKeys, options.accumulatorCodec, undo)
    const timers = new Timers(undo)
    context.register(panes)
    context.register(timers)

    const lastOf = ({ end }: TimeWindow): Timestamp => end - 1
    // Source: Flink's WindowOperator.cleanupTime, which does not overflow either.
    const cleanupTime = (window: TimeWindow): Timestamp => Math.min(lastOf(window) + allowedLateness, maxTimestamp)
    const windowFrom = (start: Timestamp): TimeWindow => ({ start, end: start + size })

    const fire = (key: string, userKey: Key, window: TimeWindow): void => {
      const held = panes.of(key)
      if (held === undefined) return
      let merged: Acc | undefined
      for (const start of held.keysBetween(window.start, window.end - 1)) {
        const accumulator = held.get(start)
        if (accumulator === undefined) continue
        merged = merged === undefined ? accumulator : aggregate.merge(merged, accumulator)
      }
      if (merged === undefined) return
      const result = aggregate.getResult(merged)
      const timestamp = lastOf(window)
      if (windowFunction === undefined) main.emit(result, timestamp)
      else windowFunction(result, window, userKey, (value) => main.emit(value, timestamp))
    }

    // The newest window that holds a pane is the last to need it.
    const newestWindowOf = (paneStart: Timestamp): TimeWindow =>
      windowFrom(paneStart - floorMod(paneStart - offset, slide))

    const hasPanesIn = (key: string, window: TimeWindow): boolean =>
      (panes.of(key)?.keysBetween(window.start, window.end - 1).length ?? 0) > 0

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
              const windows = slidingWindows(timestamp, size, slide, offset).filter((w) => cleanupTime(w) > watermark)
              if (windows.length === 0) {
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
              const oldestOpen = windows.findLast((window) => lastOf(window) > watermark)
              if (before === undefined) {
                if (oldestOpen !== undefined) timers.register(key, lastOf(oldestOpen))
                if (allowedLateness > 0) timers.register(key, cleanupTime(newestWindowOf(start)), cleanup)
              }
              for (const window of windows) if (lastOf(window) <= watermark) fire(key, userKey, window)
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      advanceWatermark(watermark) {
        for (let timer = timers.take(watermark); timer !== undefined; timer = timers.take(watermark)) {
          const { key, at } = timer
          const undoPosition = undo.position
          const outputPosition = outputs.position
          try {
            if (timer.namespace === '') {
              const window = windowFrom(at + 1 - size)
              const next = windowFrom(window.start + slide)
              if (hasPanesIn(key, next)) timers.register(key, lastOf(next))
              fire(key, from(key), window)
            }
          } catch (error) {
            context.fail(error, undoPosition, outputPosition)
            // The window is lost to its dead letter, not the ones after it.
            const next = windowFrom(at + 1 - size + slide)
            if (timer.namespace === '' && hasPanesIn(key, next)) timers.register(key, lastOf(next))
          }
          const isCleanup = allowedLateness === 0 || timer.namespace === cleanup
          if (!isCleanup) continue
          for (const start of panes.of(key)?.keys() ?? []) {
            if (cleanupTime(newestWindowOf(start)) > at) break
            panes.set(key, start, undefined)
          }
        }
      },
    }
  }
