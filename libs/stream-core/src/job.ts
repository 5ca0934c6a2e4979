import type { EventLog } from '@tocsin/event-log'
import { openLevelStore } from './state/level-store.ts'
import type { StateStore } from './state/state-store.ts'
import type { EventLoop } from './task/event-loop.ts'
import { LocalJob } from './task/local-job.ts'
import type { TaskDeadLetter } from './task/task.ts'
import type { Topology } from './topology.ts'

export interface JobOptions {
  readonly topology: Topology
  readonly log: EventLog
  /** Folder of the state store (LevelDB). */
  readonly stateFolder: string
  /** Topic of progress markers; created by the job with one partition. Also its transactional id. */
  readonly progressTopic: string
  /** Topic for what could not be read or evaluated; `deadLetter` makes its bytes. */
  readonly deadLetters: { readonly topic: string; readonly encode: (letter: JobDeadLetter) => Uint8Array }
  /** How long outputs wait for their commit, at most. Default 25 ms. */
  readonly commitIntervalMs?: number
  /** With epochs a checkpoint follows finality, without a commit; at most this often. Default 10 s. */
  readonly checkpointIntervalMs?: number
  /** Elements between two turns of the event loop and looks at the clock; results never depend on it. Default 250. */
  readonly batchSize?: number
  /** A monotonic clock in ms for commit intervals and measures, never for results. */
  readonly clock: () => number
  /** Called at most every `progressIntervalMs`, and at each change of status. */
  readonly onProgress?: (progress: JobProgress) => void
  /** Default 250 ms. */
  readonly progressIntervalMs?: number
  /** Before the first repeat of what the log could not do; each next wait is twice as long, up to 5 s. Default 50 ms. */
  readonly retryWaitMs?: number
  /** Instead of the store in `stateFolder`, for tests. */
  readonly store?: StateStore
  /** Turns and waits, so that a simulation can run a job in virtual time. Default: Node's own. */
  readonly eventLoop?: EventLoop
}

/** `origin` is `topic/partition@offset`; `payload` the bytes of the record in hand. */
export type JobDeadLetter = TaskDeadLetter

/** For dashboards and progress bars; not part of any result. */
export interface JobProgress {
  readonly status: 'restoring' | 'replaying' | 'running' | 'waiting' | 'failed' | 'stopped'
  /** Why it waits or failed, or why the last checkpoint did: one line with the remedy. Null when all is well. */
  readonly reason: string | null
  /** Source records taken, control records too, over rewinds. */
  readonly elements: number
  readonly outputs: number
  readonly deadLetters: number
  readonly lateElements: number
  /** Event time; null before the first. */
  readonly watermark: number | null
  readonly place: number | null
  readonly openEpochs: number
  readonly inputs: readonly {
    readonly topic: string
    readonly partition: number
    readonly position: number
    readonly end: number
    readonly watermark: number | null
    readonly idle: boolean
  }[]
  readonly commits: number
  readonly checkpoints: number
  readonly lastCheckpointMs: number | null
  /** Checkpoints that could not be written; the next has their cells too. */
  readonly failedCheckpoints: number
  /** Replayed commits whose outputs differ under a changed version of the topology. */
  readonly divergences: number
  readonly keys: number
  readonly timers: number
}

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
    return await LocalJob.open(options, store)
  } catch (error) {
    await store.close()
    throw error
  }
}
