import type { KeyCodec } from '../codec.ts'
import type { KeyedCoProcessFunction, KeyedContext, KeyedProcessFunction, OnTimerContext } from '../process-function.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { KeyedState } from '../state/keyed-state.ts'
import { Timers } from '../timers.ts'
import { minTimestamp, noTimestamp, type Timestamp } from '../time.ts'
import type { CreateOperator, Receiver } from './operator.ts'

/** How a keyed stream finds an element's key. */
export interface KeySelector<Key, T> {
  readonly keyOf: (value: T) => Key
  readonly codec: KeyCodec<Key>
}

interface KeyedLogic<Key, Out> {
  readonly inputs: readonly {
    readonly keyOf: (value: unknown) => Key
    readonly process: (value: unknown, context: KeyedContext<Key, Out>) => void
  }[]
  readonly onTimer: ((timestamp: Timestamp, context: OnTimerContext<Key, Out>) => void) | undefined
}

const keyedOperator =
  <Key, Out>(codec: KeyCodec<Key>, logic: KeyedLogic<Key, Out>): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    const { of, from } = byteStringsOf(codec)
    const timers = new Timers(undo)
    context.register(timers)
    const processingTimers = new Timers(undo, 'processing')
    context.register(processingTimers)
    const state = new KeyedState(context, timers)
    let key: Key
    /** Of what is emitted. */
    let stamp: Timestamp = noTimestamp
    const keyed: { -readonly [Name in keyof OnTimerContext<Key, Out>]: OnTimerContext<Key, Out>[Name] } = {
      get key() {
        return key
      },
      timestamp: 0,
      timeDomain: 'event',
      timers: {
        get currentWatermark() {
          return context.watermark
        },
        get currentProcessingTime() {
          return context.processingTime
        },
        registerEventTimeTimer: (timestamp) => timers.register(state.key, timestamp),
        deleteEventTimeTimer: (timestamp) => timers.delete(state.key, timestamp),
        registerProcessingTimeTimer: (timestamp) => processingTimers.register(state.key, timestamp),
        deleteProcessingTimeTimer: (timestamp) => processingTimers.delete(state.key, timestamp),
      },
      emit: (value) => main.emit(value, stamp),
      output: (tag, value) => context.side(tag.id).emit(value, stamp),
      state: state.bind.bind(state) as KeyedContext<Key, Out>['state'], // `bind` returns the handle of its descriptor
    }
    const receivers = logic.inputs.map(({ keyOf, process }): Receiver => ({
      process(value, timestamp) {
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          key = keyOf(value)
          state.key = of(key)
          keyed.timestamp = stamp = timestamp
          state.now = Math.max(timestamp, context.watermark)
          process(value, keyed)
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
      },
    }))
    return {
      receivers,
      fireNext(watermark) {
        if (timers.sortNext(watermark)) return true
        const timer = timers.take(watermark)
        if (timer === undefined) return false
        context.fires(timer.at, timer.key, timer.namespace)
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          state.key = timer.key
          keyed.timestamp = stamp = state.now = timer.at
          keyed.timeDomain = 'event'
          if (timer.namespace !== '') state.expire(timer)
          else {
            key = from(timer.key)
            logic.onTimer?.(timer.at, keyed)
          }
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
        return true
      },
      fireNextProcessingTime(time) {
        if (processingTimers.sortNext(time)) return true
        const timer = processingTimers.take(time)
        if (timer === undefined) return false
        context.fires(timer.at, timer.key)
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          state.key = timer.key
          keyed.timestamp = timer.at
          stamp = noTimestamp
          // State lives in event time, which the clock does not move.
          state.now = context.watermark === minTimestamp ? timer.at : context.watermark
          keyed.timeDomain = 'processing'
          key = from(timer.key)
          logic.onTimer?.(timer.at, keyed)
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
        return true
      },
    }
  }

export const keyedProcessOperator = <Key, T, Out>(
  { keyOf, codec }: KeySelector<Key, T>,
  f: KeyedProcessFunction<Key, T, Out>,
): CreateOperator =>
  keyedOperator<Key, Out>(codec, {
    // The builder typed the stream that feeds the operator: here and below `unknown` is that type.
    inputs: [
      { keyOf: (value) => keyOf(value as T), process: (value, context) => f.processElement(value as T, context) },
    ],
    onTimer: f.onTimer && ((timestamp, context) => f.onTimer?.(timestamp, context)),
  })

export const keyedCoProcessOperator = <Key, Left, Right, Out>(
  left: KeySelector<Key, Left>,
  right: KeySelector<Key, Right>,
  f: KeyedCoProcessFunction<Key, Left, Right, Out>,
): CreateOperator =>
  keyedOperator<Key, Out>(left.codec, {
    inputs: [
      {
        keyOf: (value) => left.keyOf(value as Left),
        process: (value, context) => f.processElement1(value as Left, context),
      },
      {
        keyOf: (value) => right.keyOf(value as Right),
        process: (value, context) => f.processElement2(value as Right, context),
      },
    ],
    onTimer: f.onTimer && ((timestamp, context) => f.onTimer?.(timestamp, context)),
  })
