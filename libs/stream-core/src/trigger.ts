import { numberCodec } from './state/value-codecs.ts'
import { valueState, type ValueState, type ValueStateDescriptor } from './state/state.ts'
import { maxTimestamp, type DurationMs, type Timestamp } from './time.ts'
import { lastTimestampOf, type TimeWindow } from './time-window.ts'
import { WindowShapeError } from './window.ts'

/**
 * What a window does now: `fire` gives its contents to the window function and keeps them, `purge` drops them,
 * `fire-and-purge` does both, in this order. Source: Flink's TriggerResult.
 */
export type TriggerResult = 'continue' | 'fire' | 'purge' | 'fire-and-purge'

/** What a trigger has: time, timers and state, all of one key and window. Source: Flink's TriggerContext. */
export interface TriggerContext {
  readonly currentWatermark: Timestamp
  /** As the journaled clock shows it. */
  readonly currentProcessingTime: Timestamp
  registerEventTimeTimer(timestamp: Timestamp): void
  deleteEventTimeTimer(timestamp: Timestamp): void
  registerProcessingTimeTimer(timestamp: Timestamp): void
  deleteProcessingTimeTimer(timestamp: Timestamp): void
  /** Descriptors are declared once, outside the trigger's methods. */
  state<T>(descriptor: ValueStateDescriptor<T>): ValueState<T>
}

/** Source: Flink's OnMergeContext. */
export interface OnMergeContext extends TriggerContext {
  /** Moves what the merged windows hold into the new one: two values become one by `combine`, the earlier window's first. */
  mergeState<T>(descriptor: ValueStateDescriptor<T>, combine: (a: T, b: T) => T): void
}

/**
 * Says when a window fires. It is asked at each element of the window and at each timer it registered; it keeps nothing
 * but what is in `ctx`. Source: Flink's Trigger.
 */
export interface Trigger<T = unknown> {
  /** For people. */
  readonly name: string
  onElement(element: T, timestamp: Timestamp, window: TimeWindow, ctx: TriggerContext): TriggerResult
  onEventTime(time: Timestamp, window: TimeWindow, ctx: TriggerContext): TriggerResult
  onProcessingTime(time: Timestamp, window: TimeWindow, ctx: TriggerContext): TriggerResult
  /** `window` came of others, which are cleared after this. Without it the trigger is not for windows that merge. */
  onMerge?(window: TimeWindow, ctx: OnMergeContext): void
  /** The window goes: so must all that this trigger registered and stored for it. */
  clear(window: TimeWindow, ctx: TriggerContext): void
}

const go = (): TriggerResult => 'continue'
const nothing = (): void => undefined

/** When the watermark passes the window's end; at once for elements after that. Source: Flink's EventTimeTrigger. */
export const eventTimeTrigger: Trigger = {
  name: 'event time',
  onElement(_element, _timestamp, window, ctx) {
    if (lastTimestampOf(window) <= ctx.currentWatermark) return 'fire'
    ctx.registerEventTimeTimer(lastTimestampOf(window))
    return 'continue'
  },
  onEventTime: (time, window) => (time === lastTimestampOf(window) ? 'fire' : 'continue'),
  onProcessingTime: go,
  onMerge(window, ctx) {
    if (lastTimestampOf(window) > ctx.currentWatermark) ctx.registerEventTimeTimer(lastTimestampOf(window))
  },
  clear: (window, ctx) => ctx.deleteEventTimeTimer(lastTimestampOf(window)),
}

/** When the journaled clock passes the window's end. Source: Flink's ProcessingTimeTrigger. */
export const processingTimeTrigger: Trigger = {
  name: 'processing time',
  onElement(_element, _timestamp, window, ctx) {
    ctx.registerProcessingTimeTimer(lastTimestampOf(window))
    return 'continue'
  },
  onEventTime: go,
  onProcessingTime: () => 'fire',
  onMerge(window, ctx) {
    if (lastTimestampOf(window) > ctx.currentProcessingTime) ctx.registerProcessingTimeTimer(lastTimestampOf(window))
  },
  clear: (window, ctx) => ctx.deleteProcessingTimeTimer(lastTimestampOf(window)),
}

