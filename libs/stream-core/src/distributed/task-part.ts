import type { TopicPartition } from '@tocsin/event-log'
import type { ExchangeTarget } from './exchange.ts'

/** What one task of a distributed job does: one shard of one sub-topology. */
export interface TaskPart {
  /** Of the sub-topology. */
  readonly name: string
  readonly shard: number
  /** How many cuts lie before the sub-topology. */
  readonly level: number
  /** The nodes that work here; of all others only the watermarks are followed. */
  readonly nodes: readonly number[]
  /** The partitions of sources that it reads, counted over all sources of the topology. */
  readonly inputs: readonly number[]
  /** What the tasks before it write for it, in order of the writers. It reads either these or sources. */
  readonly reads: readonly TopicPartition[]
  /** Whom it tells. */
  readonly writes: readonly ExchangeTarget[]
  /** Number of key groups. */
  readonly maxParallelism: number
  /** Others read sources too and need not wait for this one while all that it reads is idle. */
  readonly tellsRest: boolean
}
