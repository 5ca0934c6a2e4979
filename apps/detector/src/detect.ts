import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { deadLetterCodec, deadLettersTopic } from '@tocsin/chain-model'
import type { EventLog, Group, KafkaGroupOptions, TopicSpec } from '@tocsin/event-log'
import {
  createOutage,
  errorCode,
  errorLine,
  retry,
  type Logger,
  type Metrics,
  type Outage,
  type SettingsOf,
} from '@tocsin/service-kit'
import {
  openJob,
  openShardedJob,
  planTrim,
  restoreShardedSavepoint,
  shardedJobTopics,
  StateMismatchError,
  takeShardedSavepoint,
  type Job,
  type JobDeadLetter,
  type JobDefinition,
  type JobProgress,
  type ShardedJob,
  type ShardedJobProgress,
  type RestoreReport,
  type SavepointSummary,
  type ShardedRestoreOptions,
  type ShardedSavepointOptions,
  type ShardEvent,
  type Trim,
} from '@tocsin/stream-core'
import type { detectorSettings } from './config.ts'
import { configureDetectors } from './configure.ts'
import { parseOverrides, type ConfiguredDetector, type Detector, type Tally } from './detector.ts'
import { detectionMetrics } from './metrics.ts'
import { detectionProgressTopic, detectionTopics, pipelineTopics, type JobNames } from './topics.ts'
import { detectionTopology } from './topology.ts'

/** What one chain's detection runs on. */
export interface DetectionJob {
  readonly log: EventLog
  readonly chainId: number
  readonly prefix: string
  /** What its own topics are named by. Default `detection`. */
  readonly job?: string
  readonly detectors: readonly ConfiguredDetector[]
  readonly stateFolder: string
  readonly alertPartitions?: number
  readonly commitIntervalMs?: number
  readonly checkpointIntervalMs?: number
  readonly batchSize?: number
  readonly tally?: Tally
  /** Told of each record that becomes a dead letter; again when it is folded again after a reorg or a restart. */
  readonly onDeadLetter?: (letter: JobDeadLetter) => void
  /** Monotonic, in ms: for commit intervals, never for results. */
  readonly clock: () => number
  readonly onProgress?: (progress: JobProgress) => void
}

export const silentTally: Tally = { unpriced: () => {}, suppressed: () => {} }

/** Creates the topics that detection reads and writes where they are missing, and opens its job. */
export async function openDetection(options: DetectionJob): Promise<Job> {
  const { log, stateFolder, onProgress } = options
  await log.createTopics(await pipelineTopics(log, topicsOf(options)))
  return openJob({
    ...definitionOf(options),
    ...paceOf(options),
    log,
    stateFolder,
    progressTopic: detectionProgressTopic(options),
    // Whoever runs it opens it again, or tells the failure.
    restart: { type: 'none' },
    ...(onProgress !== undefined && { onProgress }),
  })
}

/** What several processes share the detection of a chain by. */
export interface ShardedDetection extends Omit<DetectionJob, 'onProgress'> {
  readonly group: Group
  readonly shards: number
  readonly standbys: number
  readonly onProgress?: (progress: ShardedJobProgress) => void
  readonly onEvent?: (event: ShardEvent) => void
}

/** This process's part in the detection of a chain. With one shard it goes on from what `openDetection` left. */
export async function openShardedDetection(options: ShardedDetection): Promise<ShardedJob> {
  const { log, group, shards, standbys, stateFolder, onProgress, onEvent } = options
  await log.createTopics(await pipelineTopics(log, topicsOf(options)))
  return openShardedJob({
    ...paceOf(options),
    definition: definitionOf(options),
    log,
    group,
    shards,
    standbys,
    stateFolder,
    progressTopic: detectionProgressTopic(options),
    internalTopics: detectionTopics(options),
    ...(onProgress !== undefined && { onProgress }),
    ...(onEvent !== undefined && { onEvent }),
  })
}

/** The detection of a chain, cut into so many shards. */
export interface DetectionShards extends JobNames {
  readonly detectors: readonly ConfiguredDetector[]
  readonly shards: number
}

/** The topics of its own that detection has; `pipeline` has those that it reads. */
export function detectionJobTopics(options: DetectionShards, pipeline: readonly TopicSpec[]): readonly TopicSpec[] {
  const partitions = (topic: string) => pipeline.find((spec) => spec.topic === topic)?.partitions ?? 1
  return shardedJobTopics({ ...shardsOf(options), partitions })
}

/** What nobody needs any more of the topics that `detectionJobTopics` names. @throws what `planTrim` throws */
export const detectionTrims = (log: EventLog, options: DetectionShards): Promise<readonly Trim[]> =>
  planTrim({ ...shardsOf(options), log })

