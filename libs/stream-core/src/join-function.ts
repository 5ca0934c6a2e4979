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