/** When the input ends, for global windows. Source: Flink's GlobalWindows.EndOfStreamTrigger. */
export const endOfStreamTrigger: Trigger = {
  name: 'end of stream',
  onElement(_element, _timestamp, window, ctx) {
    ctx.registerEventTimeTimer(lastTimestampOf(window))
    return 'continue'
  },
  onEventTime: (time, window) => (time === lastTimestampOf(window) ? 'fire' : 'continue'),
  onProcessingTime: go,
  onMerge: nothing,
  clear: (window, ctx) => ctx.deleteEventTimeTimer(lastTimestampOf(window)),
}

/** Never: what global windows do unless told otherwise. Source: Flink's GlobalWindows.NeverTrigger. */
export const neverTrigger: Trigger = {
  name: 'never',
  onElement: go,
  onEventTime: go,
  onProcessingTime: go,
  onMerge: nothing,
  clear: nothing,
}

const requireWhole = (what: string, value: number): void => {
  if (!Number.isSafeInteger(value) || value <= 0) throw new WindowShapeError(`${what} of ${value} cannot be.`)
}

const countState = valueState('count', numberCodec)
const sum = (a: number, b: number): number => a + b

/** At every `count`th element of a window. Source: Flink's CountTrigger. @throws {WindowShapeError} */
export const countTrigger = (count: number): Trigger => {
  requireWhole('A count', count)
  return {
    name: `count ${count}`,
    onElement(_element, _timestamp, _window, ctx) {
      const state = ctx.state(countState)
      const seen = (state.value ?? 0) + 1
      if (seen < count) {
        state.value = seen
        return 'continue'
      }
      state.clear()
      return 'fire'
    },
    onEventTime: go,
    onProcessingTime: go,
    onMerge: (_window, ctx) => ctx.mergeState(countState, sum),
    clear: (_window, ctx) => ctx.state(countState).clear(),
  }
}

const fireTimeState = valueState('fire-time', numberCodec)

/** The first multiple of `interval` after `time`, counted from the epoch as Flink does. */
const nextInterval = (time: Timestamp, interval: DurationMs): Timestamp => time - (time % interval) + interval

/**
 * At every `interval` of event time since the epoch while there are elements, and when the watermark passes the window's
 * end. Source: Flink's ContinuousEventTimeTrigger. Differs: a watermark that passes several intervals at once fires once
 * for them, where Flink's fires for each, without end when the input ends. @throws {WindowShapeError}
 */
export const continuousEventTimeTrigger = (interval: DurationMs): Trigger => {
  requireWhole('An interval', interval)
  const fireAt = (time: Timestamp, ctx: TriggerContext): void => {
    ctx.state(fireTimeState).value = time
    ctx.registerEventTimeTimer(time)
  }
  return {
    name: `continuous event time ${interval} ms`,
    onElement(_element, timestamp, window, ctx) {
      if (lastTimestampOf(window) <= ctx.currentWatermark) return 'fire'
      ctx.registerEventTimeTimer(lastTimestampOf(window))
      if (ctx.state(fireTimeState).value === undefined) fireAt(nextInterval(timestamp, interval), ctx)
      return 'continue'
    },
    onEventTime(time, window, ctx) {
      if (time === lastTimestampOf(window)) return 'fire'
      const state = ctx.state(fireTimeState)
      if (time !== state.value) return 'continue'
      if (ctx.currentWatermark < maxTimestamp) fireAt(nextInterval(ctx.currentWatermark, interval), ctx)
      else state.clear()
      return 'fire'
    },
    onProcessingTime: go,
    onMerge(_window, ctx) {
      ctx.mergeState(fireTimeState, Math.min)
      const next = ctx.state(fireTimeState).value
      if (next !== undefined) ctx.registerEventTimeTimer(next)
    },
    clear(_window, ctx) {
      const state = ctx.state(fireTimeState)
      if (state.value === undefined) return
      ctx.deleteEventTimeTimer(state.value)
      state.clear()
    },
  }
}

/**
 * At every `interval` of the journaled clock while there are elements, and when it passes the window's end.
 * Source: Flink's ContinuousProcessingTimeTrigger. Differs: as the continuous trigger of event time.
 * @throws {WindowShapeError}
 */
