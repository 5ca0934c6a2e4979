import type { OperatorContext, Receiver } from '../operators/operator.ts'
import type { TopologyEdge } from '../topology.ts'
import type { Exchange } from './exchange.ts'
import { keyGroupOf, keyGroupOwner } from './key-groups.ts'

/** Takes what the node `edge` emits across to the shards that read it; null if no task of another part does. */
export const exchangeReceiver = (
  exchange: Exchange,
  edge: number,
  { keyOf, codec }: TopologyEdge,
  maxParallelism: number,
  context: OperatorContext,
): Receiver | null => {
  const readers = exchange.targets.flatMap((target, index) =>
    target.edges.includes(edge) ? [{ index, shards: target.shards }] : [],
  )
  if (readers.length === 0) return null
  const { undo, outputs } = context

  const groupOf = (value: unknown): number | null => {
    if (keyOf === null) return null
    try {
      return keyGroupOf(keyOf(value), maxParallelism)
    } catch {
      return 0 // the operator there asks for the key again and says what is wrong with it
    }
  }
  return {
    process(value, timestamp) {
      const undoPosition = undo.position
      const outputPosition = outputs.position
      try {
        const group = groupOf(value)
        const bytes = codec.encode(value)
        for (const { index, shards } of readers) {
          const shard = group === null ? null : keyGroupOwner(maxParallelism, shards, group)
          exchange.element(index, shard, { edge, timestamp, value: bytes })
        }
      } catch (error) {
        context.fail(error, undoPosition, outputPosition)
      }
    },
  }
}
