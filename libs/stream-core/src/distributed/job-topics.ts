import type { TopicSpec } from '@tocsin/event-log'
import { answersTopic } from '../task/answer-log.ts'
import type { Topology } from '../topology.ts'
import type { JobShape } from './job-tasks.ts'
import { planJob, type JobPlan } from './plan.ts'

/** Where the checkpoints of a sharded job travel: a partition a task. */
export const checkpointsTopic = (progressTopic: string): string => `${progressTopic}.checkpoints`

/** What of a job decides which topics it has of its own. */
export interface JobTopicsOptions extends Pick<
  JobShape,
  'shards' | 'maxParallelism' | 'progressTopic' | 'internalTopics'
> {
  readonly topology: Topology
  /** Of the topics that its sources read. */
  readonly partitions: (topic: string) => number
}

/** The plan of a job; null where its one shard has all of the topology in one task. */
export const planOf = ({ topology, partitions, ...shape }: JobTopicsOptions): JobPlan | null =>
  shape.shards === 1
    ? null
    : planJob({ ...shape, topology, partitions, topicOf: (name) => `${shape.internalTopics}.${name}` })

/** All topics that `openShardedJob` makes for its tasks: between them, their progress, their checkpoints. */
export const shardedJobTopics = (options: JobTopicsOptions): readonly TopicSpec[] =>
  topicsOfJob({ ...options, plan: planOf(options) })

interface PlannedJob {
  readonly topology: Topology
  readonly progressTopic: string
  readonly plan: JobPlan | null
}

export const topicsOfJob = ({ topology, progressTopic, plan }: PlannedJob): readonly TopicSpec[] => [
  ...topicsOfTasks({ topology, progressTopic, plan }),
  { topic: checkpointsTopic(progressTopic), partitions: plan?.tasks.length ?? 1, isTrimmed: true },
]

/** What the tasks of a plan, or the one of a whole job, write for each other and themselves; those who read it trim it. */
export const topicsOfTasks = ({ topology, progressTopic, plan }: PlannedJob): readonly TopicSpec[] => {
  const partitions = plan?.tasks.length ?? 1
  const asks = topology.nodes.some(({ enrichment }) => enrichment !== null)
  return [
    ...(plan?.topics ?? []),
    { topic: progressTopic, partitions, isTrimmed: true },
    ...(asks ? [{ topic: answersTopic(progressTopic), partitions, isTrimmed: true }] : []),
  ]
}