/** Writes the savepoint of a chain's detection that no process runs. @throws what `takeShardedSavepoint` throws */
export const takeDetectionSavepoint = (
  options: DetectionShards &
    Pick<ShardedSavepointOptions, 'log' | 'file' | 'stateFolder'> & { readonly clock: () => number },
): Promise<SavepointSummary> => {
  const { log, file, stateFolder } = options
  return takeShardedSavepoint({ ...shardsOf(options), log, file, stateFolder, definition: definitionOf(options) })
}

/** Makes a chain's detection, of another name, out of a savepoint. @throws what `restoreShardedSavepoint` throws */
export async function restoreDetection(
  options: DetectionShards & Pick<ShardedRestoreOptions, 'log' | 'file' | 'allowNonRestoredState'>,
): Promise<RestoreReport> {
  const { log, file, allowNonRestoredState } = options
  return restoreShardedSavepoint({ ...shardsOf(options), log, file, allowNonRestoredState })
}

const shardsOf = (options: DetectionShards) => ({
  topology: detectionTopology({ ...options, tally: silentTally }),
  shards: options.shards,
  progressTopic: detectionProgressTopic(options),
  internalTopics: detectionTopics(options),
})

const topicsOf = ({ prefix, chainId, alertPartitions = 4 }: Omit<DetectionJob, 'onProgress'>) => ({
  prefix,
  chainId,
  alertPartitions,
})

const definitionOf = (
  options: Pick<DetectionJob, 'chainId' | 'prefix' | 'detectors' | 'clock' | 'onDeadLetter' | 'tally'>,
): JobDefinition => {
  const { chainId, prefix, detectors, clock, onDeadLetter, tally = silentTally } = options
  return {
    topology: detectionTopology({ chainId, prefix, detectors, tally }),
    deadLetters: { topic: deadLettersTopic(prefix), encode: encodeAndTell(onDeadLetter) },
    clock,
  }
}

const paceOf = ({ commitIntervalMs, checkpointIntervalMs, batchSize }: Omit<DetectionJob, 'onProgress'>) => ({
  ...(commitIntervalMs !== undefined && { commitIntervalMs }),
  ...(checkpointIntervalMs !== undefined && { checkpointIntervalMs }),
  ...(batchSize !== undefined && { batchSize }),
})

const encodeAndTell = (tell: DetectionJob['onDeadLetter']) => (letter: JobDeadLetter) => {
  tell?.(letter)
  return encodeDeadLetter(letter)
}

const maxPayloadBytes = 64 * 1024

function encodeDeadLetter({ operator, code, reason, origin, payload }: JobDeadLetter): Uint8Array {
  return deadLetterCodec.encode({
    type: 'dead-letter',
    source: `detector/${operator}`,
    code,
    reason,
    origin,
    payload: Buffer.from(payload.subarray(0, maxPayloadBytes)).toString('base64'),
  })
}

export interface DetectorDependencies {
  readonly log: EventLog
  /** Of the log's cluster: then several processes may share the detection. Without it this is the only one. */
  readonly openGroup?: (options: KafkaGroupOptions) => Group
  /** The user's own: see `readRules`. */
  readonly rules?: readonly Detector[]
  readonly logger: Logger
  readonly metrics: Metrics
  readonly clock: () => number
  /** In [0, 1): spreads retries. */
  readonly random: () => number
  readonly onProgress?: (progress: JobProgress, chainId: number) => void
}

export type DetectorConfig = SettingsOf<typeof detectorSettings> & { readonly topicPrefix: string }

/**
 * Watches each chain by a job of its own until `signal` aborts, and opens a job again with back-off when what failed may
 * come back (the log cannot be reached, a commit's outcome is unknown). All else is thrown: of several chains when the
 * others have ended too, since none of them waits for another, and told at once.
 * @throws {ParameterError} before anything is opened.
 */
