import type { WindowFunction } from '../aggregate.ts'
import type { Codec } from '../codec.ts'
import { Schedule } from '../schedule.ts'
import { byteStringsOf, type ByteString } from '../state/key-encoding.ts'
import { PaneTable } from '../state/pane-table.ts'
import { maxTimestamp, minTimestamp, requireTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { windowStart, type TimeWindow } from '../time-window.ts'
import { sessionWindow } from '../window.ts'
import type { Incremental } from './incremental.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator } from './operator.ts'
import { stampedCodec } from './stamped-codec.ts'
import { windowOutput } from './window-output.ts'

export interface SessionWindowOptions<Key, T, Acc, Result, Out> {
  readonly gap: DurationMs
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
  readonly aggregate: Incremental<T, Acc, Result>
  readonly accumulatorCodec: Codec<Acc>
  readonly windowFunction: WindowFunction<Key, Result, Out> | undefined
}

interface Session<Acc> extends TimeWindow {
  readonly accumulator: Acc
}

const none: readonly never[] = []

const sessionCodec = <Acc>(codec: Codec<Acc>): Codec<Session<Acc>> =>
  stampedCodec<Omit<Session<Acc>, 'start'>, Session<Acc>>(
    stampedCodec<Acc, Omit<Session<Acc>, 'start'>>(
      codec,
      (end, accumulator) => ({ end, accumulator }),
      ({ end, accumulator }) => [end, accumulator],
    ),
    (start, session) => ({ start, ...session }),
    ({ start, ...session }) => [start, session],
  )

/**
 * Session windows of one gap that fire when the watermark passes their end: one accumulator a session, kept by the pane
 * of time in which the session ends. Panes are as long as the gap, so a key has one in each at most, and those of a pane
 * go together when the last of them is of no more use; one that has fired for good is passed over until then. A session
 * that grows is not rescheduled: it is looked at where it would have ended, and again at its end as of then. So the
 * schedule names each session at its end or before, and what it names too much is silent.
 * Source: Flink's WindowOperator over EventTimeSessionWindows.
 */
export const sessionWindowOperator =
  <Key, T, Acc, Result, Out>(
    { keyOf, codec }: KeySelector<Key, T>,
    options: SessionWindowOptions<Key, T, Acc, Result, Out>,
  ): CreateOperator =>
  (context) => {
    const { undo, outputs } = context
    const { gap, aggregate, allowedLateness } = options
    const { of, from } = byteStringsOf(codec)
    const emitResult = windowOutput(context, options.windowFunction, {})
    const cleanupTime = (end: Timestamp): Timestamp => Math.min(end - 1 + allowedLateness, maxTimestamp)
    const ends = new Schedule('#ends', undo)
    const sessions = new PaneTable('#sessions', sessionCodec(options.accumulatorCodec), undo)
    context.register(ends)
    context.register(sessions)
    ends.follows(sessions, (key, _, { end }) => {
      if (end - 1 > context.watermark) ends.add(end - 1, key)
    })
    const paneOf = (end: Timestamp): Timestamp => windowStart(end, 0, gap)

    /** The first session of `key` that ends at or after `time`. */
    const endingFrom = (key: ByteString, time: Timestamp): Session<Acc> | undefined => {
      for (let pane = sessions.startFrom(paneOf(time)); pane !== undefined; pane = sessions.startAfter(pane)) {
        const session = sessions.get(pane, key)
        if (session !== undefined && session.end >= time) return session
      }
      return undefined
    }
    /** Those that an element of `key` at this time makes one: all that it touches and that are not cleaned up. */
    const touching = (key: ByteString, { start, end }: TimeWindow): readonly Session<Acc>[] => {
      let session = endingFrom(key, start)
      if (session === undefined) return none
      const found: Session<Acc>[] = []
      for (; session !== undefined && session.start <= end; session = endingFrom(key, session.end + 1)) {
        if (cleanupTime(session.end) > context.watermark) found.push(session)
      }
      return found
    }

    const add = (element: T, timestamp: Timestamp): void => {
      requireTimestamp(timestamp)
      const { watermark } = context
      const userKey = keyOf(element)
      const key = of(userKey)
      let { start, end } = sessionWindow(timestamp, gap)
      const merging = touching(key, { start, end })
      for (const session of merging) {
        start = Math.min(start, session.start)
        end = Math.max(end, session.end)
      }
      if (cleanupTime(end) <= watermark) {
        context.countLate()
        if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
        return
      }
      const pane = paneOf(end)
      let merged: Acc | undefined
      for (const { end: before, accumulator } of merging) {
        merged = merged === undefined ? accumulator : aggregate.merge(merged, accumulator)
        if (paneOf(before) !== pane) sessions.set(paneOf(before), key, undefined)
      }
      const session = { start, end, accumulator: aggregate.add(element, merged) }
      sessions.set(pane, key, context.freeze(session))
      if (end - 1 <= watermark) emitResult(aggregate.result(session.accumulator), { start, end }, () => userKey)
      // It is new, or had fired: nothing looks at it yet.
      else if (merging.every((one) => one.end - 1 <= watermark)) ends.add(end - 1, key)
    }

    const fire = (key: ByteString, { start, end, accumulator }: Session<Acc>): void => {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      try {
        emitResult(aggregate.result(accumulator), { start, end }, () => from(key))
      } catch (error) {
        context.fail(error, undoPosition, outputPosition) // the window is lost, not the ones after it
      }
    }

    /** Panes whose last possible session is cleaned up at `time`. */
    function* dropPanes(time: Timestamp): Generator<void> {
      for (;;) {
        const pane = sessions.startFrom(minTimestamp)
        if (pane === undefined || cleanupTime(pane + gap - 1) > time) return
        yield* sessions.drop(pane)
        yield
      }
    }
    let drops: Generator<void> | null = null

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
      fireNext(watermark, since) {
        if (ends.sortNext(watermark)) return true
        const due = ends.take(watermark)
        if (due === undefined) {
          drops ??= dropPanes(watermark)
          if (drops.next().done !== true) return true
          drops = null
          return false
        }
        const { key, time } = due
        context.fires(time, key)
        const session = endingFrom(key, time + 1)
        if (session === undefined || session.start > time || session.end - 1 <= since) return true
        if (session.end - 1 > time) ends.add(session.end - 1, key)
        else fire(key, session)
        return true
      },
    }
  }
