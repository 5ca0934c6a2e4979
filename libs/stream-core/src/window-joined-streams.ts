import type { WindowContext } from './aggregate.ts'
import type { Codec } from './codec.ts'
import type { Evictor } from './evictor.ts'
import { sidedCodec, tagSidesOperator, type SidedElement } from './operators/tag-sides.ts'
import type { OutputTag } from './process-function.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'
import type { DurationMs } from './time.ts'
import type { TimeWindow } from './time-window.ts'
import type { Trigger } from './trigger.ts'
import type { WindowAssigner } from './window.ts'
import { windowsOf, type WindowedStream } from './windowed-stream.ts'

/**
 * Sees what both streams had of a key in a window, in order of arrival; one side may be empty. What it emits has the
 * window's last timestamp. Source: Flink's CoGroupFunction.
 */
export type CoGroupFunction<Key, Left, Right, Out> = (
  lefts: readonly Left[],
  rights: readonly Right[],
  window: TimeWindow,
  key: Key,
  emit: (value: Out) => void,
  context: WindowContext,
) => void

/** Sees each pair of a key and window, by the left element, then the right one. Source: Flink's FlatJoinFunction. */
export type WindowJoinFunction<Key, Left, Right, Out> = (
  left: Left,
  right: Right,
  window: TimeWindow,
  key: Key,
  emit: (value: Out) => void,
  context: WindowContext,
) => void

interface Codecs<Left, Right> {
  readonly left: Codec<Left>
  readonly right: Codec<Right>
}

/** Two streams of one key, to be put into the same windows. Source: Flink's CoGroupedStreams and JoinedStreams. */
export interface WindowJoinable<Left, Right, Windows> {
  /** In a session the elements of both sides keep it open. */
  window(assigner: WindowAssigner<SidedElement<Left, Right>>): Windows
}

interface JoinedWindows<Left, Right, Self> {
  /** As `WindowedStream.trigger`, for the elements of both sides together; so are those below. */
  trigger(trigger: Trigger<SidedElement<Left, Right>>): Self
  evictor(evictor: Evictor<SidedElement<Left, Right>>): Self
  allowedLateness(lateness: DurationMs): Self
  sideOutputLateData(tag: OutputTag<SidedElement<Left, Right>>): Self
}

/** Both sides' elements of a key and window, as lists. Source: Flink's CoGroupedStreams. */
export interface CoGroupedWindows<Key, Left, Right> extends JoinedWindows<
  Left,
  Right,
  CoGroupedWindows<Key, Left, Right>
> {
  /** The codecs write what a window holds: all its elements. */
  process<Out>(uid: string, codecs: Codecs<Left, Right>, f: CoGroupFunction<Key, Left, Right, Out>): DataStream<Out>
}
/** All pairs of a key and window. Source: Flink's JoinedStreams. */
export interface WindowJoinedStreams<Key, Left, Right> extends JoinedWindows<
  Left,
  Right,
  WindowJoinedStreams<Key, Left, Right>
> {
  /** The codecs write what a window holds: all its elements. Inner: elements without a partner in a window are silent. */
  process<Out>(uid: string, codecs: Codecs<Left, Right>, f: WindowJoinFunction<Key, Left, Right, Out>): DataStream<Out>
}

interface Joined<Key, Left, Right> {
  readonly windowed: WindowedStream<Key, SidedElement<Left, Right>>
  readonly evictor: Evictor<SidedElement<Left, Right>> | null
}

const joinedWindows = <Key, Left, Right, Self>(
  { windowed, evictor }: Joined<Key, Left, Right>,
  again: (joined: Joined<Key, Left, Right>) => Self,
): JoinedWindows<Left, Right, Self> => ({
  trigger: (trigger) => again({ windowed: windowed.trigger(trigger), evictor }),
  evictor: (chosen) => again({ windowed, evictor: chosen }),
  allowedLateness: (lateness) => again({ windowed: windowed.allowedLateness(lateness), evictor }),
  sideOutputLateData: (tag) => again({ windowed: windowed.sideOutputLateData(tag), evictor }),
})

const coGrouped = <Key, Left, Right>(joined: Joined<Key, Left, Right>): CoGroupedWindows<Key, Left, Right> => ({
  ...joinedWindows(joined, coGrouped<Key, Left, Right>),
  process: (uid, { left, right }, f) => {
    const codec = sidedCodec(left, right, uid)
    const { windowed, evictor } = joined
    return (evictor === null ? windowed : windowed.evictor(evictor, codec)).process(
      uid,
      codec,
      (elements, window, key, emit, context) => {
        const lefts: Left[] = []
        const rights: Right[] = []
        for (const element of elements) {
          if (element.side === 'left') lefts.push(element.value)
          else rights.push(element.value)
        }
        f(lefts, rights, window, key, emit, context)
      },
    )
  },
})

const windowJoined = <Key, Left, Right>(joined: Joined<Key, Left, Right>): WindowJoinedStreams<Key, Left, Right> => ({
  ...joinedWindows(joined, windowJoined<Key, Left, Right>),
  process: (uid, codecs, f) =>
    coGrouped(joined).process(uid, codecs, (lefts, rights, window, key, emit, context) => {
      for (const left of lefts) for (const right of rights) f(left, right, window, key, emit, context)
    }),
})

const joinable = <Key, Left, Right, Windows>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
  windows: (joined: Joined<Key, Left, Right>) => Windows,
): WindowJoinable<Left, Right, Windows> => ({
  window: (assigner) => {
    const sided = add<SidedElement<Left, Right>>({
      operator: 'tagSides',
      inputs: [left.node, right.node],
      create: tagSidesOperator,
    })
    const keyed = sided.keyedAs<Key>({
      keyOf: (element) =>
        element.side === 'left' ? left.selector.keyOf(element.value) : right.selector.keyOf(element.value),
      codec: left.selector.codec,
    })
    return windows({ windowed: windowsOf(add, keyed, assigner), evictor: null })
  },
})

export const coGroupedStreams = <Key, Left, Right>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
): WindowJoinable<Left, Right, CoGroupedWindows<Key, Left, Right>> => joinable(add, left, right, coGrouped)

export const windowJoinedStreams = <Key, Left, Right>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
): WindowJoinable<Left, Right, WindowJoinedStreams<Key, Left, Right>> => joinable(add, left, right, windowJoined)
