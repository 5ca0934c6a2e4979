import { stateCells } from '../state/state-cells.ts'
import type { StateStore } from '../state/state-store.ts'
import type { CheckpointMeta } from '../task/checkpoint.ts'
import type { Task, TaskSnapshot } from '../task/task.ts'
import { writeSavepoint, type SavepointCell, type SavepointSummary } from './savepoint-file.ts'
import { compareInputs, identityOf, nodesOfTime, sortedByName, type SavepointHead } from './savepoint-head.ts'

/** The newest checkpoint of a task, which holds all that it has committed, as a savepoint of its own. */
export const writeTaskPart = async (path: string, task: Task, store: StateStore): Promise<SavepointSummary> => {
  const bytes = await store.readMeta()
  if (bytes === undefined) return writeSavepoint(path, headOf(task, task.base), noCells()) // it has done nothing yet
  const meta = JSON.parse(Buffer.from(bytes).toString('utf8')) as CheckpointMeta // written by the task's own checkpoint
  return writeSavepoint(path, headOf(task, meta.snapshot), cellsOf(store, meta))
}

const headOf = (task: Task, snapshot: TaskSnapshot): SavepointHead => {
  const { nodes, job, version } = task.topology
  const { epoch, place, processingTime } = snapshot
  const followed = task.followsAllSources ? nodesOfTime(task.topology).filter(({ id }) => task.isFollowed(id)) : []
  return {
    job,
    version,
    hasEpochs: task.hasEpochs,
    epoch,
    place,
    processingTime,
    inputs: snapshot.inputs
      .flatMap((input, index) => {
        const of = task.sources[index]
        return of === undefined ? [] : [{ ...of, ...input }]
      })
      .sort(compareInputs),
    watermarks: sortedByName(
      followed.flatMap((node) => {
        const valve = snapshot.valves[node.id]
        if (valve === undefined) return []
        const { watermark, isIdle, channels } = valve
        const partitions = channels.map((channel) => ({ watermark: channel.watermark, isIdle: channel.isIdle }))
        return [[identityOf(nodes, node), { watermark, isIdle, partitions: node.source === null ? null : partitions }]]
      }),
    ),
  }
}

async function* noCells(): AsyncGenerator<SavepointCell> {}

async function* cellsOf(store: StateStore, { tables }: CheckpointMeta): AsyncGenerator<SavepointCell> {
  const layouts = new Map(Object.entries(tables).map(([name, { layout }]) => [name, layout]))
  for await (const cell of stateCells(store, layouts)) {
    const layout = layouts.get(cell.table)
    if (layout !== undefined && layout !== 'schedule') yield { ...cell, layout: savepointLayouts[layout] }
  }
}
const savepointLayouts = { values: 'values', pages: 'entries', panes: 'entries', timers: 'timers' } as const
