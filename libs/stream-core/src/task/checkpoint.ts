import type { StateStore, StoreBatch } from '../state/state-store.ts'
import { StateMismatchError } from './errors.ts'
import type { EventLoop } from './event-loop.ts'
import type { Task, TaskSnapshot } from './task.ts'

/** Raised with what a checkpoint holds; there is no way from one to the next but a replay. */
const format = 2

/** The head of a checkpoint. */
export interface CheckpointMeta {
  readonly format: typeof format
  readonly job: string
  readonly version: string
  /** Each input's topic and partition, as `topic/partition`, in order. */
  readonly inputs: readonly string[]
  readonly starts: readonly number[]
  readonly snapshot: TaskSnapshot
}

const cellsASlice = 250

/**
 * Writes what changed since the last checkpoint, as of the base of the task's undo log. Encoding yields to the event
 * loop now and then. If the write fails the cells stay due, and the next checkpoint has them.
 */
export const writeCheckpoint = async (
  task: Task,
  store: StateStore,
  starts: readonly number[],
  eventLoop: EventLoop,
): Promise<number> => {
  const { snapshot, tables, asOf } = task.checkpoint()
  const cells: StoreBatch['cells'][number][] = []
  for (const [table, cellsOf] of tables) {
    for (const cell of cellsOf.changedCells(asOf)) {
      cells.push({ table, ...cell })
      if (cells.length % cellsASlice === 0) await eventLoop.turn()
    }
  }
  const inputs = inputNames(task)
  const { job, version } = task.topology
  const meta: CheckpointMeta = { format, job, version, inputs, starts, snapshot }
  await store.write({ meta: Buffer.from(JSON.stringify(meta)), cells })
  for (const [, table] of tables) table.checkpointed()
  return snapshot.steps
}

export const inputNames = (task: Task): readonly string[] =>
  task.inputs.map(({ source, partition }) => `${source.topic}/${partition}`)

/** Restores the newest checkpoint, if there is one. @throws {StateMismatchError} if it is of another format, job or inputs. */
export const restoreCheckpoint = async (task: Task, store: StateStore): Promise<CheckpointMeta | undefined> => {
  const bytes = await store.readMeta()
  if (bytes === undefined) return undefined
  const meta = JSON.parse(Buffer.from(bytes).toString('utf8')) as CheckpointMeta // written above
  const written: number = meta.format
  if (written !== format) {
    throw new StateMismatchError(`The checkpoint has format ${written}; this version reads format ${format}.`)
  }
  const inputs = inputNames(task)
  const isSame = meta.job === task.topology.job && meta.inputs.join() === inputs.join()
  if (!isSame || meta.snapshot.valves.length !== task.topology.nodes.length) {
    throw new StateMismatchError(
      `The checkpoint is of job "${meta.job}" reading ${meta.inputs.join(', ')}; this is "${task.topology.job}" reading ` +
        `${inputs.join(', ')}, with ${meta.snapshot.valves.length} and ${task.topology.nodes.length} operators.`,
    )
  }
  const cells: { table: string; key: string; sub: string | null; value: Uint8Array }[] = []
  for await (const cell of store.cells()) cells.push(cell)
  task.restore(meta.snapshot, cells)
  return meta
}
