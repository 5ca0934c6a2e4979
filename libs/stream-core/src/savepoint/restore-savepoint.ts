import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { EventLog } from '@tocsin/event-log'
import { prepareJob } from '../distributed/job-tasks.ts'
import { keyGroupOf, keyGroupOwner } from '../distributed/key-groups.ts'
import type { JobPlan } from '../distributed/plan.ts'
import type { TaskPart } from '../distributed/task-part.ts'
import { openLevelStore } from '../state/level-store.ts'
import type { StateStore } from '../state/state-store.ts'
import { readPartitionCounts } from '../task/partition-counts.ts'
import { Task } from '../task/task.ts'
import type { Topology } from '../topology.ts'
import { isBroadcastState, isSinkMemory } from './merge-cells.ts'
import { newInput, restoredSnapshot } from './restored-snapshot.ts'
import { SavepointError } from './savepoint-error.ts'
import { readSavepoint } from './savepoint-file.ts'
import type { SavepointHead } from './savepoint-head.ts'
import { SavepointMatch, type MatchOptions } from './savepoint-match.ts'
import { SavepointMismatchError } from './savepoint-mismatch-error.ts'
import { TaskStateWriter } from './task-state-writer.ts'

/** Of the savepoint, and of the job to come. */
export interface RestoreOptions extends MatchOptions {
  /** The savepoint. */
  readonly file: string
  readonly topology: Topology
  readonly log: EventLog
  /** Of the job to come; it does not exist or is empty. */
  readonly stateFolder: string
  /** Of the job to come, with nothing in it. */
  readonly progressTopic: string
  /** For `openDistributedJob`, as it will be given them. Default: for `openJob`. */
  readonly distributed?: {
    readonly shards: number
    readonly maxParallelism?: number
    readonly internalTopics: string
  }
  /** Instead of stores in `stateFolder`, for tests; of a job in one task the name is empty. */
  readonly openStore?: (task: string) => Promise<StateStore>
}

/** What was restored, and what not. */
export interface RestoreReport {
  readonly cells: number
  /** State and positions that were left out, as allowed. */
  readonly notRestored: readonly string[]
  /** Partitions that no position is known of: they are read from their beginning. */
  readonly newInputs: readonly string[]
}

/**
 * Makes the state of a job out of a savepoint, so that the job, once it is opened, goes on from there: in another number
 * of shards, under a changed topology. Operators are known by their uids and states by their names; a new operator begins
 * empty, a new source at the beginning of its topic. The state is there whole or not at all.
 *
 * Values are read once here where the library knows their codec; what functions ask for themselves is read when they do,
 * and checked here only as far as `states` declares it.
 * @throws {SavepointMismatchError} with all that does not fit; {SavepointError} if the file is not as it was written, or
 * there is state or progress already.
 */
export const restoreSavepoint = async (options: RestoreOptions): Promise<RestoreReport> => {
  const { file, topology, log } = options
  const partitions = await readPartitionCounts(log, topology, true)
  const deadLetters = { topic: '', encode: () => new Uint8Array() } // nothing is folded here
  const whole = new Task({ topology, partitions, deadLetters })
  const { head, match } = await matchSavepoint(whole, options)

  await requireEmpty(options)
  const plan = options.distributed === undefined ? null : await prepareFor(options, options.distributed)
  await requireNoProgress(options, plan?.tasks.length ?? 1)

  const newInputs: string[] = []
  const idleInputs = whole.sources.map((source) => match.positionOf(source)?.isIdle === true)
  const watermarks = Object.fromEntries(
    Object.entries(head.watermarks).map(([name, at]) => [renamed(name, options.renamedUids), at]),
  )
  const restoreTask = async (part: TaskPart | undefined, store: StateStore): Promise<RestoredTask> => {
    const task = new Task({ topology, partitions, deadLetters, part })
    task.attach({ tables: {}, read: () => undefined, readSpill: () => undefined })
    const inputs = await Promise.all(
      task.sources.map(async (source) => {
        const known = match.positionOf(source)
        if (known !== undefined) {
          const { source: _, topic: __, partition: ___, ...input } = known
          return input
        }
        const { topic, partition } = source
        newInputs.push(`${topic}/${partition}`)
        return newInput((await log.offsets({ topic, partition })).beginning)
      }),
    )
    const exchanges = await Promise.all((part?.reads ?? []).map(async (at) => (await log.offsets(at)).end))
    const snapshot = restoredSnapshot({ task, head, watermarks, partitions, inputs, exchanges, part, plan, idleInputs })
    task.restore(snapshot)
    const starts = part !== undefined && part.reads.length > 0 ? exchanges : inputs.map(({ offset }) => offset)
    const writer = new TaskStateWriter(task, store)
    return {
      part,
      put: (cell) => writer.put(cell),
      commit: () => writer.commit(starts, snapshot),
      abandon: () => writer.abandon(),
    }
  }

  return withStores(options, plan, async (stores) => {
    const tasks: RestoredTask[] = []
    try {
      for (const { part, store } of stores) tasks.push(await restoreTask(part, store))
      let cells = 0
      for await (const line of readSavepoint(file)) {
        if (line.type !== 'cell') continue
        const { cell } = line
        const to = match.stateOf(cell.table)
        if (to === null) continue
        cells += 1
        for (const task of tasks) {
          if (belongs(task.part, to, cell.key, options.distributed?.shards ?? 1)) task.put({ ...cell, table: to.table })
        }
      }
      for (const task of tasks) await task.commit()
      return { cells, notRestored: match.notRestored, newInputs }
    } catch (error) {
      for (const task of tasks) task.abandon()
      throw error
    }
  })
}