export const continuousProcessingTimeTrigger = (interval: DurationMs): Trigger => {
  requireWhole('An interval', interval)
  const fireNext = (window: TimeWindow, ctx: TriggerContext): void => {
    const next = Math.min(nextInterval(ctx.currentProcessingTime, interval), lastTimestampOf(window))
    ctx.state(fireTimeState).value = next
    ctx.registerProcessingTimeTimer(next)
  }
  return {
    name: `continuous processing time ${interval} ms`,
    onElement(_element, _timestamp, window, ctx) {
      if (ctx.state(fireTimeState).value === undefined) fireNext(window, ctx)
      return 'continue'
    },
    onEventTime: go,
    onProcessingTime(time, window, ctx) {
      const state = ctx.state(fireTimeState)
      if (time !== state.value) return 'continue'
      state.clear()
      // At its end a window of processing time goes; one of event time is not to be asked for ever.
      if (time < lastTimestampOf(window)) fireNext(window, ctx)
      return 'fire'
    },
    onMerge(_window, ctx) {
      ctx.mergeState(fireTimeState, Math.min)
      const next = ctx.state(fireTimeState).value
      if (next !== undefined) ctx.registerProcessingTimeTimer(next)
    },
    clear(_window, ctx) {
      const state = ctx.state(fireTimeState)
      if (state.value === undefined) return
      ctx.deleteProcessingTimeTimer(state.value)
      state.clear()
    },
  }
}

/** The window's contents go to its function. */
export const isFire = (result: TriggerResult): boolean => result === 'fire' || result === 'fire-and-purge'
/** The window's contents are dropped. */
export const isPurge = (result: TriggerResult): boolean => result === 'purge' || result === 'fire-and-purge'

/** As `trigger`, but what fires is gone afterwards. Source: Flink's PurgingTrigger. */
export const purgingTrigger = <T>(trigger: Trigger<T>): Trigger<T> => {
  const purged = (result: TriggerResult): TriggerResult => (isFire(result) ? 'fire-and-purge' : result)
  const onMerge = trigger.onMerge?.bind(trigger)
  return {
    name: `${trigger.name}, purging`,
    onElement: (element, timestamp, window, ctx) => purged(trigger.onElement(element, timestamp, window, ctx)),
    onEventTime: (time, window, ctx) => purged(trigger.onEventTime(time, window, ctx)),
    onProcessingTime: (time, window, ctx) => purged(trigger.onProcessingTime(time, window, ctx)),
    ...(onMerge && { onMerge }),
    clear: (window, ctx) => trigger.clear(window, ctx),
  }
}

/** Source: Flink's ProcessingTimeoutTrigger. */
export interface ProcessingTimeoutOptions {
  /** Each element begins the time anew; else it runs from the first since the last firing. Default false. */
  readonly resetOnElement?: boolean
  /** A timeout clears the inner trigger, so that it counts from nothing again. Default true. */
  readonly clearOnTimeout?: boolean
}

const timeoutState = valueState('timeout', numberCodec)

/**
 * As `trigger`, but fires at the latest `timeout` ms of the journaled clock after an element. Not for windows that
 * merge. Source: Flink's ProcessingTimeoutTrigger. @throws {WindowShapeError}
 */
export const processingTimeoutTrigger = <T>(
  trigger: Trigger<T>,
  timeout: DurationMs,
  { resetOnElement = false, clearOnTimeout = true }: ProcessingTimeoutOptions = {},
): Trigger<T> => {
  requireWhole('A timeout', timeout)
  const clear = (window: TimeWindow, ctx: TriggerContext): void => {
    const state = ctx.state(timeoutState)
    if (state.value !== undefined) {
      ctx.deleteProcessingTimeTimer(state.value)
      state.clear()
    }
    trigger.clear(window, ctx)
  }
  const fired = (result: TriggerResult): TriggerResult => (isPurge(result) ? 'fire-and-purge' : 'fire')
  return {
    name: `${trigger.name}, at the latest after ${timeout} ms`,
    onElement(element, timestamp, window, ctx) {
      const result = trigger.onElement(element, timestamp, window, ctx)
      if (isFire(result)) {
        clear(window, ctx)
        return result
      }
      const state = ctx.state(timeoutState)
      if (state.value !== undefined && !resetOnElement) return result
      if (state.value !== undefined) ctx.deleteProcessingTimeTimer(state.value)
      state.value = ctx.currentProcessingTime + timeout
      ctx.registerProcessingTimeTimer(state.value)
      return result
    },
    onEventTime: (time, window, ctx) => fired(trigger.onEventTime(time, window, ctx)),
    onProcessingTime(time, window, ctx) {
      const result = trigger.onProcessingTime(time, window, ctx)
      if (clearOnTimeout) clear(window, ctx)
      return fired(result)
    },
    clear,
  }
}
