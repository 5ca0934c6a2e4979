import type { Codec } from './codec.ts'
import type { JoinFunction } from './join-function.ts'
import { intervalJoinOperator } from './operators/interval-join.ts'
import type { OutputTag } from './process-function.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'
import type { DurationMs } from './time.ts'
import { TopologyError } from './topology.ts'

/**
 * Pairs of equal key with `left.timestamp + lower <= right.timestamp <= left.timestamp + upper`; `<` at a bound that is
 * exclusive. An element before the watermark is late: it meets nobody and goes to its side output, if there is one.
 * Source: Flink's KeyedStream.intervalJoin.
 */
export interface IntervalJoinedStreams<Key, Left, Right> {
  /** Whole ms. Default 0 to 0: equal timestamps. */
  between(lower: DurationMs, upper: DurationMs): IntervalJoinedStreams<Key, Left, Right>
  lowerBoundExclusive(): IntervalJoinedStreams<Key, Left, Right>
  upperBoundExclusive(): IntervalJoinedStreams<Key, Left, Right>
  /** Without a tag late elements are only counted. */
  sideOutputLeftLateData(tag: OutputTag<Left>): IntervalJoinedStreams<Key, Left, Right>
  sideOutputRightLateData(tag: OutputTag<Right>): IntervalJoinedStreams<Key, Left, Right>
  /** The codecs write what waits for a partner. @throws {TopologyError} if no pair can be between the bounds. */
  process<Out>(
    uid: string,
    codecs: { readonly left: Codec<Left>; readonly right: Codec<Right> },
    f: JoinFunction<Key, Left, Right, Out>,
  ): DataStream<Out>
}

interface Bounds {
  readonly lower: DurationMs
  readonly upper: DurationMs
  readonly isLowerExclusive: boolean
  readonly isUpperExclusive: boolean
  readonly leftLateTag: string | null
  readonly rightLateTag: string | null
}

const equalTimes: Bounds = {
  lower: 0,
  upper: 0,
  isLowerExclusive: false,
  isUpperExclusive: false,
  leftLateTag: null,
  rightLateTag: null,
}

export const intervalJoinedStreams = <Key, Left, Right>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
  bounds = equalTimes,
): IntervalJoinedStreams<Key, Left, Right> => {
  const withBounds = (changed: Partial<Bounds>) => intervalJoinedStreams(add, left, right, { ...bounds, ...changed })
  return {
    between: (lower, upper) => withBounds({ lower, upper }),
    lowerBoundExclusive: () => withBounds({ isLowerExclusive: true }),
    upperBoundExclusive: () => withBounds({ isUpperExclusive: true }),
    sideOutputLeftLateData: (tag) => withBounds({ leftLateTag: tag.id }),
    sideOutputRightLateData: (tag) => withBounds({ rightLateTag: tag.id }),
    process: (uid, codecs, f) => {
      const { isLowerExclusive, isUpperExclusive, leftLateTag, rightLateTag } = bounds
      const lower = bounds.lower + (isLowerExclusive ? 1 : 0)
      const upper = bounds.upper - (isUpperExclusive ? 1 : 0)
      const detail = `between ${bounds.lower} ms${isLowerExclusive ? ' (exclusive)' : ''} and ${bounds.upper} ms${isUpperExclusive ? ' (exclusive)' : ''}`
      if (!Number.isSafeInteger(lower) || !Number.isSafeInteger(upper) || lower > upper) {
        throw new TopologyError(`The join "${uid}" is ${detail}: no pair of whole milliseconds is.`)
      }
      const create = intervalJoinOperator(left.selector, right.selector, {
        lower,
        upper,
        leftCodec: codecs.left,
        rightCodec: codecs.right,
        leftLateTag,
        rightLateTag,
        join: f,
      })
      return add({ uid, operator: 'intervalJoin', detail, inputs: [left.node, right.node], create })
    },
  }
}