export async function startDetector(
  config: DetectorConfig,
  dependencies: DetectorDependencies,
  signal: AbortSignal,
): Promise<void> {
  const { chainId: chainIds, stateFolder } = config
  configureDetectors(config.detectors, parseOverrides(config.parameters), dependencies.rules)
  const [only, another] = chainIds
  if (only !== undefined && another === undefined) return watchChain({ ...config, chainId: only }, dependencies, signal)
  const ends = await Promise.allSettled(
    chainIds.map(async (chainId) => {
      const logger = dependencies.logger.at(`detector/${chainId}`)
      try {
        const of = { ...config, chainId, stateFolder: join(stateFolder, String(chainId)) }
        await watchChain(of, { ...dependencies, logger }, signal)
      } catch (error) {
        if (!signal.aborted) {
          logger.error(error)
          logger.error('the detection of this chain has stopped; the others go on', { chainId })
        }
        throw error
      }
    }),
  )
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function watchChain(
  config: Omit<DetectorConfig, 'chainId'> & { readonly chainId: number },
  { log, openGroup, rules, logger, metrics, clock, random, onProgress }: DetectorDependencies,
  signal: AbortSignal,
): Promise<void> {
  const detectors = configureDetectors(config.detectors, parseOverrides(config.parameters), rules)
  const measures = detectionMetrics(metrics.with({ chain: String(config.chainId) }))
  logger.info('watching', { chainId: config.chainId, detectors: detectors.map(({ id }) => id).join(',') })
  const outage = createOutage(logger, 'detection')
  const putAside = putAsideTeller(logger)
  const tellWaiting = waitingTeller(outage)
  const tellShard = shardTeller(logger, outage)
  const runOnce = async (): Promise<void> => {
    const of = {
      log,
      chainId: config.chainId,
      prefix: config.topicPrefix,
      job: config.job,
      detectors,
      stateFolder: config.stateFolder,
      alertPartitions: config.alertPartitions,
      commitIntervalMs: config.commitIntervalMs,
      checkpointIntervalMs: config.checkpointIntervalMs,
      tally: measures.tally,
      clock,
      onDeadLetter: (letter: JobDeadLetter) => {
        measures.putAside(letter.code)
        putAside(letter)
      },
      onProgress: (progress: JobProgress) => {
        measures.progress(progress)
        tellWaiting(progress)
        onProgress?.(progress, config.chainId)
      },
    }
    if (openGroup === undefined) {
      const job = await openOwnDetection(of, logger)
      try {
        await job.run(signal)
      } finally {
        await job.close()
      }
      return
    }
    const { shards, standbys, sessionTimeoutMs, heartbeatIntervalMs } = config
    const groupId = detectionTopics({ ...config, prefix: config.topicPrefix })
    const job = await openShardedDetection({
      ...of,
      group: openGroup({ groupId, sessionTimeoutMs, heartbeatIntervalMs }),
      shards,
      standbys,
      onProgress: (progress) => {
        measures.shards(progress.shards)
        of.onProgress(progress)
      },
      onEvent: (event) => {
        measures.shardEvent(event)
        tellShard(event)
      },
    })
    await job.run(signal)
  }
  await retry(runOnce, {
    random,
    signal,
    onRetry: (error) => {
      measures.restarted(errorCode(error))
      outage.failing(error)
    },
  })
}

/**
 * The job of the only process. Where the checkpoint is of other detectors or rules, the state is made anew from the log,
 * which has all of it: alerts that were committed stay, and new detectors speak from there on.
 */
async function openOwnDetection(options: DetectionJob, logger: Logger): Promise<Job> {
  try {
    return await openDetection(options)
  } catch (error) {
    if (!(error instanceof StateMismatchError)) throw error
    logger.warn('other detectors or rules than before: their state is made anew from the log, from its beginning')
    logger.debug(errorLine(error))
    await rm(options.stateFolder, { recursive: true, force: true })
    return openDetection(options)
  }
}

/** Tells the first dead letter of each operator and code; of a flood the metric and the topic tell the rest. */
export function putAsideTeller(logger: Logger): (letter: JobDeadLetter) => void {
  const told = new Set<string>()
  return ({ operator, code, reason, origin }) => {
    const line = `a record was put aside in the dead letters: [${code}] ${reason}`
    const key = `${operator} ${code}`
    if (told.has(key)) logger.debug(line, { operator, origin })
    else logger.warn(line, { operator, origin })
    told.add(key)
  }
}

/** Tells once that a running job waits for its log or could not write a checkpoint, and once that it is over. */
export function waitingTeller(outage: Outage): (progress: Pick<JobProgress, 'status' | 'reason'>) => void {
  return ({ status, reason }) => {
    if (reason !== null && status !== 'failed') outage.failing(reason)
    else if (reason === null && status === 'running') outage.over()
  }
}

/** Tells what becomes of the shards of this process, a line each. */
export function shardTeller(logger: Logger, outage: Outage): (event: ShardEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'taken':
        logger.info('runs a shard', { shard: event.shard, tookMs: Math.round(event.tookMs), copy: event.fromStandby })
        break
      case 'released':
        logger.info('let a shard go', { shard: event.shard, tookMs: Math.round(event.tookMs) })
        break
      case 'standing-by':
        logger.info('stands by for a shard', { shard: event.shard })
        break
      case 'fenced':
        logger.warn('another process has taken a shard: its work here has stopped', { shard: event.shard })
        break
      case 'lost':
        logger.warn(
          `the others have gone on without this process, since ${event.reason}: it stops its shards and joins anew`,
          { shards: event.shards.join(',') },
        )
        break
      case 'disturbed':
        if (event.reason === null) outage.over()
        else outage.failing(event.reason)
    }
  }
}
