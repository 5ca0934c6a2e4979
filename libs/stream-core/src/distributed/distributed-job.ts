import { rm } from 'node:fs/promises'
import type { EventLog } from '@tocsin/event-log'
import type { Job, JobProgress } from '../job.ts'
import { mergedDurations } from '../task/measures.ts'
import { mergedOperators } from '../task/operator-progress.ts'
import type { StateStore } from '../state/state-store.ts'
import type { EventLoop } from '../task/event-loop.ts'
import { loadJobDefinition, type JobDefinition, type JobModule } from './job-definition.ts'
import { openTask, prepareJob, type JobShape } from './job-tasks.ts'
import type { JobPlan } from './plan.ts'
import type { TaskPart } from './task-part.ts'
import type { TaskJob } from '../task/restarting-job.ts'
import { mergeSavepoints } from '../savepoint/merge-savepoints.ts'
import { SavepointError } from '../savepoint/savepoint-error.ts'
import type { SavepointSummary } from '../savepoint/savepoint-file.ts'
import { openWorker, type JobWorker } from './worker.ts'

/** Of a job whose tasks all run in this process. */
export interface DistributedJobOptions extends JobShape {
  /** What it computes; with workers it must come from a module. */
  readonly definition: JobDefinition | JobModule
  readonly log: EventLog
  /** Threads that share the tasks: shard after shard, so that each has some of every sub-topology. 0, the default: this one. */
  readonly workers?: number
  /** Called when a task tells of its progress. */
  readonly onProgress?: (progress: DistributedJobProgress) => void
  /** Instead of the stores in `stateFolder`, for tests without workers. */
  readonly openStore?: (task: string) => Promise<StateStore>
  /** Turns and waits of tasks in this thread. Default: Node's own. */
  readonly eventLoop?: EventLoop
}

/** Sums over the tasks; inputs are those of the sources, and the lag is of what tasks tell each other too. */
export interface DistributedJobProgress extends JobProgress {
  readonly tasks: readonly { readonly subTopology: string; readonly shard: number; readonly progress: JobProgress }[]
}

/** A job of many tasks; its progress tells them one by one too. */
export interface DistributedJob extends Job {
  progress(): DistributedJobProgress
}

/**
 * Opens a job as many tasks: its topology is cut behind each `keyBy`, and what crosses goes through internal topics of
 * the log. The outputs of each key are those of `openJob`, in its order; of different keys they may interleave otherwise.
 * An output's id must always come from the same key of the same operator, since each shard counts revisions of its own.
 * If a task fails, all stop with its error.
 * @throws {TopologyError | StateLostError | StateMismatchError | StoreOpenError | JobModuleError}
 */
export const openDistributedJob = async (options: DistributedJobOptions): Promise<DistributedJob> => {
  const { log, workers = 0 } = options
  const definition = 'url' in options.definition ? await loadJobDefinition(options.definition) : options.definition
  const plan = await prepareJob(log, definition, options)
  if (workers === 0) return openHere(options, definition, plan)
  if (!('url' in options.definition)) throw new TypeError('A job with workers must be defined by a module.')
  return openInWorkers(options, options.definition, plan, Math.min(workers, plan.tasks.length))
}

const openHere = async (options: DistributedJobOptions, definition: JobDefinition, plan: JobPlan) => {
  const { log, eventLoop, openStore } = options
  const tasks: TaskJob[] = []
  const job = new TaskGroup(plan.tasks, tasks, options.onProgress, async () => {})
  try {
    for (const index of plan.tasks.keys()) {
      const onProgress = () => job.report()
      const shape = shapeOf(options)
      tasks.push(await openTask({ log, definition, shape, plan, index, eventLoop, openStore, onProgress }))
    }
    return job
  } catch (error) {
    await job.close()
    throw error
  }
}

