import type { CheckpointedTable } from '../state/checkpointed-table.ts'
import { stateCells } from '../state/state-cells.ts'
import type { Rest, StateStore, StoredCell } from '../state/state-store.ts'
import { StateMismatchError } from './errors.ts'
import { Slice } from './slice.ts'
import type { StoredTableInfo } from './task-tables.ts'
import { nameOfNode } from '../topology.ts'
import type { Task, TaskSnapshot } from './task.ts'

/**
 * Raised with what a checkpoint holds; there is no way from one to the next but a replay. An older build than 7 knows
 * nothing of checkpoints that were broken off between two parts.
 */
const format = 7
const oldestFormat = 6

/** The head of a checkpoint. */
export interface CheckpointMeta {
  readonly format: typeof format
  readonly job: string
  readonly version: string
  /** Each input's topic and partition, as `topic/partition`, in order. */
  readonly inputs: readonly string[]
  readonly starts: readonly number[]
  readonly snapshot: TaskSnapshot
  /** By name, in order. */
  readonly tables: Readonly<Record<string, StoredTableInfo>>
}

/** What a checkpoint took. */
export interface CheckpointReport {
  /** Steps that it covers. */
  readonly steps: number
  /** Cells set or deleted, and the bytes of their values. */
  readonly cells: number
  readonly bytes: number
  /** From the first cell to the durable write. */
  readonly durationMs: number
  /** The longest that it held the event loop at once. */
  readonly longestSliceMs: number
}

export interface CheckpointOptions {
  readonly task: Task
  readonly store: StateStore
  readonly starts: readonly number[]
  readonly rest: Rest
  /** A monotonic clock in ms. */
  readonly clock: () => number
  /** How long it may hold the event loop at once. Default 2 ms. */
  readonly sliceMs?: number
}

/**
 * Writes what changed since the last checkpoint, as of the base of the task's undo log, while the fold goes on: call it
 * between steps, and do not wait for it to go on folding. If the write fails the cells stay due, and the next checkpoint
 * has them. Only one at a time.
 */
export const writeCheckpoint = async (options: CheckpointOptions): Promise<CheckpointReport> => {
  const { task, store, starts, rest, clock, sliceMs = 2 } = options
  const began = clock()
  const slice = new Slice(clock, { units: Infinity, ms: sliceMs })
  let longestSliceMs = 0
  let sliceBegan = clock()
  slice.begin()
  const turn = async () => {
    const workedMs = clock() - sliceBegan
    longestSliceMs = Math.max(longestSliceMs, workedMs)
    await rest(workedMs)
    await write.drain()
    sliceBegan = clock()
    slice.begin()
  }
  const { snapshot, tables } = task.beginCheckpoint()
  const write = store.begin()
  let cells = 0
  let bytes = 0
  let isDurable = false
  try {
    while (task.noteForCheckpoint()) if (slice.isOver()) await turn()
    for (const [name, table] of tables) {
      for (const cell of table.changedCells()) {
        if (cell !== null) {
          write.put(name, cell.key, cell.sub, cell.value)
          cells += 1
          bytes += cell.value?.length ?? 0
        }
        if (!slice.isOver()) continue
        await turn()
        while (task.noteForCheckpoint()); // what this turn's fold changed
      }
    }
    // State that its operator has not asked for since the restore lies in the store as it did.
    const infos = new Map(Object.entries(task.restoredTables))
    for (const [name, { layout, sizeInCheckpoint: size }] of tables) infos.set(name, { layout, size })
    await write.commit(encodeMeta(task, { starts, snapshot, tables: infos }), rest)
    isDurable = true
  } finally {
    if (!isDurable) write.abandon()
    for (const _ of task.endCheckpoint(isDurable)) if (isDurable && slice.isOver()) await turn()
  }
  return { steps: snapshot.steps, cells, bytes, durationMs: clock() - began, longestSliceMs }
}

export const encodeMeta = (
  task: Task,
  of: {
    readonly starts: readonly number[]
    readonly snapshot: TaskSnapshot
    readonly tables: ReadonlyMap<string, StoredTableInfo>
  },
): Uint8Array => {
  const { job, version } = task.topology
  const tables = Object.fromEntries([...of.tables].sort(([a], [b]) => (a < b ? -1 : 1)))
  const meta: CheckpointMeta = { format, job, version, inputs: inputNames(task), ...of, tables }
  return Buffer.from(JSON.stringify(meta))
}

export const inputNames = (task: Task): readonly string[] =>
  task.inputs.map(({ source, partition }) => `${source.topic}/${partition}`)

/**
 * Restores the newest checkpoint, if there is one: where the fold stood, and for the state where to find it. Call it
 * also without a checkpoint: from here on the task has a store.
 * @throws {StateMismatchError} if it is of another format, job or inputs.
 */
export const restoreCheckpoint = async (task: Task, store: StateStore): Promise<CheckpointMeta | undefined> => {
  const bytes = await store.readMeta()
  const meta = bytes && readMeta(bytes, task)
  task.attach({
    tables: meta?.tables ?? {},
    read: (table, key, sub) => store.read(table, key, sub),
    readSpill: (name) => store.readSpill(name),
  })
  if (meta === undefined) return undefined
  for (const [name, table] of task.tables) await loadFirst(store, name, table)
  task.restore(meta.snapshot)
  return meta
}

/** The state that the newest checkpoint holds, as `stateCells`. */
export async function* checkpointedCells(store: StateStore): AsyncGenerator<StoredCell> {
  const bytes = await store.readMeta()
  if (bytes === undefined) return
  const { tables } = JSON.parse(Buffer.from(bytes).toString('utf8')) as CheckpointMeta // as below
  yield* stateCells(store, new Map(Object.entries(tables).map(([name, { layout }]) => [name, layout])))
}

const loadFirst = async (store: StateStore, name: string, table: CheckpointedTable): Promise<void> => {
  const { loadedFirst } = table
  if (loadedFirst === 'nothing') return
  const cells = loadedFirst === 'everything' ? store.cells(name) : store.cells(name, loadedFirst.key)
  for await (const cell of cells) table.load(cell)
}

export const readMeta = (bytes: Uint8Array, task: Task): CheckpointMeta => {
  const meta = JSON.parse(Buffer.from(bytes).toString('utf8')) as CheckpointMeta // written above
  const written: number = meta.format
  if (!(written >= oldestFormat && written <= format)) {
    throw new StateMismatchError(
      `The checkpoint has format ${written}; this version reads formats ${oldestFormat} to ${format}.`,
    )
  }
  const inputs = inputNames(task)
  const isSame = meta.job === task.topology.job && meta.inputs.join() === inputs.join()
  if (!isSame || meta.snapshot.valves.length !== task.topology.nodes.length) {
    throw new StateMismatchError(
      `The checkpoint is of job "${meta.job}" reading ${meta.inputs.join(', ')}; this is "${task.topology.job}" reading ` +
        `${inputs.join(', ')}, with ${meta.snapshot.valves.length} and ${task.topology.nodes.length} operators.`,
    )
  }
  // As many operators need not be the same ones.
  const operators = task.topology.nodes.map(nameOfNode)
  const unknown = Object.keys(meta.tables).filter((table) => !operators.some((name) => table.startsWith(`${name}/`)))
  if (unknown.length > 0)
    throw new StateMismatchError(`The checkpoint has state of ${unknown.join(', ')}; this job has no such operator.`)
  return meta
}
