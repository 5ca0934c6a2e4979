import { join } from 'node:path'
import type { EventLog, Group } from '@tocsin/event-log'
import { openJob, type Job, type JobProgress } from '../job.ts'
import { openLevelStore } from '../state/level-store.ts'
import type { StateStore } from '../state/state-store.ts'
import { nodeEventLoop, type EventLoop } from '../task/event-loop.ts'
import { mergedDurations } from '../task/measures.ts'
import { assignShards, type ShardAssignment, type ShardClaims } from './assign-shards.ts'
import { aggregated, type DistributedJobProgress } from './distributed-job.ts'
import type { JobDefinition } from './job-definition.ts'
import { openTask, prepareJob, type JobShape } from './job-tasks.ts'
import { checkpointsTopic } from './job-topics.ts'
import { ownedLog } from './owned-log.ts'
import { openReplicatedStore, type CheckpointTopic } from './replicated-store.ts'
import { ShardSlot, type ShardEvent } from './shard-slot.ts'
import { ShardStandby } from './shard-standby.ts'

/** What this process brings to the job; shards, topics and folders are the same in all of them. */
export interface ShardedJobOptions extends JobShape {
  readonly definition: JobDefinition
  readonly log: EventLog
  /** All processes of the job, and nobody else. */
  readonly group: Group
  /** So many other processes keep a copy of each shard's checkpoints, if there are so many. Default 1. */
  readonly standbys?: number
  readonly onProgress?: (progress: ShardedJobProgress) => void
  readonly onEvent?: (event: ShardEvent) => void
  /** Instead of the stores in `stateFolder`, for tests. */
  readonly openStore?: (task: string) => Promise<StateStore>
  /** Turns and waits, so that a simulation can run a job in virtual time. Default: Node's own. */
  readonly eventLoop?: EventLoop
}

/** Sums over the tasks that run in this process. */
export interface ShardedJobProgress extends DistributedJobProgress {
  readonly shards: {
    /** Of the job, over all processes. */
    readonly total: number
    readonly owned: readonly number[]
    readonly standbys: readonly {
      readonly shard: number
      /** A takeover would go on from the newest checkpoint. */
      readonly isReady: boolean
      /** Records of checkpoints that are not applied yet. */
      readonly lag: number
    }[]
    /** False while the group may have given the shards of this process away. */
    readonly isMember: boolean
  }
}

/** This process's part in a job that several share. */
export interface ShardedJob {
  /**
   * Takes part until `signal` aborts: then each shard ends its step, commits and is let go, and the process leaves the
   * group. Runs once.
   * @throws what stops a task wherever it runs (`DeterminismError`, `StateLostError`); a shard that was fenced only stops.
   */
  run(signal: AbortSignal): Promise<void>
  progress(): ShardedJobProgress
}

/**
 * Opens this process's part in a job that several processes share. What moves between them is a shard: of every
 * sub-topology the task of that number, so that what they tell each other stays mostly in one process and to scale is to
 * move a number. With one shard the whole topology is one task, whose outputs take one commit and no internal topic.
 *
 * The group only says who runs what. What keeps two owners apart is that taking over fences the producers of the one
 * before; what keeps it short is that a standby has the checkpoints on its disk already.
 * @throws {TopologyError | TopicMismatchError}
 */
export const openShardedJob = async (options: ShardedJobOptions): Promise<ShardedJob> => {
  const tasks = options.shards === 1 ? wholeJob(options) : await tasksOf(options)
  const topic = checkpointsTopic(options.progressTopic)
  await options.log.createTopics([{ topic, partitions: tasks.length, isTrimmed: true }])
  return new GroupedJob(options, tasks)
}

/** One task of a shard, and how it is opened. */
interface ShardTask {
  readonly name: string
  readonly shard: number
  readonly level: number
  /** Folder of its state. */
  readonly folder: string
  readonly checkpoints: CheckpointTopic
  readonly open: (openStore: () => Promise<StateStore>, onProgress: () => void) => Promise<Job>
}

const checkpointsOf = (shape: JobShape, partition: number): CheckpointTopic => {
  const topic = checkpointsTopic(shape.progressTopic)
  return { topic, partition, transactionalId: `${topic}.${partition}` }
}

