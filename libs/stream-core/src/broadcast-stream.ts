import { keyedBroadcastProcessOperator } from './operators/keyed-process.ts'
import type { KeyedBroadcastProcessFunction } from './process-function.ts'
import type { MapStateDescriptor } from './state/state.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'

/** A stream whose elements every shard sees, with the state that they keep. Source: Flink's BroadcastStream. */
export interface BroadcastStream<T> {
  /** @internal */
  readonly node: number
  /** @internal */
  readonly descriptors: readonly MapStateDescriptor<unknown, unknown>[]
  /** Never set: it only carries the type. */
  readonly _type?: T
}

/** Source: Flink's BroadcastConnectedStream of a keyed stream. */
export interface BroadcastConnectedStream<Key, T, Broadcast> {
  process<Out>(uid: string, f: KeyedBroadcastProcessFunction<Key, T, Broadcast, Out>): DataStream<Out>
}

export const broadcastConnected = <Key, T, Broadcast>(
  add: AddStream,
  keyed: KeyedStream<Key, T>,
  { node, descriptors }: BroadcastStream<Broadcast>,
): BroadcastConnectedStream<Key, T, Broadcast> => ({
  process: (uid, f) =>
    add({
      uid,
      operator: 'broadcastProcess',
      inputs: [keyed.node, node],
      create: keyedBroadcastProcessOperator(keyed.selector, descriptors, f),
    }),
})
