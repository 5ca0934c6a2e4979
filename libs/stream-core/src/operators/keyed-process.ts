import type { KeyCodec } from '../codec.ts'
import {
  requireSynchronous,
  type BroadcastContext,
  type KeyedBroadcastContext,
  type KeyedBroadcastProcessFunction,
  type KeyedCoProcessFunction,
  type KeyedContext,
  type KeyedProcessFunction,
  type KeyedReadOnlyContext,
  type OnTimerContext,
} from '../process-function.ts'
import { BroadcastState } from '../state/broadcast-state.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { KeyedState, type StateDescriptor } from '../state/keyed-state.ts'
import type { MapStateDescriptor } from '../state/state.ts'
import { Timers } from '../timers.ts'
import { minTimestamp, noTimestamp, type Timestamp } from '../time.ts'
import type { CreateOperator, Receiver } from './operator.ts'

/** How a keyed stream finds an element's key. */
export interface KeySelector<Key, T> {
  readonly keyOf: (value: T) => Key
  readonly codec: KeyCodec<Key>
}

const encoded = Symbol('encoded')

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

interface KeyedLogic<Key, Out> {
  readonly inputs: readonly {
    readonly keyOf: (value: unknown) => Key
    /** What the user's function answers is nothing, unless it is a promise. */
    readonly process: (value: unknown, context: KeyedOperatorContext<Key, Out>) => unknown
  }[]
  readonly onTimer: ((timestamp: Timestamp, context: KeyedOperatorContext<Key, Out>) => unknown) | undefined
  /** An input after the others, without a key. */
  readonly broadcast?: {
    readonly descriptors: readonly MapStateDescriptor<unknown, unknown>[]
    readonly process: (value: unknown, context: KeyedBroadcastContext<Key, Out>) => unknown
  }
}

type KeyedOperatorContext<Key, Out> = OnTimerContext<Key, Out> & KeyedReadOnlyContext<Key, Out>

const keyedOperator =
  <Key, Out>(codec: KeyCodec<Key>, logic: KeyedLogic<Key, Out>): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    const { of, from } = byteStringsOf(codec)
    const timers = new Timers(undo)
    context.register(timers)
    const processingTimers = new Timers(undo, 'processing')
    context.register(processingTimers)
    const { broadcast } = logic
    const broadcastState = new BroadcastState(context, broadcast?.descriptors ?? [])
    const state = new KeyedState(context, timers, { hasKeyIndex: broadcast !== undefined })
    /** Of a timer it is decoded when it is asked for. */
    let key: Key | typeof encoded = encoded
    /** Of what is emitted. */
    let stamp: Timestamp = noTimestamp
    /** How often the broadcast element in hand has asked for all keys. */
    let calls = 0
    const keyed: Writable<KeyedOperatorContext<Key, Out>> = {
      get key() {
        if (key === encoded) key = from(state.key)
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
        registerEventTimeTimer: (timestamp) => timers.register(state.key, timestamp, '', state.row),
        deleteEventTimeTimer: (timestamp) => timers.delete(state.key, timestamp),
        registerProcessingTimeTimer: (timestamp) => processingTimers.register(state.key, timestamp, '', state.row),
        deleteProcessingTimeTimer: (timestamp) => processingTimers.delete(state.key, timestamp),
      },
      emit: (value) => main.emit(value, stamp),
      output: (tag, value) => context.side(tag.id).emit(value, stamp),
      state: state.bind.bind(state) as KeyedContext<Key, Out>['state'], // `bind` returns the handle of its descriptor
      broadcastState: ((descriptor: MapStateDescriptor<unknown, unknown>) =>
        broadcastState.readable(descriptor)) as KeyedReadOnlyContext<Key, Out>['broadcastState'], // likewise
    }
    const broadcastContext: Writable<KeyedBroadcastContext<Key, Out>> = {
      timestamp: 0,
      get currentWatermark() {
        return context.watermark
      },
      broadcastState: ((descriptor: MapStateDescriptor<unknown, unknown>) =>
        broadcastState.writable(descriptor)) as BroadcastContext['broadcastState'],
      applyToKeyedState: (
        descriptor: StateDescriptor,
        f: (key: Key, handle: never, emit: (value: Out) => void) => void,
      ): void => {
        const handle = state.bind(descriptor)
        const call = calls++
        for (const bytes of state.keysWithState()) {
          state.key = bytes
          if (!state.has(descriptor)) continue
          context.applies(call, bytes)
          // `bind` returned the handle of the descriptor, which its overload ties to `f`.
          f(from(bytes), handle as never, keyed.emit)
        }
      },
    }
    const broadcastReceiver: Receiver = {
      process(value, timestamp) {
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          broadcastContext.timestamp = stamp = timestamp
          calls = 0
          state.now = Math.max(timestamp, context.watermark)
          requireSynchronous(broadcast?.process(value, broadcastContext), context.name)
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
      },
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
          requireSynchronous(process(value, keyed), context.name)
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
      },
    }))
    return {
      receivers: broadcast === undefined ? receivers : [...receivers, broadcastReceiver],
      fireNext(watermark) {
        if (timers.sortNext(watermark)) return true
        const timer = timers.take(watermark)
        if (timer === undefined) return false
        context.fires(timer.at, timer.key, timer.namespace)
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          state.turnTo(timer)
          keyed.timestamp = stamp = state.now = timer.at
          keyed.timeDomain = 'event'
          if (timer.namespace !== '') state.expire(timer)
          else {
            key = encoded
            requireSynchronous(logic.onTimer?.(timer.at, keyed), context.name)
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
          state.turnTo(timer)
          keyed.timestamp = timer.at
          stamp = noTimestamp
          // State lives in event time, which the clock does not move.
          state.now = context.watermark === minTimestamp ? timer.at : context.watermark
          keyed.timeDomain = 'processing'
          key = encoded
          requireSynchronous(logic.onTimer?.(timer.at, keyed), context.name)
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

export const keyedBroadcastProcessOperator = <Key, T, Broadcast, Out>(
  { keyOf, codec }: KeySelector<Key, T>,
  descriptors: readonly MapStateDescriptor<unknown, unknown>[],
  f: KeyedBroadcastProcessFunction<Key, T, Broadcast, Out>,
): CreateOperator =>
  keyedOperator<Key, Out>(codec, {
    inputs: [
      { keyOf: (value) => keyOf(value as T), process: (value, context) => f.processElement(value as T, context) },
    ],
    onTimer: f.onTimer && ((timestamp, context) => f.onTimer?.(timestamp, context)),
    broadcast: {
      descriptors,
      process: (value, context) => f.processBroadcastElement(value as Broadcast, context),
    },
  })
