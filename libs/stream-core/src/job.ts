import type { EventLog } from '@tocsin/event-log'
import { openLevelStore } from './state/level-store.ts'
import type { StateStore } from './state/state-store.ts'
import { defaultRestartStrategy, type RestartStrategy } from './restart-strategy.ts'
import { nodeEventLoop, watchSharedEventLoop, type EventLoop, type EventLoopDelay } from './task/event-loop.ts'
import type { SavepointSummary } from './savepoint/savepoint-file.ts'
import { RestartingJob } from './task/restarting-job.ts'
import { TaskRunner, type TaskPace, type TaskProgress } from './task/task-runner.ts'
import type { TaskDeadLetter } from './task/task.ts'
import type { Topology } from './topology.ts'

/** What a job runs on: its log, its topics, its state, and its pace. */
export interface JobOptions extends TaskPace {
  readonly topology: Topology
  readonly log: EventLog
  /** Folder of the state store (LevelDB). */
  readonly stateFolder: string
  /** Topic of progress markers; created by the job with one partition. Also its transactional id. */
  readonly progressTopic: string
  /** Topic for what could not be read or evaluated; `deadLetter` makes its bytes. */
  readonly deadLetters: { readonly topic: string; readonly encode: (letter: JobDeadLetter) => Uint8Array }
  /** A monotonic clock in ms for commit intervals and measures, never for results. */
  readonly clock: () => number
  /** Called at most every `progressIntervalMs`, and at each change of status. */
  readonly onProgress?: (progress: JobProgress) => void
  /** What a failure that may pass leads to. Default: restarts, with a wait that grows from 1 s to 1 min. */
  readonly restart?: RestartStrategy
  /** In [0, 1): spreads the waits of jobs that failed together. Default: none is spread. */
  readonly random?: () => number
  /** Instead of the store in `stateFolder`, for tests. */
  readonly store?: StateStore
  /** The same, opened anew each time the job is. */
  readonly openStore?: () => Promise<StateStore>
  /** Turns and waits, so that a simulation can run a job in virtual time. Default: Node's own. */
  readonly eventLoop?: EventLoop
}

/** `origin` is `topic/partition@offset`; `payload` the bytes of the record in hand. */
export type JobDeadLetter = TaskDeadLetter

/** For dashboards and progress bars; not part of any result. */
export interface JobProgress extends Omit<TaskProgress, 'status'> {
  /** Null where the job was given an event loop of its own, as in a simulation. */
  readonly eventLoopDelayMs: EventLoopDelay | null
  /** `restarting`: it failed, and `reason` says why, and waits to be opened again; `failed`: for good. */
  readonly status: TaskProgress['status'] | 'restarting'
  readonly restarts: {
    /** Since the job was opened. */
    readonly count: number
    /** By the job's clock; null while it runs. */
    readonly nextAt: number | null
    /** One line with the remedy; null if it never failed. */
    readonly lastFailure: string | null
  }
}

/** A topology that runs over a log. It runs once at a time; `close` gives its producer and its state free. */
export interface Job {
  /** Runs until `signal` aborts (then commits and checkpoints cleanly) or an error that stops it. */
  run(signal: AbortSignal): Promise<void>
  /**
   * Runs until every input is read to the end it had when called, or beyond, or waits for an input that has no more and
   * did not say so in its log; commits, checkpoints, and returns.
   */
  runToEnd(): Promise<void>
  /**
   * Writes the job's final state and its positions to a file, from which `restoreSavepoint` starts it with other shards or
   * a changed topology. Only when it does not run. What is not final is retracted first and found again by who goes on
   * from here, this job too, with the next revisions: so nothing is sent twice and no revision is missing.
   * @throws {SavepointError}
   */
  savepoint(file: string): Promise<SavepointSummary>
  progress(): JobProgress
  close(): Promise<void>
}

/** Of {@link openJob}. */
export type OpenJob = (options: JobOptions) => Promise<Job>

/**
 * Opens a job on its log: fences an earlier owner of its progress topic, restores the newest checkpoint, and reads where
 * the last commit stood. Replaying up to there is the first thing that `run` does. What fails later restarts by the
 * job's strategy.
 * @throws {StateLostError | StateMismatchError | StoreOpenError}
 */
export const openJob: OpenJob = async (options) => {
  const { progressTopic: topic, stateFolder, restart, random, onProgress, openStore, ...of } = options
  const progress = { topic, partition: 0, key: '0', transactionalId: topic }
  return RestartingJob.open({
    watch: options.eventLoop === undefined ? watchSharedEventLoop : null,
    strategy: restart ?? defaultRestartStrategy,
    random: random ?? (() => 0.5),
    clock: options.clock,
    eventLoop: options.eventLoop ?? nodeEventLoop,
    onProgress: onProgress ?? (() => undefined),
    open: async (tell) => {
      const store = options.store ?? (await (openStore?.() ?? openLevelStore(stateFolder)))
      try {
        await options.log.createTopics([{ topic, partitions: 1, isTrimmed: true }])
        return await TaskRunner.open({ ...of, store, progress, onProgress: tell })
      } catch (error) {
        await store.close()
        throw error
      }
    },
  })
}
