import type { IngestorConfig } from './config.ts'
import { ingestRecording } from './ingest.ts'
import type { IngestorMetrics } from './metrics.ts'
import { openRecording } from './sources/recording-source.ts'
import type { IngestorDeps, Told } from './ingestor-deps.ts'

/** Writes the recorded blocks that the settings name to the log. */
export async function readRecordings(
  config: IngestorConfig,
  deps: IngestorDeps,
  told: Told,
  metrics: IngestorMetrics,
  failed: (error: unknown) => void,
  well: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { log, prefix, logger } = deps
  const recording = await openRecording(config.recordings, {
    ...(config.chainId === null ? {} : { chainId: config.chainId }),
    onNotice: ({ message }) => logger.info(message),
  })
  let seen = 0
  await ingestRecording({
    recording,
    log,
    prefix,
    ...told,
    signal,
    onRetry: failed,
    onProgress: (progress) => {
      well()
      metrics.blocks.inc(Math.max(0, progress.blocks - seen))
      metrics.headBlock.set(progress.blockNumber)
      seen = progress.blocks
      deps.onProgress?.(progress)
    },
  })
  deps.onProgress?.(null)
}
