import { keyedCoProcessOperator } from './operators/keyed-process.ts'
import type { KeyedCoProcessFunction } from './process-function.ts'
import type { AddStream, DataStream, KeyedStream } from './stream.ts'

/** Two streams of one key that share state and timers. Source: Flink's ConnectedStreams. */
export interface ConnectedStreams<Key, Left, Right> {
  process<Out>(uid: string, f: KeyedCoProcessFunction<Key, Left, Right, Out>): DataStream<Out>
}

export const connectedStreams = <Key, Left, Right>(
  add: AddStream,
  left: KeyedStream<Key, Left>,
  right: KeyedStream<Key, Right>,
): ConnectedStreams<Key, Left, Right> => ({
  process: (uid, f) =>
    add({
      uid,
      operator: 'coProcess',
      inputs: [left.node, right.node],
      create: keyedCoProcessOperator(left.selector, right.selector, f),
    }),
})
