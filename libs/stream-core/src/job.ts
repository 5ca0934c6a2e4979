import type { EventLog } from '@tocsin/event-log'
import type { Topology } from './topology.ts'

/** THE CONTRACT of the runtime (the implementation replaces this file and keeps these names and shapes). */
export interface JobOptions {
  readonly topology: Topology
  readonly log: EventLog
  /** Folder of the state store (LevelDB). */
  readonly stateFolder: string
  /** Topic of progress markers; created by the job with one partition. */
  readonly progressTopic: string
  /** Topic for what could not be read or evaluated; `deadLetter` makes its bytes. */
  readonly deadLetters: { readonly topic: string; readonly encode: (letter: JobDeadLetter) => Uint8Array }
  /** How long outputs wait for their commit, at most. Default 25 ms. */
  readonly commitIntervalMs?: number
  /** For topologies without epochs; with epochs a checkpoint follows finality, at most this often. Default 10 s. */
  readonly checkpointIntervalMs?: number
  /** Elements between two looks at the clock; results never depend on it. Default 1000. */
  readonly batchSize?: number
  /** A monotonic clock in ms for commit intervals and measures, never for results. */
  readonly clock: () => number
  readonly onProgress?: (progress: JobProgress) => void
}

export interface JobDeadLetter {
  readonly operator: string
  readonly code: string
  readonly reason: string
  readonly origin: string
  readonly payload: Uint8Array
}

/** For dashboards and progress bars; not part of any result. */
export interface JobProgress {
  readonly status: 'restoring' | 'replaying' | 'running' | 'waiting' | 'failed' | 'stopped'
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
  readonly keys: number
  readonly timers: number
}

export interface Job {
  /** Runs until `signal` aborts (then commits and checkpoints cleanly) or an error that stops it. */
  run(signal: AbortSignal): Promise<void>
  /** Runs until every input is read to the end it had when called, or beyond, commits, and returns. */
  runToEnd(): Promise<void>
  progress(): JobProgress
  close(): Promise<void>
}

export type OpenJob = (options: JobOptions) => Promise<Job>
