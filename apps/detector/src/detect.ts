import { deadLetterCodec, deadLettersTopic } from '@tocsin/chain-model'
import type { EventLog } from '@tocsin/event-log'
import {
  createOutage,
  errorCode,
  retry,
  type Logger,
  type Metrics,
  type Outage,
  type SettingsOf,
} from '@tocsin/service-kit'
import { openJob, type Job, type JobDeadLetter, type JobOptions, type JobProgress } from '@tocsin/stream-core'
import type { detectorSettings } from './config.ts'
import { configureDetectors } from './configure.ts'
import { parseOverrides, type ConfiguredDetector, type Tally } from './detector.ts'
import { detectionMetrics } from './metrics.ts'
import { detectionProgressTopic, pipelineTopics } from './topics.ts'
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
  /** Told of each record that becomes a dead letter; again when it is folded again after a reorg or a restart. */
  readonly onDeadLetter?: (letter: JobDeadLetter) => void
  /** Monotonic, in ms: for commit intervals, never for results. */
  readonly clock: () => number
  readonly onProgress?: (progress: JobProgress) => void
}

export const silentTally: Tally = { unpriced: () => {}, suppressed: () => {} }

/** Creates the topics that detection reads and writes where they are missing, and opens its job. */
export async function openDetection(options: DetectionJob): Promise<Job> {
  const { log, chainId, prefix, detectors, stateFolder, clock, alertPartitions = 4, tally = silentTally } = options
  await log.createTopics(await pipelineTopics(log, { prefix, chainId, alertPartitions }))
  const jobOptions: JobOptions = {
    topology: detectionTopology({ chainId, prefix, detectors, tally }),
    log,
    stateFolder,
    progressTopic: detectionProgressTopic({ prefix, chainId }),
    deadLetters: { topic: deadLettersTopic(prefix), encode: encodeAndTell(options.onDeadLetter) },
    clock,
    // Whoever runs it opens it again, or tells the failure.
    restart: { type: 'none' },
    ...(options.commitIntervalMs !== undefined && { commitIntervalMs: options.commitIntervalMs }),
    ...(options.checkpointIntervalMs !== undefined && { checkpointIntervalMs: options.checkpointIntervalMs }),
    ...(options.batchSize !== undefined && { batchSize: options.batchSize }),
    ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
  }
  return openJob(jobOptions)
}

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
  const outage = createOutage(logger, 'detection')
  const putAside = putAsideTeller(logger)
  const tellWaiting = waitingTeller(outage)
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
      onDeadLetter: (letter) => {
        measures.putAside(letter.code)
        putAside(letter)
      },
      onProgress: (progress) => {
        measures.progress(progress)
        tellWaiting(progress)
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
    onRetry: (error) => {
      measures.restarted(errorCode(error))
      outage.failing(error)
    },
  })
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
