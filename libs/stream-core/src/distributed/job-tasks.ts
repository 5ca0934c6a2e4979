import { join } from 'node:path'
import type { EventLog } from '@tocsin/event-log'
import { openLevelStore } from '../state/level-store.ts'
import type { StateStore } from '../state/state-store.ts'
import { defaultRestartStrategy, type RestartStrategy } from '../restart-strategy.ts'
import { nodeEventLoop, watchSharedEventLoop, type EventLoop } from '../task/event-loop.ts'
import { readPartitionCounts } from '../task/partition-counts.ts'
import { RestartingJob, type TaskJob } from '../task/restarting-job.ts'
import { TaskRunner, type TaskPace } from '../task/task-runner.ts'
import type { JobDefinition } from './job-definition.ts'
import { topicsOfTasks } from './job-topics.ts'
import { planJob, type JobPlan } from './plan.ts'

/** What all tasks of a job share, and may cross to another thread. */
export interface JobShape extends TaskPace {
  /** Of each sub-topology behind a `keyBy`. Changing it needs new internal topics, state and progress topic. */
  readonly shards: number
  /** Number of key groups; default 128, or more for more than 85 shards. */
  readonly maxParallelism?: number | undefined
  /** Each task has a folder in it. */
  readonly stateFolder: string
  /** One partition a task; with the task's number also its transactional id. */
  readonly progressTopic: string
  /** The topics between tasks are named by it, a point, and the first operator of those who read. */
  readonly internalTopics: string
  /** What a failure of a task that may pass leads to: that task alone is opened again. Default: as `openJob`. */
  readonly restart?: RestartStrategy
}

/** The plan of a job for the partitions that the topics of its log have; creates the internal topics. */
export const prepareJob = async (log: EventLog, { topology }: JobDefinition, shape: JobShape): Promise<JobPlan> => {
  const plan = planJob({
    topology,
    partitions: await readPartitionCounts(log, topology),
    shards: shape.shards,
    maxParallelism: shape.maxParallelism,
    topicOf: (name) => `${shape.internalTopics}.${name}`,
  })
  await log.createTopics(topicsOfTasks({ topology, progressTopic: shape.progressTopic, plan }))
  return plan
}

export interface OpenTaskOptions {
  readonly log: EventLog
  readonly definition: JobDefinition
  readonly shape: JobShape
  readonly plan: JobPlan
  /** Of the task, in the plan. */
  readonly index: number
  readonly eventLoop?: EventLoop | undefined
  readonly openStore?: ((task: string) => Promise<StateStore>) | undefined
  readonly onProgress?: (() => void) | undefined
}

export const openTask = async (options: OpenTaskOptions): Promise<TaskJob> => {
  const { log, definition, plan, index, openStore, eventLoop = nodeEventLoop, onProgress } = options
  const { topology, deadLetters, clock } = definition
  const {
    stateFolder,
    progressTopic,
    restart,
    shards: _,
    maxParallelism: __,
    internalTopics: ___,
    ...pace
  } = options.shape
  const part = plan.tasks[index]
  if (part === undefined) throw new Error(`assertion: the plan has no task ${index}`)
  const progress = {
    topic: progressTopic,
    partition: index,
    key: `${index}`,
    transactionalId: `${progressTopic}.${index}`,
  }
  return RestartingJob.open({
    strategy: restart ?? defaultRestartStrategy,
    random: () => 0.5,
    clock,
    eventLoop,
    watch: options.eventLoop === undefined ? watchSharedEventLoop : null,
    onProgress: onProgress ?? (() => undefined),
    open: async (tell) => {
      const open = openStore ?? ((task: string) => openLevelStore(join(stateFolder, task)))
      const store = await open(`${part.name}-${part.shard}`)
      try {
        const of = { ...pace, topology, deadLetters, part, log, store, clock, eventLoop, progress, onProgress: tell }
        return await TaskRunner.open(of)
      } catch (error) {
        await store.close()
        throw error
      }
    },
  })
}
