import type { LogRecord } from '@tocsin/event-log'
import type { Topology } from '../../src/index.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../../src/state/memory-store.ts'
import { checkpointedCells, writeCheckpoint, type CheckpointMeta } from '../../src/task/checkpoint.ts'
import { nodeEventLoop } from '../../src/task/event-loop.ts'
import { Task, type Resumption } from '../../src/task/task.ts'
import { writeTaskPart } from '../../src/savepoint/write-task-part.ts'
import { answersAtOnce, type GivenAnswers } from '../answers-at-once.ts'
import { savepointBytes } from './savepoint-bytes.ts'
import { deadLetterTopic } from './simulate.ts'

/** What a job made of its inputs: its outputs by `topic/partition`, and its checkpoint as sorted lines. */
export interface Result {
  readonly outputs: ReadonlyMap<string, readonly Uint8Array[]>
  readonly state: readonly string[]
  /** Positions, watermarks, counts and proofs, as JSON. */
  readonly snapshot: string
  /** Takes it of the fold: what is not final is taken back. As bytes, a char each. */
  readonly savepoint: () => Promise<string>
}

/** The fold alone, over all that the logs hold at once: no commits, no recovery, no faults. */
export const runPlainly = async (
  topology: Topology,
  inputs: {
    readonly partitions: (topic: string) => number
    readonly records: (at: { readonly topic: string; readonly partition: number }) => readonly LogRecord[]
    readonly resumptions: readonly Resumption[]
    readonly returns: readonly number[]
    readonly answers: GivenAnswers
  },
): Promise<Result> => {
  const task = new Task({
    topology,
    answerAtOnce: answersAtOnce(topology, inputs.answers),
    partitions: inputs.partitions,
    deadLetters: {
      topic: deadLetterTopic,
      encode: ({ operator, origin, code }) => Buffer.from(`${operator} ${code} ${origin}`),
    },
  })
  task.attach({ tables: {}, read: () => undefined, readSpill: () => undefined })
  task.start(task.inputs.map(() => 0))
  task.replay(inputs.resumptions, Infinity, inputs.returns)
  for (let returns = -1; returns < task.returns;) {
    returns = task.returns // what it went back behind is read again
    for (const input of task.inputs) {
      const records = inputs.records({ topic: input.source.topic, partition: input.partition })
      input.offer(records, records.length)
    }
    task.advance(Infinity)
  }
  const outputs = new Map<string, Uint8Array[]>()
  for (const { record } of task.outputs.drain()) {
    const at = `${record.topic}/${record.partition}`
    const existing = outputs.get(at)
    if (existing === undefined) outputs.set(at, [record.value])
    else existing.push(record.value)
  }
  const contents = newMemoryStoreContents()
  const store = openMemoryStore(contents)
  const checkpoint = () =>
    writeCheckpoint({ task, store, starts: [], rest: () => nodeEventLoop.turn(), clock: () => 0 })
  await checkpoint()
  const savepoint = () =>
    savepointBytes(async (file) => {
      task.returnToBase()
      task.makeBase()
      await checkpoint()
      await writeTaskPart(file, task, store)
    })
  return { outputs, savepoint, ...(await checkpointOf(contents)) }
}

/** A checkpoint, so that equal ones are equal lines. */
export const checkpointOf = async (contents: MemoryStoreContents): Promise<Pick<Result, 'state' | 'snapshot'>> => {
  const cells: string[] = []
  for await (const { table, key, sub, value } of checkpointedCells(openMemoryStore(contents))) {
    cells.push(JSON.stringify([table, key, sub, Buffer.from(value).toString('latin1')]))
  }
  if (contents.meta === undefined) return { state: cells, snapshot: 'none' }
  const { snapshot } = JSON.parse(Buffer.from(contents.meta).toString()) as CheckpointMeta // a job wrote it
  return { state: cells, snapshot: JSON.stringify(snapshot) }
}