const openInWorkers = async (options: DistributedJobOptions, module: JobModule, plan: JobPlan, count: number) => {
  const opened: JobWorker[] = []
  const close = async () => {
    await Promise.all(opened.map((worker) => worker.close()))
  }
  const byTask: TaskJob[] = []
  const job = new TaskGroup(plan.tasks, byTask, options.onProgress, close)
  try {
    for (let number = 0; number < count; number += 1) {
      // Of each sub-topology the same shards lie together.
      const indexes = [...plan.tasks.keys()].filter((index) => (plan.tasks[index]?.shard ?? 0) % count === number)
      if (indexes.length === 0) continue
      const onProgress = () => job.report()
      const worker = await openWorker({ module, plan, indexes, shape: shapeOf(options), log: options.log, onProgress })
      opened.push(worker)
      for (const [at, index] of indexes.entries()) {
        const task = worker.tasks[at]
        if (task !== undefined) byTask[index] = task
      }
    }
    return job
  } catch (error) {
    await close()
    throw error
  }
}

const shapeOf = (options: DistributedJobOptions): JobShape => {
  const {
    definition: _,
    log: __,
    workers: ___,
    onProgress: ____,
    openStore: _____,
    eventLoop: ______,
    ...shape
  } = options
  return shape
}

/** The tasks of a job as one job. */
class TaskGroup implements DistributedJob {
  readonly #parts: readonly TaskPart[]
  readonly #tasks: readonly TaskJob[]
  readonly #onProgress: ((progress: DistributedJobProgress) => void) | undefined
  readonly #closeRest: () => Promise<void>
  #isRunning = false

  constructor(
    parts: readonly TaskPart[],
    tasks: readonly TaskJob[],
    onProgress: ((progress: DistributedJobProgress) => void) | undefined,
    closeRest: () => Promise<void>,
  ) {
    this.#parts = parts
    this.#tasks = tasks
    this.#onProgress = onProgress
    this.#closeRest = closeRest
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#together(signal, (ending) => this.#tasks.map((task) => task.run(ending)))
  }

  /** Level after level reads to the end of what those before it wrote; until then it keeps up with them. */
  async runToEnd(): Promise<void> {
    await this.#together(undefined, (ending) => {
      let before: Promise<unknown> = Promise.resolve()
      const all: Promise<void>[] = []
      for (const level of new Set(this.#parts.map((part) => part.level))) {
        const written = before
        const own = this.#tasks
          .filter((_, index) => this.#parts[index]?.level === level)
          .map((task) => (level === 0 ? task.runToEnd() : keepUp(task, written, ending)))
        before = Promise.all(own)
        before.catch(() => undefined) // told by `all`
        all.push(...own)
      }
      return all
    })
  }

