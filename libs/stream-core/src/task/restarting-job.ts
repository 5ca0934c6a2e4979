import type { Job, JobProgress } from '../job.ts'
import { RestartBackoff, type RestartStrategy } from '../restart-strategy.ts'
import { SavepointError } from '../savepoint/savepoint-error.ts'
import type { SavepointSummary } from '../savepoint/savepoint-file.ts'
import type { EventLoop, WatchedEventLoop } from './event-loop.ts'
import { isStopping, reasonOf, type TaskProgress, type TaskRunner } from './task-runner.ts'

/** A job that may be one task of several: its savepoint is taken in two halves. */
export interface TaskJob extends Job {
  /** The first, of tasks that read sources: see `TaskRunner`. */
  returnToBase(): Promise<void>
  /** The second, when what the first told is taken everywhere. */
  writeSavepointPart(file: string): Promise<SavepointSummary>
}

export interface RestartingJobOptions {
  /** Opens the runner and all that it closes with itself; it restores what the one before left. */
  readonly open: (onProgress: (progress: TaskProgress) => void) => Promise<TaskRunner>
  readonly strategy: RestartStrategy
  /** In [0, 1): spreads the waits. */
  readonly random: () => number
  /** A monotonic clock in ms. */
  readonly clock: () => number
  readonly eventLoop: EventLoop
  /** Begins to watch how late the event loop is. */
  readonly watch: (() => WatchedEventLoop) | null
  readonly onProgress: (progress: JobProgress) => void
}

/**
 * A job that comes back after a failure that may pass: its runner is closed, and after a wait another is opened in its
 * place and restored. Recovery is the same as after the death of the process, so nothing is lost or told twice.
 */
export class RestartingJob implements TaskJob {
  readonly #options: RestartingJobOptions
  readonly #backoff: RestartBackoff
  #runner: TaskRunner | null
  #last: TaskProgress
  readonly #watched: WatchedEventLoop | null
  /** Why and until when it waits; null while it runs. */
  #nextRestartAt: number | null = null
  #restarts = 0
  #lastFailure: string | null = null
  /** The runner's own word on a failure waits for what becomes of it. */
  #isSettled = true

  private constructor(options: RestartingJobOptions, runner: TaskRunner) {
    this.#options = options
    this.#backoff = new RestartBackoff(options.strategy, options.random)
    this.#runner = runner
    this.#last = runner.progress()
    this.#watched = options.watch?.() ?? null
  }

  /** A job that cannot be opened the first time is not tried again: what is wrong is told at once. */
  static async open(options: RestartingJobOptions): Promise<RestartingJob> {
    let job: RestartingJob | null = null
    const runner = await options.open((progress) => {
      if (job !== null) job.#tell(progress)
    })
    job = new RestartingJob(options, runner)
    return job
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#supervise((runner) => runner.run(signal), signal)
  }
  async runToEnd(): Promise<void> {
    await this.#supervise((runner) => runner.runToEnd(), new AbortController().signal)
  }

  async savepoint(file: string): Promise<SavepointSummary> {
    await this.returnToBase()
    return this.writeSavepointPart(file)
  }
  async returnToBase(): Promise<void> {
    await this.#stopped((runner) => runner.returnToBase())
  }
  async writeSavepointPart(file: string): Promise<SavepointSummary> {
    return this.#stopped((runner) => runner.writeSavepointPart(file))
  }

  progress(): JobProgress {
    const task = this.#runner?.progress() ?? this.#last
    const isWaiting = this.#nextRestartAt !== null
    return {
      ...task,
      status: isWaiting ? 'restarting' : task.status,
      reason: isWaiting ? this.#lastFailure : task.reason,
      eventLoopDelayMs: this.#watched?.delay() ?? null,
      restarts: { count: this.#restarts, nextAt: this.#nextRestartAt, lastFailure: this.#lastFailure },
    }
  }

  async close(): Promise<void> {
    this.#watched?.stop()
    await this.#closeRunner()
  }

  async #supervise(work: (runner: TaskRunner) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, eventLoop } = this.#options
    for (;;) {
      const began = clock()
      try {
        this.#isSettled = false
        this.#runner ??= await this.#options.open((progress) => this.#tell(progress))
        this.#nextRestartAt = null
        await work(this.#runner)
        this.#isSettled = true
        if (this.#runner.isInDoubt) await this.#dropRunner()
        return
      } catch (error) {
        const wait = isStopping(error) ? null : this.#backoff.next(clock() - began)
        this.#isSettled = true
        this.#lastFailure = reasonOf(error)
        if (wait === null) {
          this.#nextRestartAt = null
          this.#options.onProgress(this.progress())
          throw error
        }
        await this.#dropRunner()
        this.#restarts += 1
        this.#nextRestartAt = clock() + wait
        this.#options.onProgress(this.progress())
        await eventLoop.wait(wait, signal)
        if (signal.aborted) {
          // Told to stop meanwhile: what was not committed is folded again by the next start.
          this.#nextRestartAt = null
          this.#last = { ...this.#last, status: 'stopped', reason: this.#lastFailure }
          this.#options.onProgress(this.progress())
          return
        }
      }
    }
  }

  async #stopped<T>(work: (runner: TaskRunner) => Promise<T>): Promise<T> {
    if (!this.#isSettled) throw new SavepointError('The job runs: stop it first.')
    this.#runner ??= await this.#options.open((progress) => this.#tell(progress))
    try {
      return await work(this.#runner)
    } catch (error) {
      if (!(error instanceof SavepointError)) await this.#dropRunner()
      throw error
    }
  }

  #tell(progress: TaskProgress): void {
    if (progress.status === 'failed' && !this.#isSettled) return
    this.#options.onProgress(this.progress())
  }

  /** What it holds is not to be gone on with. Where closing it fails as well, that shows when the next one is opened. */
  async #dropRunner(): Promise<void> {
    await this.#closeRunner().catch(() => undefined)
  }
  async #closeRunner(): Promise<void> {
    const runner = this.#runner
    this.#runner = null
    if (runner === null) return
    this.#last = runner.progress()
    await runner.close()
  }
}
