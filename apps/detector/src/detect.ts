import {
  alertsTopic,
  deadLetterCodec,
  deadLettersTopic,
  pricesTopic,
  progressTopic,
  transactionsTopic,
} from '@tocsin/chain-model'
import { UnknownTopicError, type EventLog } from '@tocsin/event-log'
import { retry, type Logger, type Metrics, type SettingsOf } from '@tocsin/service-kit'
import { openJob, type Job, type JobDeadLetter, type JobOptions, type JobProgress } from '@tocsin/stream-core'
import type { detectorSettings } from './config.ts'
import { configureDetectors } from './configure.ts'
import { parseOverrides, type ConfiguredDetector, type Tally } from './detector.ts'
import { detectionMetrics } from './metrics.ts'
import { detectionTopology } from './topology.ts'

/** What one chain's detection runs on. */
export interface DetectionJob {
  readonly log: EventLog
  readonly chainId: number
  readonly prefix: string
  readonly detectors: readonly ConfiguredDetector[]
  readonly stateFolder: string
  readonly alertPartitions?: number
  readonly commitIntervalMs?: number
  readonly checkpointIntervalMs?: number
  readonly batchSize?: number
  readonly tally?: Tally
  /** Monotonic, in ms: for commit intervals, never for results. */
  readonly clock: () => number
  readonly onProgress?: (progress: JobProgress) => void
}

export const silentTally: Tally = { unpriced: () => {}, suppressed: () => {} }

/** Creates the topics that detection reads and writes where they are missing, and opens its job. */
export async function openDetection(options: DetectionJob): Promise<Job> {
  const { log, chainId, prefix, detectors, stateFolder, clock, alertPartitions = 4, tally = silentTally } = options
  await log.createTopics([
    { topic: transactionsTopic(prefix, chainId), partitions: 1 },
    { topic: pricesTopic(prefix), partitions: await partitionsOr(1, log, pricesTopic(prefix)) },
    { topic: alertsTopic(prefix), partitions: await partitionsOr(alertPartitions, log, alertsTopic(prefix)) },
    { topic: deadLettersTopic(prefix), partitions: 1 },
  ])
  const jobOptions: JobOptions = {
    topology: detectionTopology({ chainId, prefix, detectors, tally }),
    log,
    stateFolder,
    progressTopic: progressTopic(prefix, chainId, 'detection'),
    deadLetters: { topic: deadLettersTopic(prefix), encode: encodeDeadLetter },
    clock,
    ...(options.commitIntervalMs !== undefined && { commitIntervalMs: options.commitIntervalMs }),
    ...(options.checkpointIntervalMs !== undefined && { checkpointIntervalMs: options.checkpointIntervalMs }),
    ...(options.batchSize !== undefined && { batchSize: options.batchSize }),
    ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
  }
  return openJob(jobOptions)
}

/** Where the topic exists, whoever made it decided. */
async function partitionsOr(whenMissing: number, log: EventLog, topic: string): Promise<number> {
  try {
    return await log.partitions(topic)
  } catch (error) {
    if (error instanceof UnknownTopicError) return whenMissing
    throw error
  }
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
  readonly logger: Logger
  readonly metrics: Metrics
  readonly clock: () => number
  /** In [0, 1): spreads retries. */
  readonly random: () => number
  readonly onProgress?: (progress: JobProgress) => void
}

export type DetectorConfig = SettingsOf<typeof detectorSettings> & { readonly topicPrefix: string }

/**
 * Watches one chain until `signal` aborts: opens the job, and opens it again with back-off when what failed may come
 * back (the log cannot be reached, a commit's outcome is unknown). All else is thrown.
 * @throws {ParameterError} before anything is opened.
 */
export async function startDetector(
  config: DetectorConfig,
  { log, logger, metrics, clock, random, onProgress }: DetectorDependencies,
  signal: AbortSignal,
): Promise<void> {
  const detectors = configureDetectors(config.detectors, parseOverrides(config.parameters))
  const measures = detectionMetrics(metrics)
  logger.info('watching', { chainId: config.chainId, detectors: detectors.map(({ id }) => id).join(',') })
  const runOnce = async (): Promise<void> => {
    const job = await openDetection({
      log,
      chainId: config.chainId,
      prefix: config.topicPrefix,
      detectors,
      stateFolder: config.stateFolder,
      alertPartitions: config.alertPartitions,
      commitIntervalMs: config.commitIntervalMs,
      checkpointIntervalMs: config.checkpointIntervalMs,
      tally: measures.tally,
      clock,
      onProgress: (progress) => {
        measures.progress(progress)
        onProgress?.(progress)
      },
    })
    try {
      await job.run(signal)
    } finally {
      await job.close()
    }
  }
  await retry(runOnce, {
    random,
    signal,
    onRetry: (error, { delayMs }) => {
      measures.restarted(error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN')
      logger.warn(error, { retryInMs: delayMs })
    },
  })
}
