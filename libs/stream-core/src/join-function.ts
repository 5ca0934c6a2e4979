import type { OutputTag } from './process-function.ts'
import type { Timestamp } from './time.ts'

/** Of the pair in hand; the next pair has the same object, so take from it what is to be kept. */
export interface JoinContext<Key, Out> {
  readonly key: Key
  readonly leftTimestamp: Timestamp
  readonly rightTimestamp: Timestamp
  /** What is emitted carries it: the later of the two. */
  readonly timestamp: Timestamp
  readonly emit: (value: Out) => void
  readonly output: <T>(tag: OutputTag<T>, value: T) => void
}

/** Sees each pair once. Source: Flink's ProcessJoinFunction. */
export type JoinFunction<Key, Left, Right, Out> = (left: Left, right: Right, ctx: JoinContext<Key, Out>) => void

/** Of the left element in hand; the next one has the same object, so take from it what is to be kept. */
export interface TemporalJoinContext<Key, Out> {
  readonly key: Key
  /** Of the left element; what is emitted carries it. */
  readonly timestamp: Timestamp
  /** From when on the version is valid; null where there is none. */
  readonly versionTimestamp: Timestamp | null
  readonly emit: (value: Out) => void
  readonly output: <T>(tag: OutputTag<T>, value: T) => void
}

/** Sees each left element once, with the version that is valid at its time. */
export type TemporalJoinFunction<Key, Left, Version, Out> = (
  left: Left,
  version: Version,
  ctx: TemporalJoinContext<Key, Out>,
) => void
