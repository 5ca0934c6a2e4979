import type { TopicSpec } from '@tocsin/event-log'
import { subTopologiesOf, TopologyError, type SubTopology, type Topology } from '../topology.ts'
import { exchangePartition, type ExchangeTarget } from './exchange.ts'
import { defaultMaxParallelism } from './key-groups.ts'
import type { TaskPart } from './task-part.ts'

/** How a job is run by many tasks. */
export interface JobPlan {
  /** Lower levels first: a task reads what tasks before it write. */
  readonly tasks: readonly TaskPart[]
  /** The internal topics between them. */
  readonly topics: readonly TopicSpec[]
}

export interface PlanOptions {
  readonly topology: Topology
  readonly partitions: (topic: string) => number
  /** Of each sub-topology; of one that reads sources no more than these have partitions. */
  readonly shards: number
  /** Number of key groups, for the life of the job. Default `defaultMaxParallelism`. */
  readonly maxParallelism?: number | undefined
  /** The internal topic that the tasks of a sub-topology read. */
  readonly topicOf: (subTopology: string) => string
}

/**
 * Which tasks a distributed job has, what each does, and what it tells whom. Each sub-topology has `shards` tasks; each
 * task has a partition of the topic of every sub-topology behind it for each of that one's shards, so that all streams
 * between two tasks are apart. @throws {TopologyError} if there are more shards than key groups.
 */
export const planJob = (options: PlanOptions): JobPlan => {
  const { topology, partitions, shards, topicOf } = options
  const maxParallelism = options.maxParallelism ?? defaultMaxParallelism(shards)
  if (!Number.isInteger(shards) || shards < 1 || shards > maxParallelism) {
    throw new TopologyError(`The job has ${shards} shards; it can have 1 to ${maxParallelism}, one key group each.`)
  }
  const subs = subTopologiesOf(topology.nodes)
  const inputIds = new Map<number, number[]>()
  let inputs = 0
  for (const { id, source } of topology.nodes) {
    if (source === null) continue
    inputIds.set(
      id,
      Array.from({ length: partitions(source.topic) }, () => inputs++),
    )
  }
  /** By sub-topology, by shard: the partitions of sources that it reads. */
  const inputsOf = subs.map(({ level, nodes }) => {
    if (level > 0) return Array.from({ length: shards }, (): number[] => [])
    const all = nodes.flatMap(({ id }) => inputIds.get(id) ?? [])
    const hasEpochs = topology.nodes.some(({ source }) => source?.epochs === true)
    const count = hasEpochs ? 1 : Math.min(shards, all.length)
    return Array.from({ length: count }, (_, shard) => all.filter((_id, index) => index % count === shard))
  })
  const sourceTasks = subs.reduce(
    (sum, { level }, index) => sum + (level === 0 ? (inputsOf[index]?.length ?? 0) : 0),
    0,
  )
  const doesRead = (reader: SubTopology, writer: SubTopology): boolean =>
    reader.level > writer.level && writer.nodes.some(({ id }) => reader.edges.includes(id))
  const writersOf = subs.map((reader) =>
    subs.flatMap((writer, sub) =>
      doesRead(reader, writer) ? (inputsOf[sub] ?? []).map((_, shard) => ({ sub, shard })) : [],
    ),
  )

  const targetsOf = (sub: number, shard: number): ExchangeTarget[] =>
    subs.flatMap(({ name, edges }, reader) => {
      const writers = writersOf[reader] ?? []
      const writer = writers.findIndex((one) => one.sub === sub && one.shard === shard)
      return writer === -1 ? [] : [{ name, topic: topicOf(name), shards, writers: writers.length, writer, edges }]
    })
  const tasks = subs.flatMap(({ name, nodes, level }, sub) =>
    (inputsOf[sub] ?? []).map((own, shard): TaskPart => {
      const writers = writersOf[sub] ?? []
      return {
        name,
        shard,
        level,
        nodes: nodes.map(({ id }) => id),
        inputs: own,
        reads: writers.map((_, writer) => ({
          topic: topicOf(name),
          partition: exchangePartition(writers.length, shard, writer),
        })),
        writes: targetsOf(sub, shard),
        maxParallelism,
        tellsRest: own.length > 0 && sourceTasks > 1,
      }
    }),
  )
  const topics = subs.flatMap(({ name }, sub) => {
    const writers = writersOf[sub]?.length ?? 0
    return writers === 0 ? [] : [{ topic: topicOf(name), partitions: writers * shards, isTrimmed: true }]
  })
  return { tasks, topics }
}
