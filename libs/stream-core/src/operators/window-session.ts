import type { WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { Schedule } from '../schedule.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { integerSubKeys, NestedTable } from '../state/nested-table.ts'
import { maxTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { cover, type TimeWindow } from '../time-window.ts'
import { assignWindows, type WindowAssigner } from '../window.ts'
import type { Incremental } from './incremental.ts'
import type { KeySelector } from './keyed-process.ts'
import { intersecting } from './merging-windows.ts'
import type { CreateOperator } from './operator.ts'
import { stampedCodec } from './stamped-codec.ts'
import { windowOutput } from './window-output.ts'

export interface SessionWindowOptions<Key, T, Acc, Result, Out> {
  readonly assigner: WindowAssigner<T> & { readonly type: 'session' }
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
  readonly aggregate: Incremental<T, Acc, Result>
  readonly accumulatorCodec: Codec<Acc>
  readonly windowFunction: WindowFunction<Key, Result, Out> | undefined
}

interface Session<Acc> {
  readonly end: Timestamp
  readonly accumulator: Acc
}

/**
 * Session windows that fire when the watermark passes their end: one accumulator a session, found by its place in the
 * order of its key's. A session that grows is not rescheduled: it is looked at where it would have ended, and again at
 * its end as of then. So the schedules name each session at its end or before, and what they name too much is silent.
 * Source: Flink's WindowOperator over EventTimeSessionWindows.
 */
export const sessionWindowOperator =
  <Key, T, Acc, Result, Out>(
    { keyOf, codec }: KeySelector<Key, T>,
    options: SessionWindowOptions<Key, T, Acc, Result, Out>,
  ): CreateOperator =>
  (context) => {
    const { undo, outputs } = context
    const { assigner, aggregate, allowedLateness } = options
    const { of, from } = byteStringsOf(codec)
    const emitResult = windowOutput(context, options.windowFunction, {})
    const ends = new Schedule('#ends', undo)
    const cleanups = new Schedule('#cleanups', undo)
    context.register(ends)
    context.register(cleanups)
    const cleanupTime = (end: Timestamp): Timestamp => Math.min(end - 1 + allowedLateness, maxTimestamp)
    const stamped = stampedCodec<Acc, Session<Acc>>(
      options.accumulatorCodec,
      (end, accumulator) => ({ end, accumulator }),
      ({ end, accumulator }) => [end, accumulator],
    )
    // By key and start. No two of a key's intersect, so their ends ascend with their starts.
    const sessions = new NestedTable<number, Session<Acc>>('#sessions', integerSubKeys, stamped, undo)
    context.register(sessions)
    ends.follows(sessions, (key, _, { end }) => {
      if (end - 1 > context.watermark) ends.add(end - 1, key)
      if (allowedLateness > 0) cleanups.add(cleanupTime(end), key)
    })

    /** The session that lasts at `time`, or the last one before. */
    const at = (key: string, time: Timestamp) => {
      const start = sessions.of(key)?.floor(time)
      const session = start === undefined ? undefined : sessions.get(key, start)
      return start === undefined || session === undefined ? undefined : { start, ...session }
    }

    const add = (element: T, timestamp: Timestamp): void => {
      const [added] = assignWindows(assigner, element, timestamp)
      if (added === undefined) return // a session assigner gives one window
      const { watermark } = context
      const userKey = keyOf(element)
      const key = of(userKey)
      const held = sessions.of(key)
      const sources = held === undefined ? [] : intersecting(held, added, ({ end }) => end)
      const window = sources.reduce(cover, added)
      if (cleanupTime(window.end) <= watermark) {
        context.countLate()
        if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
        return
      }
      let accumulator: Acc | undefined
      for (const { start } of sources) {
        const next = held?.get(start)?.accumulator
        if (next !== undefined) accumulator = accumulator === undefined ? next : aggregate.merge(accumulator, next)
        if (start !== window.start) sessions.set(key, start, undefined)
      }
      const session = { end: window.end, accumulator: aggregate.add(element, accumulator) }
      sessions.set(key, window.start, context.freeze(session))
      if (window.end - 1 <= watermark) emitResult(aggregate.result(session.accumulator), window, () => userKey)
      // It is new, or had fired: nothing looks at it yet.
      else if (sources.every(({ end }) => end - 1 <= watermark)) ends.add(window.end - 1, key)
      if (allowedLateness > 0 && sources.length === 0) cleanups.add(cleanupTime(window.end), key)
    }

    return {
      receivers: [
        {
          process(value, timestamp) {
            const undoPosition = undo.position
            const outputPosition = outputs.position
            try {
              add(value as T, timestamp) // the builder typed the stream that feeds the operator
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      fireNext(watermark) {
        const due = ends.take(watermark)
        if (due === undefined) {
          const cleanup = cleanups.take(watermark)
          if (cleanup === undefined) return false
          const session = at(cleanup.key, cleanup.time - allowedLateness)
          if (session === undefined) return true
          if (cleanupTime(session.end) > cleanup.time) cleanups.add(cleanupTime(session.end), cleanup.key)
          else sessions.set(cleanup.key, session.start, undefined)
          return true
        }
        const { key, time } = due
        context.fires(time, key)
        const session = at(key, time)
        if (session === undefined || session.end - 1 < time) return true
        if (session.end - 1 > time) {
          ends.add(session.end - 1, key)
          return true
        }
        const undoPosition = undo.position
        const outputPosition = outputs.position
        const window: TimeWindow = { start: session.start, end: session.end }
        try {
          emitResult(aggregate.result(session.accumulator), window, () => from(key))
        } catch (error) {
          context.fail(error, undoPosition, outputPosition) // the window is lost, not the ones after it
        }
        if (allowedLateness === 0) sessions.set(key, session.start, undefined)
        return true
      },
    }
  }
