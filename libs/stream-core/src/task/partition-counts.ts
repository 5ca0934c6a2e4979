import type { EventLog } from '@tocsin/event-log'
import type { Topology } from '../topology.ts'

/** How many partitions a topic has; 1 of one that was not asked for. */
type PartitionCounts = (topic: string) => number

/** Of the topics that a topology reads, and with `isWriting` of those that it writes. @throws {UnknownTopicError} */
export const readPartitionCounts = async (
  log: EventLog,
  { nodes }: Topology,
  isWriting = false,
): Promise<PartitionCounts> => {
  const counts = new Map<string, number>()
  for (const { source, sink } of nodes) {
    const topic = source?.topic ?? (isWriting ? sink?.topic : undefined)
    if (topic !== undefined) counts.set(topic, await log.partitions(topic))
  }
  return (topic) => counts.get(topic) ?? 1
}
