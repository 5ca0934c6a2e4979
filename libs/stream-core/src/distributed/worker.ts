import { once } from 'node:events'
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { serveLog, type EventLog } from '@tocsin/event-log'
import type { JobProgress } from '../job.ts'
import type { SavepointSummary } from '../savepoint/savepoint-file.ts'
import type { TaskJob } from '../task/restarting-job.ts'
import type { JobModule } from './job-definition.ts'
import type { JobShape } from './job-tasks.ts'
import type { JobPlan } from './plan.ts'

/** What a worker thread is told when it begins. */
export interface WorkerStart {
  readonly module: { readonly url: string; readonly argument: unknown }
  readonly plan: JobPlan
  /** Of its tasks, in the plan. */
  readonly indexes: readonly number[]
  readonly shape: JobShape
  readonly log: MessagePort
}

/** `task` counts the worker's own. */
export type WorkerCommand =
  | { readonly type: 'run' | 'runToEnd' | 'returnToBase'; readonly call: number; readonly task: number }
  | { readonly type: 'writeSavepointPart'; readonly call: number; readonly task: number; readonly file: string }
  | { readonly type: 'abort'; readonly call: number }
  | { readonly type: 'close'; readonly call: number }

export type WorkerReport =
  | { readonly type: 'opened'; readonly progress: readonly JobProgress[] }
  | {
      readonly type: 'done'
      readonly call: number
      readonly error: TaskErrorParts | null
      readonly summary?: SavepointSummary
    }
  | { readonly type: 'progress'; readonly task: number; readonly progress: JobProgress }

export interface TaskErrorParts {
  readonly name: string
  readonly message: string
  readonly code: string
  readonly handling: string
  readonly remedy: string
}

/** A task in a worker failed; `code`, `remedy` and `handling` are those of what it failed with. */
export class WorkerTaskError extends Error {
  readonly code: string
  readonly handling: string
  readonly remedy: string
  constructor({ message, code, handling, remedy }: TaskErrorParts) {
    super(message)
    this.code = code
    this.handling = handling
    this.remedy = remedy
  }
}

/** A worker thread ended without a word, as when its memory is not enough. */
export class WorkerLostError extends Error {
  readonly code = 'STREAM_WORKER_LOST'
  readonly handling = 'retry'
  readonly remedy = 'Open the job again: it goes on from its last commits. If it dies again, give it more memory.'
}

export interface JobWorker {
  readonly tasks: readonly TaskJob[]
  close(): Promise<void>
}

// From the sources the thread must read sources too.
const isSource = import.meta.url.endsWith('.ts')
const entry = new URL(isSource ? './worker-thread.ts' : './worker-thread.js', import.meta.url)

/** A thread with some tasks of a job; the log stays in this one unless the job's module opens its own. */
export const openWorker = async (options: {
  readonly module: JobModule
  readonly plan: JobPlan
  readonly indexes: readonly number[]
  readonly shape: JobShape
  readonly log: EventLog
  readonly onProgress: () => void
}): Promise<JobWorker> => {
  const { module, plan, indexes, shape } = options
  const { port1, port2 } = new MessageChannel()
  const server = serveLog(options.log, port1)
  const start: WorkerStart = {
    module: { url: module.url.href, argument: module.argument },
    plan,
    indexes,
    shape,
    log: port2,
  }
  const worker = new Worker(entry, {
    workerData: start,
    transferList: [port2],
    execArgv: isSource ? ['--conditions=@tocsin/source'] : [],
  })
  const calls = new Map<number, { resolve(summary?: SavepointSummary): void; reject(error: Error): void }>()
  const progress: JobProgress[] = []
  let count = 0
  let lost: Error | null = null
  const opened = Promise.withResolvers<void>()
  const fail = (error: Error): void => {
    lost ??= error
    opened.reject(lost)
    for (const call of calls.values()) call.reject(lost)
    calls.clear()
  }
  worker.on('error', (error: Error) =>
    fail(new WorkerLostError(`A worker ended with: ${error.message}`, { cause: error })),
  )
  worker.on('exit', (code) => fail(new WorkerLostError(`A worker ended with exit code ${code}.`)))
  worker.on('message', (report: WorkerReport) => {
    switch (report.type) {
      case 'opened':
        progress.push(...report.progress)
        opened.resolve()
        return
      case 'progress':
        progress[report.task] = report.progress
        options.onProgress()
        return
      case 'done': {
        const call = calls.get(report.call)
        calls.delete(report.call)
        if (report.error === null) call?.resolve(report.summary)
        else if (report.call === openingCall) opened.reject(new WorkerTaskError(report.error))
        else call?.reject(new WorkerTaskError(report.error))
      }
    }
  })
  const call = async (
    command: (call: number) => WorkerCommand,
    signal?: AbortSignal,
  ): Promise<SavepointSummary | undefined> => {
    if (lost !== null) throw lost
    const number = (count += 1)
    const done = new Promise<SavepointSummary | undefined>((resolve, reject) => calls.set(number, { resolve, reject }))
    const abort = () => worker.postMessage({ type: 'abort', call: number } satisfies WorkerCommand, [])
    worker.postMessage(command(number), [])
    if (signal?.aborted === true) abort()
    signal?.addEventListener('abort', abort)
    try {
      return await done
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }
  const close = async (): Promise<void> => {
    if (lost === null) {
      const exited = once(worker, 'exit')
      await call((number) => ({ type: 'close', call: number })).catch(() => undefined)
      await exited
    }
    await server.close()
  }
  const told = async (command: (call: number) => WorkerCommand, signal?: AbortSignal): Promise<void> => {
    await call(command, signal)
  }
  const tasks = indexes.map((_, task): TaskJob => ({
    run: (signal) => told((number) => ({ type: 'run', call: number, task }), signal),
    runToEnd: () => told((number) => ({ type: 'runToEnd', call: number, task })),
    returnToBase: () => told((number) => ({ type: 'returnToBase', call: number, task })),
    writeSavepointPart: async (file) => {
      const summary = await call((number) => ({ type: 'writeSavepointPart', call: number, task, file }))
      if (summary === undefined) throw new Error('assertion: a part that is written has a summary')
      return summary
    },
    savepoint: async () => {
      throw new Error('assertion: a task of several has no savepoint of its own')
    },
    progress: () => {
      const known = progress[task]
      if (known === undefined) throw new Error('assertion: a worker tells of its tasks when it opens')
      return known
    },
    close: async () => {}, // with the worker
  }))
  try {
    await opened.promise
  } catch (error) {
    await worker.terminate()
    await server.close()
    throw error
  }
  return { tasks, close }
}

/** Under which a worker reports that it could not open its tasks. */
export const openingCall = 0
