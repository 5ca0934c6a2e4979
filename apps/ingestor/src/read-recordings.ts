import type { IngestorConfig } from './config.ts'
import { ingestRecording } from './ingest.ts'
import type { IngestorDeps, Told } from './ingestor-deps.ts'
import { ingestorMetrics, type IngestorMetrics } from './metrics.ts'
import { writePrices, type WritePricesDeps } from './prices/write-prices.ts'
import { openRecording } from './sources/recording-source.ts'

/** Writes the recorded blocks that the settings name to the log, and the prices of their chains. */
export async function readRecordings(
  config: IngestorConfig,
  deps: IngestorDeps & Pick<WritePricesDeps, 'failed' | 'well'>,
  told: Told,
  signal: AbortSignal,
): Promise<void> {
  const { log, prefix, logger, failed, well } = deps
  const recording = await openRecording(config.recordings, {
    ...(config.chainId === null ? {} : { chainId: config.chainId }),
    onNotice: ({ message }) => logger.info(message),
  })
  const ofChain = new Map<number, { readonly metrics: IngestorMetrics; seen: number }>()
  for (const { chainId } of recording.chains)
    ofChain.set(chainId, { metrics: ingestorMetrics(deps.metrics.with({ chain: String(chainId) })), seen: 0 })
  const prices = [...ofChain].map(([chainId, { metrics }], at) =>
    writePrices(config, chainId, { ...deps, knowledge: told.knowledge, metrics, keepsBadLines: at === 0 }, signal),
  )
  const blocks = ingestRecording({
    recording,
    log,
    prefix,
    ...told,
    signal,
    onRetry: failed,
    onProgress: (progress) => {
      well()
      const counted = ofChain.get(progress.chainId)
      if (counted !== undefined) {
        counted.metrics.blocks.inc(Math.max(0, progress.blocks - counted.seen))
        counted.metrics.headBlock.set(progress.blockNumber)
        counted.seen = progress.blocks
      }
      deps.onProgress?.(progress, progress.chainId)
    },
  }).then(() => {
    for (const chainId of ofChain.keys()) deps.onProgress?.(null, chainId)
  })
  await Promise.all([...prices, blocks])
}