  async savepoint(file: string): Promise<SavepointSummary> {
    if (this.#isRunning) throw new SavepointError('The job runs: stop it first.')
    const levels = new Set(this.#parts.map(({ level }) => level))
    for (const level of levels) {
      const own = this.#tasks.filter((_, index) => this.#parts[index]?.level === level)
      // Level after level takes what those before it told last.
      await Promise.all(own.map((task) => (level === 0 ? task.returnToBase() : task.runToEnd())))
    }
    const parts = this.#tasks.map((_, index) => `${file}.task-${index}`)
    try {
      const written = await Promise.allSettled(
        this.#tasks.map((task, index) => task.writeSavepointPart(parts[index] ?? '')),
      )
      for (const part of written) if (part.status === 'rejected') throw part.reason
      return await mergeSavepoints(file, parts)
    } finally {
      await Promise.all(parts.map((part) => rm(part, { force: true })))
    }
  }

  report(): void {
    if (this.#onProgress !== undefined && this.#tasks.length === this.#parts.length) this.#onProgress(this.progress())
  }

  progress(): DistributedJobProgress {
    const all = this.#tasks.map((task) => task.progress())
    const tasks = all.flatMap((progress, index) => {
      const part = this.#parts[index]
      return part === undefined ? [] : [{ subTopology: part.name, shard: part.shard, progress }]
    })
    return { ...aggregated(all, this.#parts), tasks }
  }

  async close(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.close()))
    await this.#closeRest()
  }

  /** The first that fails ends the others. */
  async #together(
    signal: AbortSignal | undefined,
    start: (ending: AbortSignal) => readonly Promise<void>[],
  ): Promise<void> {
    this.#isRunning = true
    const ending = new AbortController()
    const onAbort = () => ending.abort()
    if (signal?.aborted === true) ending.abort()
    signal?.addEventListener('abort', onAbort)
    const failures: unknown[] = []
    const ended = start(ending.signal).map((task) =>
      task.catch((error: unknown) => {
        failures.push(error)
        ending.abort()
      }),
    )
    await Promise.all(ended)
    signal?.removeEventListener('abort', onAbort)
    this.#isRunning = false
    if (failures.length > 0) throw failures[0]
  }
}

/** Runs along until all that it reads is written, then to its end. */
const keepUp = async (task: Job, written: Promise<unknown>, ending: AbortSignal): Promise<void> => {
  const isWritten = new AbortController()
  const stop = () => isWritten.abort()
  let failed = false
  const waiting = written.then(stop, () => {
    failed = true
    stop()
  })
  ending.addEventListener('abort', stop)
  try {
    await task.run(isWritten.signal)
    if (!ending.aborted) await waiting
    if (!failed && !ending.aborted) await task.runToEnd()
  } finally {
    ending.removeEventListener('abort', stop)
  }
}

/** The first of these that a task has is the job's. */
const statuses = ['failed', 'restarting', 'waiting', 'restoring', 'replaying', 'running', 'stopped'] as const

/** The progress of tasks as that of one job; `parts` are theirs. */
export const aggregated = (all: readonly JobProgress[], parts: readonly Pick<TaskPart, 'level'>[]): JobProgress => {
  const [first] = all
  if (first === undefined) throw new Error('assertion: a job has tasks')
  const sum = (of: (progress: JobProgress) => number) => all.reduce((total, progress) => total + of(progress), 0)
  const sources = all.filter((_, index) => parts[index]?.level === 0)
  const places = all.flatMap(({ place }) => (place === null ? [] : [place]))
  const watermarks = all.flatMap(({ watermark }) => (watermark === null ? [] : [watermark]))
  const status = statuses.find((one) => all.some((progress) => progress.status === one)) ?? 'running'
  const told = all.filter(({ reason }) => reason !== null)
  return {
    ...first,
    status,
    // Several may have one: that of the status comes first.
    reason: (told.find((progress) => progress.status === status) ?? told[0])?.reason ?? null,
    elements: sources.reduce((total, { elements }) => total + elements, 0),
    outputs: sum(({ outputs }) => outputs),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    lateElements: sum(({ lateElements }) => lateElements),
    watermark: watermarks.length === all.length ? Math.min(...watermarks) : null,
    place: places.length === 0 ? null : Math.min(...places),
    openEpochs: Math.max(...all.map(({ openEpochs }) => openEpochs)),
    spilledEpochs: Math.max(...all.map(({ spilledEpochs }) => spilledEpochs)),
    inputs: sources.flatMap(({ inputs }) => inputs),
    lag: sum(({ lag }) => lag),
    operators: mergedOperators(all.flatMap(({ operators }) => operators)),
    // Of the busiest task: it is the one that bounds the job.
    time: all.map(({ time }) => time).reduce((a, b) => (b.busyTimeMsPerSecond > a.busyTimeMsPerSecond ? b : a)),
    commits: sum(({ commits }) => commits),
    commitDurations: mergedDurations(all.map(({ commitDurations }) => commitDurations)),
    checkpointDurations: mergedDurations(all.map(({ checkpointDurations }) => checkpointDurations)),
    checkpoints: sum(({ checkpoints }) => checkpoints),
    failedCheckpoints: sum(({ failedCheckpoints }) => failedCheckpoints),
    divergences: sum(({ divergences }) => divergences),
    keys: sum(({ keys }) => keys),
    timers: sum(({ timers }) => timers),
    restarts: {
      count: sum(({ restarts }) => restarts.count),
      nextAt: all.map(({ restarts }) => restarts.nextAt).find((at) => at !== null) ?? null,
      lastFailure: all.map(({ restarts }) => restarts.lastFailure).find((failure) => failure !== null) ?? null,
    },
  }
}