type Put = TaskStateWriter['put']
interface RestoredTask {
  readonly part: TaskPart | undefined
  readonly put: Put
  commit(): Promise<void>
  abandon(): void
}

/** Looks at all of the file before anything is written. */
const matchSavepoint = async (
  whole: Task,
  options: RestoreOptions,
): Promise<{ readonly head: SavepointHead; readonly match: SavepointMatch }> => {
  let found: { readonly head: SavepointHead; readonly match: SavepointMatch } | null = null
  for await (const line of readSavepoint(options.file)) {
    if (line.type === 'head') found = { head: line.head, match: new SavepointMatch(whole, line.head, options) }
    else if (line.type === 'cell') found?.match.cell(line.cell)
  }
  if (found === null) throw new Error('assertion: a savepoint has a head')
  const { mismatches } = found.match
  if (mismatches.length > 0) throw new SavepointMismatchError(options.file, mismatches)
  return found
}

/** Whether a task keeps a cell: that of its keys, and what every shard has alike. */
const belongs = (
  part: TaskPart | undefined,
  { table, node }: { readonly table: string; readonly node: number },
  key: string,
  shards: number,
): boolean => {
  if (part === undefined) return true
  if (!part.nodes.includes(node)) return false
  // Which shard an id comes from cannot be told from the id.
  if (isSinkMemory(table) || isBroadcastState(table)) return true
  return keyGroupOwner(part.maxParallelism, shards, keyGroupOf(key, part.maxParallelism)) === part.shard
}

/** An identity of a node may name several uids. */
const renamed = (identity: string, uids: Readonly<Record<string, string>> = {}): string =>
  identity.replace(/[^(), ]+/g, (name) => uids[name] ?? name)

const requireEmpty = async ({ stateFolder, openStore }: RestoreOptions): Promise<void> => {
  if (openStore !== undefined) return
  const names = await readdir(stateFolder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
  if (names.length > 0) throw new SavepointError(`The state folder ${stateFolder} is not empty.`)
}

const prepareFor = (
  { log, topology, progressTopic }: RestoreOptions,
  distributed: NonNullable<RestoreOptions['distributed']>,
): Promise<JobPlan> => {
  const definition = { topology, deadLetters: { topic: '', encode: () => new Uint8Array() }, clock: () => 0 }
  return prepareJob(log, definition, { ...distributed, stateFolder: '', progressTopic })
}

const requireNoProgress = async ({ log, progressTopic: topic }: RestoreOptions, partitions: number): Promise<void> => {
  await log.createTopics([{ topic, partitions }])
  for (let partition = 0; partition < partitions; partition += 1) {
    const { end } = await log.offsets({ topic, partition })
    if (end > 0) throw new SavepointError(`The progress topic "${topic}" has been used; give the job one of its own.`)
  }
}

/**
 * With a store for each task. In a folder beside the one that is meant, which gets its name when all of it is written: a
 * restore that is killed leaves nothing that a job would open.
 */
const withStores = async <T>(
  { stateFolder, openStore }: RestoreOptions,
  plan: JobPlan | null,
  work: (stores: readonly { readonly part: TaskPart | undefined; readonly store: StateStore }[]) => Promise<T>,
): Promise<T> => {
  const unfinished = `${stateFolder}.restoring`
  if (openStore === undefined) {
    await rm(unfinished, { recursive: true, force: true })
    await mkdir(unfinished, { recursive: true })
  }
  const open = openStore ?? ((task: string) => openLevelStore(join(unfinished, task)))
  const stores: { readonly part: TaskPart | undefined; readonly store: StateStore }[] = []
  let result: T
  try {
    for (const part of plan === null ? [undefined] : plan.tasks) {
      const name = part === undefined ? '' : `${part.name}-${part.shard}`
      const store = await open(name)
      stores.push({ part, store })
      if ((await store.readMeta()) !== undefined) throw new SavepointError(`The store of "${name}" is not empty.`)
    }
    result = await work(stores)
  } catch (error) {
    for (const { store } of stores) await store.close()
    if (openStore === undefined) await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  for (const { store } of stores) await store.close()
  if (openStore !== undefined) return result
  await mkdir(dirname(stateFolder), { recursive: true })
  await rm(stateFolder, { recursive: true, force: true }) // empty, as was asked for
  await rename(unfinished, stateFolder)
  return result
}