const wholeJob = (options: ShardedJobOptions): readonly ShardTask[] => {
  const { definition, group, stateFolder, eventLoop } = options
  const log = ownedLog(options.log, group)
  const open: ShardTask['open'] = (openStore, onProgress) =>
    openJob({
      ...paceOf(options),
      ...definition,
      log,
      stateFolder,
      progressTopic: options.progressTopic,
      openStore,
      onProgress,
      ...(options.restart && { restart: options.restart }),
      ...(eventLoop && { eventLoop }),
    })
  return [
    { name: definition.topology.job, shard: 0, level: 0, folder: '', checkpoints: checkpointsOf(options, 0), open },
  ]
}

const tasksOf = async (options: ShardedJobOptions): Promise<readonly ShardTask[]> => {
  const { definition, group, eventLoop } = options
  const shape = shapeOf(options)
  const plan = await prepareJob(options.log, definition, shape)
  const log = ownedLog(options.log, group)
  return plan.tasks.map(({ name, shard, level }, index) => ({
    name,
    shard,
    level,
    folder: `${name}-${shard}`,
    checkpoints: checkpointsOf(options, index),
    open: (openStore, onProgress) =>
      openTask({ log, definition, shape, plan, index, openStore, eventLoop, onProgress }),
  }))
}

const shapeOf = (options: ShardedJobOptions): JobShape => {
  const {
    definition: _,
    log: __,
    group: ___,
    standbys: ____,
    onProgress: _____,
    onEvent: ______,
    openStore: _______,
    eventLoop: ________,
    ...shape
  } = options
  // A hand-over must not wait for a disk.
  return { ...shape, checkpointAtEnd: false }
}

const paceOf = (options: ShardedJobOptions) => {
  const {
    shards: _,
    maxParallelism: __,
    stateFolder: ___,
    progressTopic: ____,
    internalTopics: _____,
    restart: ______,
    ...pace
  } = shapeOf(options)
  return pace
}

class GroupedJob implements ShardedJob {
  readonly #options: ShardedJobOptions
  readonly #tasks: readonly ShardTask[]
  readonly #slots: readonly ShardSlot[]
  readonly #failure = Promise.withResolvers<never>()
  #isEnding = false
  #expected: readonly number[] = []

  constructor(options: ShardedJobOptions, tasks: readonly ShardTask[]) {
    this.#options = options
    this.#tasks = tasks
    this.#failure.promise.catch(() => undefined) // who runs it has it
    this.#slots = Array.from({ length: options.shards }, (_, shard) => this.#slot(shard))
  }

