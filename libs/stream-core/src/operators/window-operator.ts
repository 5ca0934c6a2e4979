import type { ProcessWindowContext, WindowFunction } from '../aggregate.ts'
import type { EvictorContext } from '../evictor.ts'
import { byteStringsOf, type ByteString } from '../state/key-encoding.ts'
import { byteStringSubKeys, NestedTable } from '../state/nested-table.ts'
import { maxTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { lastTimestampOf, windowBytes, type TimeWindow } from '../time-window.ts'
import { Timers, type Timer } from '../timers.ts'
import { isFire, isPurge, type OnMergeContext, type Trigger, type TriggerResult } from '../trigger.ts'
import { assignWindows, isMerging, type WindowAssigner } from '../window.ts'
import type { KeySelector } from './keyed-process.ts'
import { MergingWindows } from './merging-windows.ts'
import type { CreateOperator } from './operator.ts'
import type { WindowContents } from './window-contents.ts'
import { processingTimeOf, windowOutput } from './window-output.ts'
import { WindowState } from './window-state.ts'

export interface WindowOperatorOptions<Key, T, Contents, Result, Out> {
  readonly assigner: WindowAssigner<T>
  readonly trigger: Trigger<T>
  readonly allowedLateness: DurationMs
  readonly lateTag: string | null
  readonly contents: (context: EvictorContext) => WindowContents<T, Contents, Result>
  readonly windowFunction: WindowFunction<Key, Result, Out, ProcessWindowContext> | undefined
  readonly clear:
    ((window: TimeWindow, key: Key, context: Pick<ProcessWindowContext, 'windowState'>) => void) | undefined
}

/**
 * Windows of any kind over one key: contents, trigger state and timers by key and window, and windows that merge.
 * A trigger's timer and the cleanup of the window at the same time are one timer, as in Flink.
 * Source: Flink's WindowOperator and EvictingWindowOperator. Differs: a firing that fails by a timer is lost alone, and
 * what its window is to do besides is done.
 */
export const windowOperator =
  <Key, T, Contents, Result, Out>(
    { keyOf, codec }: KeySelector<Key, T>,
    options: WindowOperatorOptions<Key, T, Contents, Result, Out>,
  ): CreateOperator =>
  (context) => {
    const { undo, outputs } = context
    const { assigner, trigger, allowedLateness } = options
    const isEventTime = assigner.time === 'event'
    const { of, from } = byteStringsOf(codec)
    const now: EvictorContext = {
      get currentWatermark() {
        return context.watermark
      },
      get currentProcessingTime() {
        return processingTimeOf(context)
      },
    }
    const contents = options.contents(now)
    const table = new NestedTable<string, Contents>('#windows', byteStringSubKeys, contents.codec, undo)
    const merging = isMerging(assigner) ? new MergingWindows(undo) : null
    const eventTimers = new Timers(undo)
    const processingTimers = new Timers(undo, 'processing')
    context.register(table)
    if (merging !== null) context.register(merging.table)
    context.register(eventTimers)
    context.register(processingTimers)

    const triggerState = new WindowState('#trigger-', context)
    const windowState = new WindowState('#window-', context)
    /** Those that have become the window in hand. */
    let mergedWindows: readonly ByteString[] = []
    const triggerContext: OnMergeContext = Object.assign(now, {
      registerEventTimeTimer: (at: Timestamp) => eventTimers.register(triggerState.key, at, triggerState.window),
      deleteEventTimeTimer: (at: Timestamp) => eventTimers.delete(triggerState.key, at, triggerState.window),
      registerProcessingTimeTimer: (at: Timestamp) =>
        processingTimers.register(triggerState.key, at, triggerState.window),
      deleteProcessingTimeTimer: (at: Timestamp) => processingTimers.delete(triggerState.key, at, triggerState.window),
      state: triggerState.state.bind(triggerState),
      mergeState: <V>(descriptor: Parameters<typeof triggerState.merge<V>>[0], combine: (a: V, b: V) => V) =>
        triggerState.merge(descriptor, mergedWindows, combine),
    })
    /** Binds what the trigger and the window function see to a window. */
    const turnTo = (key: ByteString, window: ByteString): void => {
      triggerState.key = windowState.key = key
      triggerState.window = windowState.window = window
    }

    const perWindow: Pick<ProcessWindowContext, 'windowState'> = {
      windowState: windowState.state.bind(windowState),
    }
    const emitResult = windowOutput(context, options.windowFunction, perWindow)
    const fire = (key: ByteString, userKey: () => Key, window: TimeWindow, state: ByteString): void => {
      const held = table.get(key, state)
      if (held === undefined) return
      const left = contents.fire(held, window, (result) => emitResult(result, window, userKey))
      if (left !== held) table.set(key, state, context.freeze(left))
    }

    // Source: Flink's WindowOperator.cleanupTime: lateness is of event time, and the end of time is not passed.
    const cleanupTime = (window: TimeWindow): Timestamp =>
      isEventTime ? Math.min(lastTimestampOf(window) + allowedLateness, maxTimestamp) : lastTimestampOf(window)
    const cleanupTimers = isEventTime ? eventTimers : processingTimers
    const isLate = (window: TimeWindow): boolean => isEventTime && cleanupTime(window) <= context.watermark
    const cleanUp = (key: ByteString, window: TimeWindow, bytes: ByteString, state: ByteString): void => {
      turnTo(key, bytes)
      table.set(key, state, undefined)
      trigger.clear(window, triggerContext)
      options.clear?.(window, from(key), perWindow)
      merging?.retire(key, window)
    }

    /** The window that an element's window became part of, and the name of its contents. */
    const mergeInto = (set: MergingWindows, key: ByteString, added: TimeWindow) => {
      const { window, state, sources, joining } = set.add(key, added)
      const stateBytes = windowBytes.of(state)
      if (sources.length > 0) {
        mergedWindows = sources.map(windowBytes.of)
        turnTo(key, windowBytes.of(window))
        trigger.onMerge?.(window, triggerContext)
        sources.forEach((source, index) => {
          const bytes = mergedWindows[index] ?? ''
          turnTo(key, bytes)
          trigger.clear(source, triggerContext)
          cleanupTimers.delete(key, cleanupTime(source), bytes)
        })
        for (const other of joining) {
          const bytes = windowBytes.of(other)
          const [before, more] = [table.get(key, stateBytes), table.get(key, bytes)]
          if (more === undefined) continue
          table.set(key, stateBytes, context.freeze(before === undefined ? more : contents.merge(before, more)))
          table.set(key, bytes, undefined)
        }
      }
      return { window, state: stateBytes }
    }

    const add = (element: T, userKey: Key, timestamp: Timestamp): void => {
      const key = of(userKey)
      const time = isEventTime ? timestamp : processingTimeOf(context)
      let isInWindow = false
      for (const assigned of assignWindows(assigner, element, time)) {
        const { window, state } =
          merging === null ? { window: assigned, state: windowBytes.of(assigned) } : mergeInto(merging, key, assigned)
        if (isLate(window)) {
          merging?.retire(key, window)
          continue
        }
        isInWindow = true
        table.set(key, state, context.freeze(contents.add(element, timestamp, table.get(key, state))))
        const bytes = windowBytes.of(window)
        turnTo(key, bytes)
        const result = trigger.onElement(element, timestamp, window, triggerContext)
        if (isFire(result)) fire(key, () => userKey, window, state)
        if (isPurge(result)) table.set(key, state, undefined)
        if (cleanupTime(window) < maxTimestamp) cleanupTimers.register(key, cleanupTime(window), bytes)
      }
      if (isInWindow || !isEventTime || timestamp + allowedLateness > context.watermark) return
      context.countLate()
      if (options.lateTag !== null) context.side(options.lateTag).emit(element, timestamp)
    }

    /** Runs a part of what a timer brings about: if it fails, it is undone and the rest goes on. */
    const guarded = <Value>(run: () => Value): Value | undefined => {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      try {
        return run()
      } catch (error) {
        context.fail(error, undoPosition, outputPosition)
        return undefined
      }
    }
    const onTimer = (
      { key, at, namespace }: Timer,
      ask: (window: TimeWindow) => TriggerResult,
      isOfAssigner: boolean,
    ): void => {
      const window = windowBytes.from(namespace)
      const stateWindow = merging === null ? window : merging.stateOf(key, window)
      if (stateWindow === undefined) return // it is part of another by now
      const state = windowBytes.of(stateWindow)
      turnTo(key, namespace)
      const result = guarded(() => ask(window)) ?? 'continue'
      if (isFire(result)) guarded(() => fire(key, () => from(key), window, state))
      if (isPurge(result)) table.set(key, state, undefined)
      if (isOfAssigner && at === cleanupTime(window)) guarded(() => cleanUp(key, window, namespace, state))
    }

    return {
      receivers: [
        {
          process(value, timestamp) {
            const undoPosition = undo.position
            const outputPosition = outputs.position
            try {
              const element = value as T // the builder typed the stream that feeds the operator
              add(element, keyOf(element), timestamp)
            } catch (error) {
              context.fail(error, undoPosition, outputPosition)
            }
          },
        },
      ],
      fireNext(watermark) {
        const timer = eventTimers.take(watermark)
        if (timer !== undefined) {
          context.fires(timer.at, timer.key, timer.namespace)
          onTimer(timer, (window) => trigger.onEventTime(timer.at, window, triggerContext), isEventTime)
        }
        return timer !== undefined
      },
      fireNextProcessingTime(time) {
        const timer = processingTimers.take(time)
        if (timer !== undefined) {
          context.fires(timer.at, timer.key, timer.namespace)
          onTimer(timer, (window) => trigger.onProcessingTime(timer.at, window, triggerContext), !isEventTime)
        }
        return timer !== undefined
      },
    }
  }
