import {
  OffsetOutOfRangeError,
  readRange,
  TopicMismatchError,
  UnknownTopicError,
  type EventLog,
  type LogRecord,
  type Position,
  type TopicPartition,
} from '@tocsin/event-log'
import { answersTopic, decodeUse } from '../task/answer-log.ts'
import { readMeta } from '../task/checkpoint.ts'
import { decodeMarker } from '../task/marker.ts'
import { readPartitionCounts } from '../task/partition-counts.ts'
import { Task } from '../task/task.ts'
import { decodeCheckpointRecord } from './checkpoint-record.ts'
import { checkpointsTopic, planOf, topicsOfJob, type JobTopicsOptions } from './job-topics.ts'
import type { TaskPart } from './task-part.ts'

/** What of a partition nobody needs any more: what lies below `before`. */
export interface Trim extends TopicPartition {
  readonly beginning: number
  readonly before: number
}

/** Of which job; as it was opened. */
export interface TrimOptions extends Omit<JobTopicsOptions, 'partitions'> {
  readonly log: EventLog
}

/** A task of the job has no checkpoint: of what it reads nothing may go. */
export class CheckpointMissingError extends Error {
  readonly code = 'STREAM_CHECKPOINT_MISSING'
  readonly handling = 'stop'
  readonly remedy =
    'Name the job as it runs (its shards, its topology), and let each task write its first checkpoint; nothing was deleted.'
}

/**
 * What may be deleted of the topics that a sharded job has of its own, by the newest whole checkpoint of each task: of
 * what it reads of other tasks, what the checkpoint has taken; of its progress, all markers before the one that covers the
 * checkpoint; of its answers, those used before it; of the checkpoints, those before the newest snapshot. Whoever takes a
 * task over, with a copy or without, goes on from that checkpoint or a later one, so none of it is asked for again, and
 * the job may run meanwhile. Deletes nothing itself: `log.trim` does.
 * @throws {CheckpointMissingError} if a task has none: then nothing of the job may be deleted
 * @throws {StateMismatchError | TopicMismatchError} the topics are of another job than was named
 */
export const planTrim = async (options: TrimOptions): Promise<readonly Trim[]> => {
  const { log, topology, progressTopic } = options
  const partitions = await readPartitionCounts(log, topology)
  const plan = planOf({ ...options, partitions })
  for (const { topic, partitions: wanted } of topicsOfJob({ topology, progressTopic, plan })) {
    const existing = await partitionsOf(log, topic)
    if (existing !== wanted) throw new TopicMismatchError({ topic, existing, wanted })
  }
  const trims: Trim[] = []
  for (const [index, part] of (plan?.tasks ?? [undefined]).entries()) {
    const task = new Task({ topology, partitions, deadLetters: { topic: '', encode: () => new Uint8Array() }, part })
    trims.push(...(await whileTrimmed(() => trimsOfTask(options, task, part, index))))
  }
  return trims.filter(({ beginning, before }) => before > beginning)
}

const partitionsOf = async (log: EventLog, topic: string): Promise<number> => {
  try {
    return await log.partitions(topic)
  } catch (error) {
    if (!(error instanceof UnknownTopicError)) throw error
    throw new CheckpointMissingError(`The job has never run: there is no topic "${topic}".`, { cause: error })
  }
}

/** The owner of a task trims too; what it deleted while it was read is read anew. */
const whileTrimmed = async <T>(read: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await read()
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error
    }
  }
}

const trimsOfTask = async (
  { log, progressTopic }: TrimOptions,
  task: Task,
  part: TaskPart | undefined,
  index: number,
): Promise<readonly Trim[]> => {
  const checkpoints = { topic: checkpointsTopic(progressTopic), partition: index }
  const { beginning, end } = await log.offsets(checkpoints)
  const newest = await newestCheckpoint(log, { ...checkpoints, offset: beginning }, end)
  if (newest === null) {
    const name = `${part?.name ?? task.topology.job}-${part?.shard ?? 0}`
    throw new CheckpointMissingError(`Task "${name}" has no checkpoint in ${checkpoints.topic}/${index}.`)
  }
  const { snapshot } = readMeta(newest.meta, task)
  const exchanges = await Promise.all(
    (part?.reads ?? []).map(async (at, read) => ({
      ...at,
      beginning: (await log.offsets(at)).beginning,
      before: snapshot.exchanges[read]?.offset ?? 0,
    })),
  )
  return [
    ...exchanges,
    await trimBefore(log, { topic: progressTopic, partition: index }, (all) =>
      all.findLast(({ value }) => decodeMarker(value).steps <= snapshot.steps),
    ),
    ...(task.enrichments.size === 0
      ? []
      : [
          await trimBefore(log, { topic: answersTopic(progressTopic), partition: index }, (all) =>
            all.find(({ value }) => decodeUse(value).index >= snapshot.answers),
          ),
        ]),
    { ...checkpoints, beginning, before: newest.base },
  ]
}

/** Where nothing must stay, everything does: it is not known what comes. */
const trimBefore = async (
  log: EventLog,
  at: TopicPartition,
  firstNeeded: (records: readonly LogRecord[]) => LogRecord | undefined,
): Promise<Trim> => {
  const { beginning, end } = await log.offsets(at)
  const records: LogRecord[] = []
  for await (const batch of readRange(log, { ...at, offset: beginning }, end)) records.push(...batch.records)
  return { ...at, beginning, before: firstNeeded(records)?.offset ?? beginning }
}

/**
 * The head of the newest checkpoint that is whole, and where one must begin to read to have all of it: at the newest
 * whole snapshot, or where nothing was ever trimmed. Null: there is none.
 */
const newestCheckpoint = async (
  log: EventLog,
  from: Position,
  end: number,
): Promise<{ readonly meta: Uint8Array; readonly base: number } | null> => {
  let base = from.offset === 0 ? 0 : null
  let snapshotAt: number | null = null
  let isBegun = false
  let newest: Uint8Array | null = null
  for await (const { records } of readRange(log, from, end)) {
    for (const { offset, value } of records) {
      const { begins, meta } = decodeCheckpointRecord(value)
      if (begins !== null) {
        isBegun = true
        snapshotAt = begins === 'snapshot' ? offset : null
      }
      if (meta === null || !isBegun) continue
      isBegun = false
      base = snapshotAt ?? base
      if (base !== null) newest = meta
    }
  }
  return base === null || newest === null ? null : { meta: newest, base }
}