  async run(signal: AbortSignal): Promise<void> {
    const { group, standbys = 1, onEvent } = this.#options
    const leaving = new AbortController()
    const membership = group.run(
      {
        metadata: () => encodeJson(this.#claims()),
        assign: (members) => {
          const claims = members.map(({ id, metadata }) => ({ ...(decodeJson(metadata) as ShardClaims), id }))
          const parts = assignShards(claims, { shards: this.#slots.length, standbys })
          return new Map([...parts].map(([id, part]) => [id, encodeJson(part)]))
        },
        assigned: (part) => this.#assigned(decodeJson(part) as ShardAssignment),
        isWaiting: () => this.#expected.length > 0,
        lost: (reason) => this.#lost(reason),
        disturbed: (reason) => onEvent?.({ type: 'disturbed', reason }),
      },
      leaving.signal,
    )
    const stopped = Promise.withResolvers<void>()
    const stop = () => stopped.resolve()
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    try {
      await Promise.race([stopped.promise, this.#failure.promise, membership])
    } finally {
      signal.removeEventListener('abort', stop)
      this.#isEnding = true
      // First what others wait for.
      await Promise.all(this.#slots.filter((slot) => slot.isClaimed).map((slot) => slot.release()))
      leaving.abort()
      await membership.catch(() => undefined)
      for (const slot of this.#slots) slot.want('none')
      await Promise.all(this.#slots.map((slot) => slot.settled()))
      this.#report()
    }
  }

  progress(): ShardedJobProgress {
    const running = this.#slots.flatMap((slot) =>
      slot.tasks.map((task, index) => ({ task, of: this.#of(slot)[index] })),
    )
    const tasks = running.flatMap(({ task, of }) =>
      of === undefined ? [] : [{ subTopology: of.name, shard: of.shard, level: of.level, progress: task.progress() }],
    )
    const all = tasks.map(({ progress }) => progress)
    return {
      ...(all.length === 0 ? idle : aggregated(all, tasks)),
      tasks: tasks.map(({ subTopology, shard, progress }) => ({ subTopology, shard, progress })),
      shards: {
        total: this.#slots.length,
        owned: this.#slots.filter((slot) => slot.tasks.length > 0).map(({ shard }) => shard),
        standbys: this.#slots.flatMap(({ shard, standby }) =>
          standby === null ? [] : [{ shard, isReady: standby.isReady, lag: standby.lag }],
        ),
        isMember: this.#options.group.isMember(),
      },
    }
  }

  #claims(): Omit<ShardClaims, 'id'> {
    const shardsOf = (which: (slot: ShardSlot) => boolean) =>
      this.#slots.filter((slot) => which(slot)).map(({ shard }) => shard)
    return {
      active: shardsOf((slot) => slot.isClaimed),
      standby: shardsOf((slot) => slot.hasCopy),
      ready: shardsOf(({ standby }) => standby?.isReady === true),
    }
  }

  #assigned({ active, standby, expected }: ShardAssignment): void {
    if (this.#isEnding) return
    this.#expected = expected
    for (const slot of this.#slots) {
      if (active.includes(slot.shard)) slot.want('active')
      else slot.want(standby.includes(slot.shard) ? 'standby' : 'none')
    }
    this.#report()
  }

  #lost(reason: string): void {
    this.#expected = []
    const shards = this.#slots.filter((slot) => slot.isClaimed).map(({ shard }) => shard)
    for (const slot of this.#slots) slot.disown()
    this.#options.onEvent?.({ type: 'lost', shards, reason })
    this.#report()
  }

  #of(slot: ShardSlot): readonly ShardTask[] {
    return this.#tasks.filter(({ shard }) => shard === slot.shard)
  }

  #slot(shard: number): ShardSlot {
    const { log, group, definition, eventLoop = nodeEventLoop, onEvent } = this.#options
    const tasks = this.#tasks.filter((task) => task.shard === shard)
    const openLocal = ({ folder }: ShardTask) => {
      const { openStore, stateFolder } = this.#options
      return openStore === undefined ? openLevelStore(join(stateFolder, folder)) : openStore(folder)
    }
    const owned = ownedLog(log, group)
    return new ShardSlot({
      shard,
      clock: definition.clock,
      eventLoop,
      openTasks: async (kept) => {
        const opened = await Promise.allSettled(
          tasks.map((task) =>
            task.open(
              async () => {
                const copy = kept.get(task.folder)
                kept.delete(task.folder)
                const local = copy?.store ?? (await openLocal(task))
                try {
                  return await openReplicatedStore(owned, task.checkpoints, local, copy)
                } catch (error) {
                  await local.close()
                  throw error
                }
              },
              () => this.#report(),
            ),
          ),
        )
        const jobs = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
        for (const one of opened) {
          if (one.status === 'fulfilled') continue
          await Promise.allSettled(jobs.map((job) => job.close()))
          throw one.reason
        }
        return jobs
      },
      openStandby: (onReady) =>
        ShardStandby.open({
          log,
          eventLoop,
          onReady,
          tasks: tasks.map((task) => ({ task: task.folder, at: task.checkpoints, openStore: () => openLocal(task) })),
        }),
      onEvent: (event) => {
        onEvent?.(event)
        this.#report()
      },
      onChanged: () => {
        if (!this.#isEnding) group.rejoin()
      },
      onFailed: (error) => this.#failure.reject(error),
    })
  }

  #report(): void {
    this.#options.onProgress?.(this.progress())
  }
}

const encodeJson = (value: object): Uint8Array => Buffer.from(JSON.stringify(value))
/** What is read is what was written above: members of one group run the same job. */
const decodeJson = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'))

/** Of a process that runs no shard. */
const idle: JobProgress = {
  status: 'running',
  reason: null,
  elements: 0,
  outputs: 0,
  deadLetters: 0,
  lateElements: 0,
  watermark: null,
  place: null,
  openEpochs: 0,
  spilledEpochs: 0,
  inputs: [],
  lag: 0,
  operators: [],
  time: { busyTimeMsPerSecond: 0, idleTimeMsPerSecond: 1000, backPressuredTimeMsPerSecond: 0 },
  commits: 0,
  lastCommit: null,
  commitDurations: mergedDurations([]),
  checkpoints: 0,
  lastCheckpointMs: null,
  lastCheckpoint: null,
  checkpointDurations: mergedDurations([]),
  failedCheckpoints: 0,
  divergences: 0,
  keys: 0,
  timers: 0,
  eventLoopDelayMs: null,
  restarts: { count: 0, nextAt: null, lastFailure: null },
}
