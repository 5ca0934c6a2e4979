import { join } from 'node:path'
import { readRange, type EventLog, type NewRecord } from '@tocsin/event-log'
import { openJob } from '../job.ts'
import { restoreSavepoint, type RestoreOptions, type RestoreReport } from '../savepoint/restore-savepoint.ts'
import { SavepointError } from '../savepoint/savepoint-error.ts'
import type { SavepointSummary } from '../savepoint/savepoint-file.ts'
import { openLevelStore } from '../state/level-store.ts'
import { openMemoryStore } from '../state/memory-store.ts'
import type { StateStore } from '../state/state-store.ts'
import { readPartitionCounts } from '../task/partition-counts.ts'
import type { Topology } from '../topology.ts'
import { CheckpointRecordWriter } from './checkpoint-record.ts'
import { openDistributedJob } from './distributed-job.ts'
import type { JobDefinition } from './job-definition.ts'
import type { JobShape } from './job-tasks.ts'
import { checkpointsTopic, planOf, shardedJobTopics } from './job-topics.ts'
import { openReplicatedStore } from './replicated-store.ts'

/** What a sharded job is called, and cut into, in its log. */
export type ShardedJobPlace = Pick<JobShape, 'shards' | 'maxParallelism' | 'progressTopic' | 'internalTopics'>

/** Of which job, and where to. */
export interface ShardedSavepointOptions extends ShardedJobPlace {
  readonly log: EventLog
  readonly definition: JobDefinition
  /** Of the savepoint. */
  readonly file: string
  /** The newest checkpoints are read into it: an empty one, or that of a process of the job. */
  readonly stateFolder: string
}

/**
 * Takes the savepoint of a sharded job that no process runs: each task is taken over as by any next owner, from its
 * checkpoint topic, and brought to where the job's last commits stood. See `Job.savepoint`; the job may go on after it.
 * @throws {SavepointError} and what opening a job throws
 */
export const takeShardedSavepoint = async (options: ShardedSavepointOptions): Promise<SavepointSummary> => {
  const { log, definition, file, stateFolder, ...place } = options
  const partitionOf = await checkpointPartitions(log, definition.topology, place)
  const open = async (task: string): Promise<StateStore> => {
    const topic = checkpointsTopic(place.progressTopic)
    const partition = partitionOf(task)
    const local = await openLevelStore(join(stateFolder, task))
    try {
      return await openReplicatedStore(log, { topic, partition, transactionalId: `${topic}.${partition}` }, local)
    } catch (error) {
      await local.close()
      throw error
    }
  }
  const shape = { ...place, stateFolder, restart: { type: 'none' } } as const
  const job =
    place.shards === 1
      ? await openJob({ ...definition, ...shape, log, openStore: () => open('') })
      : await openDistributedJob({ ...shape, definition, log, openStore: open })
  try {
    return await job.savepoint(file)
  } finally {
    await job.close()
  }
}

/** Of the savepoint, and of the job to come. */
export type ShardedRestoreOptions = ShardedJobPlace &
  Omit<RestoreOptions, 'stateFolder' | 'distributed' | 'openStore' | 'progressTopic'>

/**
 * Makes a sharded job out of a savepoint, in any number of shards and under a changed topology: see `restoreSavepoint`.
 * Its state goes into its checkpoint topic, all tasks' in one transaction, so it is there whole or not at all; who opens
 * the job then takes it from there. All of it is in memory once. `progressTopic` and `internalTopics` are new ones.
 * @throws {SavepointMismatchError | SavepointError} the second also where the topics were used before
 */
export const restoreShardedSavepoint = async (options: ShardedRestoreOptions): Promise<RestoreReport> => {
  const { log, topology, shards, maxParallelism, progressTopic, internalTopics } = options
  const place = { shards, maxParallelism, progressTopic, internalTopics }
  const topic = checkpointsTopic(progressTopic)
  const partitions = await readPartitionCounts(log, topology)
  await log.createTopics(shardedJobTopics({ ...place, topology, partitions }))
  await requireUnused(log, topic)
  const partitionOf = await checkpointPartitions(log, topology, place)
  const records: NewRecord[] = []
  const report = await restoreSavepoint({
    ...options,
    stateFolder: '',
    ...(shards > 1 && {
      distributed: { shards, internalTopics, ...(maxParallelism !== undefined && { maxParallelism }) },
    }),
    openStore: async (task) => {
      const partition = partitionOf(task)
      return firstCheckpoint((value) => records.push({ topic, partition, key: null, value }))
    },
  })
  const producer = await log.openProducer(`${topic}.restore`)
  try {
    await producer.append(records)
  } finally {
    await producer.close()
  }
  return report
}

/** By the name of a task's store, its partition of the checkpoint topic; the one task of one shard has no name. */
const checkpointPartitions = async (log: EventLog, topology: Topology, place: ShardedJobPlace) => {
  const plan = planOf({ ...place, topology, partitions: await readPartitionCounts(log, topology) })
  const names = plan?.tasks.map(({ name, shard }) => `${name}-${shard}`) ?? ['']
  return (task: string): number => {
    const partition = names.indexOf(task)
    if (partition === -1) throw new Error(`assertion: the plan has a task "${task}"`)
    return partition
  }
}

/** What was aborted leaves offsets and no record. */
const requireUnused = async (log: EventLog, topic: string): Promise<void> => {
  for (let partition = 0; partition < (await log.partitions(topic)); partition += 1) {
    const { beginning, end } = await log.offsets({ topic, partition })
    for await (const { records } of readRange(log, { topic, partition, offset: beginning }, end)) {
      if (records.length > 0 || beginning > 0)
        throw new SavepointError(`The checkpoint topic "${topic}" has been used; give the job a name of its own.`)
    }
  }
}

/** So much goes into one record, as where a task writes its checkpoints itself. */
const recordBytes = 512 << 10

/** An empty store whose one checkpoint becomes records of a checkpoint topic. */
const firstCheckpoint = (add: (record: Uint8Array) => void): StateStore => {
  const empty = openMemoryStore()
  return {
    ...empty,
    begin: () => {
      const writer = new CheckpointRecordWriter()
      const records: Uint8Array[] = []
      // Behind nothing, what changed since the last checkpoint is all there is.
      const begins = () => (records.length === 0 ? 'increment' : null)
      return {
        put: (table, key, sub, value) => {
          writer.add({ table, key, sub, value })
          if (writer.bytes >= recordBytes) records.push(writer.take(begins(), null))
        },
        commit: async (meta) => {
          records.push(writer.take(begins(), meta))
          for (const record of records) add(record)
        },
        drain: () => null,
        abandon: () => undefined,
      }
    },
  }
}
