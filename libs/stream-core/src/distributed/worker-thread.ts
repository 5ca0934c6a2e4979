import { parentPort, workerData } from 'node:worker_threads'
import { logOverPort } from '@tocsin/event-log'
import type { SavepointSummary } from '../savepoint/savepoint-file.ts'
import type { TaskJob } from '../task/restarting-job.ts'
import { loadJobDefinition } from './job-definition.ts'
import { openTask } from './job-tasks.ts'
import { openingCall, type TaskErrorParts, type WorkerCommand, type WorkerReport, type WorkerStart } from './worker.ts'

/** The entry of a worker thread: opens its tasks, then does what it is told until it is closed. */
const port = parentPort
if (port === null) throw new Error('assertion: this file is the entry of a worker thread')
const start = workerData as WorkerStart // given by openWorker
const tell = (report: WorkerReport): void => port.postMessage(report)

const text = (error: object, field: string, otherwise: string): string => {
  const value: unknown = Reflect.get(error, field)
  return typeof value === 'string' ? value : otherwise
}
const partsOf = (error: unknown): TaskErrorParts => {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), code: 'STREAM_TASK', handling: 'stop', remedy: '' }
  }
  return {
    name: error.name,
    message: error.message,
    code: text(error, 'code', 'STREAM_TASK'),
    handling: text(error, 'handling', 'stop'),
    remedy: text(error, 'remedy', ''),
  }
}

const open = async () => {
  const { module, plan, indexes, shape } = start
  const definition = await loadJobDefinition({ url: new URL(module.url), argument: module.argument })
  const log = definition.openLog === undefined ? logOverPort(start.log) : await definition.openLog()
  const tasks: TaskJob[] = []
  for (const [task, index] of indexes.entries()) {
    const onProgress = () => {
      const progress = tasks[task]?.progress()
      if (progress !== undefined) tell({ type: 'progress', task, progress })
    }
    tasks.push(await openTask({ log, definition, shape, plan, index, onProgress }))
  }
  return { log, tasks }
}

const running = new Map<number, AbortController>()

const serve = async (): Promise<void> => {
  const { log, tasks } = await open()
  const perform = async (command: Exclude<WorkerCommand, { type: 'abort' }>): Promise<SavepointSummary | undefined> => {
    if (command.type === 'close') {
      await Promise.all(tasks.map((task) => task.close()))
      await log.close()
      start.log.close()
      return undefined
    }
    const task = tasks[command.task]
    if (task === undefined) throw new Error(`assertion: this worker has no task ${command.task}`)
    const ending = new AbortController()
    running.set(command.call, ending)
    try {
      switch (command.type) {
        case 'run':
          await task.run(ending.signal)
          return undefined
        case 'runToEnd':
          await task.runToEnd()
          return undefined
        case 'returnToBase':
          await task.returnToBase()
          return undefined
        case 'writeSavepointPart':
          return await task.writeSavepointPart(command.file)
      }
    } finally {
      running.delete(command.call)
      tell({ type: 'progress', task: command.task, progress: task.progress() })
    }
  }
  port.on('message', (command: WorkerCommand) => {
    if (command.type === 'abort') {
      running.get(command.call)?.abort()
      return
    }
    const { call, type } = command
    void perform(command)
      .then(
        (summary) => tell({ type: 'done', call, error: null, ...(summary && { summary }) }),
        (error: unknown) => tell({ type: 'done', call, error: partsOf(error) }),
      )
      .finally(() => {
        if (type === 'close') port.close()
      })
  })
  tell({ type: 'opened', progress: tasks.map((task) => task.progress()) })
}

await serve().catch((error: unknown) => tell({ type: 'done', call: openingCall, error: partsOf(error) }))
