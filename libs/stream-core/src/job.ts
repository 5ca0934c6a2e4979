import type { EventLog } from '@tocsin/event-log'
import { openLevelStore } from './state/level-store.ts'
import type { StateStore } from './state/state-store.ts'
import type { EventLoop } from './task/event-loop.ts'
import { TaskRunner, type TaskPace, type TaskProgress } from './task/task-runner.ts'
import type { TaskDeadLetter } from './task/task.ts'
import type { Topology } from './topology.ts'

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
  /** Instead of the store in `stateFolder`, for tests. */
  readonly store?: StateStore
  /** Turns and waits, so that a simulation can run a job in virtual time. Default: Node's own. */
  readonly eventLoop?: EventLoop
}

/** `origin` is `topic/partition@offset`; `payload` the bytes of the record in hand. */
export type JobDeadLetter = TaskDeadLetter

/** For dashboards and progress bars; not part of any result. */
export type JobProgress = TaskProgress

export interface Job {
  /** Runs until `signal` aborts (then commits and checkpoints cleanly) or an error that stops it. */
  run(signal: AbortSignal): Promise<void>
  /**
   * Runs until every input is read to the end it had when called, or beyond, or waits for an input that has no more and
   * did not say so in its log; commits, checkpoints, and returns.
   */
  runToEnd(): Promise<void>
  progress(): JobProgress
  close(): Promise<void>
}

export type OpenJob = (options: JobOptions) => Promise<Job>

/**
 * Opens a job on its log: fences an earlier owner of its progress topic, restores the newest checkpoint, and reads where
 * the last commit stood. Replaying up to there is the first thing that `run` does.
 * @throws {StateLostError | StateMismatchError | StoreOpenError}
 */
export const openJob: OpenJob = async (options) => {
  const store = options.store ?? (await openLevelStore(options.stateFolder))
  try {
    const { progressTopic: topic, stateFolder: _, ...of } = options
    await options.log.createTopics([{ topic, partitions: 1 }])
    return await TaskRunner.open({ ...of, store, progress: { topic, partition: 0, key: '0', transactionalId: topic } })
  } catch (error) {
    await store.close()
    throw error
  }
}
