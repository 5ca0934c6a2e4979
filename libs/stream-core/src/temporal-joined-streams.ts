import type { Codec } from './codec.ts'
import type { TemporalJoinFunction } from './join-function.ts'
import { temporalJoinOperator } from './operators/temporal-join.ts'
import type { OutputTag } from './process-function.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'

/**
 * Each left element with the right element of its key that was valid at its time: the last one at or before it, of those
 * at the same time the one that came last. It waits for the watermark to reach its time. The last version of each key stays
 * for good, so the right side should have no more keys than can be kept.
 * Source: Flink's event-time temporal join.
 */
export interface TemporalJoinedStreams<Key, Left, Right, Version> {
  /** Left elements without a version are joined, too, with `undefined`. Default: they are silent. */
  leftOuter(): TemporalJoinedStreams<Key, Left, Right, Right | undefined>
  /** Left elements at or before the watermark. Without a tag late elements are only counted. */
  sideOutputLeftLateData(tag: OutputTag<Left>): TemporalJoinedStreams<Key, Left, Right, Version>
  /**
   * Versions that no element to come can need, as a later one is valid already. One that comes after left elements of its
   * time and is still of use is not late: it is joined from then on.
   */
  sideOutputRightLateData(tag: OutputTag<Right>): TemporalJoinedStreams<Key, Left, Right, Version>
  /** The codecs write left elements that wait, and versions. */
  process<Out>(
    uid: string,
    codecs: { readonly left: Codec<Left>; readonly right: Codec<Right> },
    f: TemporalJoinFunction<Key, Left, Version, Out>,
  ): DataStream<Out>
}

interface TemporalOptions {
  readonly isLeftOuter: boolean
  readonly leftLateTag: string | null
  readonly rightLateTag: string | null
}

export const temporalJoinedStreams = <Key, Left, Right>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
): TemporalJoinedStreams<Key, Left, Right, Right> =>
  temporalJoined<Key, Left, Right, Right>(add, left, right, {
    isLeftOuter: false,
    leftLateTag: null,
    rightLateTag: null,
  })

const temporalJoined = <Key, Left, Right, Version extends Right | undefined>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
  options: TemporalOptions,
): TemporalJoinedStreams<Key, Left, Right, Version> => {
  const again = (changed: Partial<TemporalOptions>) =>
    temporalJoined<Key, Left, Right, Version>(add, left, right, { ...options, ...changed })
  return {
    leftOuter: () =>
      temporalJoined<Key, Left, Right, Right | undefined>(add, left, right, { ...options, isLeftOuter: true }),
    sideOutputLeftLateData: (tag) => again({ leftLateTag: tag.id }),
    sideOutputRightLateData: (tag) => again({ rightLateTag: tag.id }),
    process: (uid, codecs, f) =>
      add({
        uid,
        operator: 'temporalJoin',
        detail: options.isLeftOuter ? 'left outer' : 'inner',
        inputs: [left.node, right.node],
        create: temporalJoinOperator(left.selector, right.selector, {
          ...options,
          leftCodec: codecs.left,
          rightCodec: codecs.right,
          // Without a version only an outer join calls it, whose function takes `undefined`.
          join: (element, version, ctx) => f(element, version as Version, ctx),
        }),
      }),
  }
}
