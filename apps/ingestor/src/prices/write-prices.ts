import type { IngestorConfig } from '../config.ts'
import type { IngestorDeps, Told } from '../ingestor-deps.ts'
import { wrappedNativeOf } from '../knowledge/token-list.ts'
import type { IngestorMetrics } from '../metrics.ts'
import { declareNoPrices, ingestPriceFile } from './ingest-prices.ts'
import { followLivePrices, livePriceSources } from './live-prices.ts'
import { readPriceFile } from './price-file.ts'

/** What one chain's prices are written with. */
export interface WritePricesDeps extends Omit<IngestorDeps, 'metrics'> {
  readonly knowledge: Told['knowledge']
  readonly metrics: IngestorMetrics
  /** Of several chains that share a price file: whether this one keeps its bad lines, so that they are kept once. */
  readonly keepsBadLines: boolean
  readonly failed: (error: unknown) => void
  readonly well: () => void
}

/** Writes one chain's prices to the log as the settings say: a file's, those of live sources, or that there are none. */
export async function writePrices(
  config: IngestorConfig,
  chainId: number,
  deps: WritePricesDeps,
  signal: AbortSignal,
): Promise<void> {
  const { log, prefix, logger, knowledge, metrics } = deps
  if (config.prices !== null) {
    const wrappedNative = (chain: number) => wrappedNativeOf(knowledge.tokens, chain)
    const named = config.sharesPrices ? null : chainId
    const { ticks, bad } = await readPriceFile(config.prices, { chainId: named, wrappedNative })
    const kept = deps.keepsBadLines ? bad : []
    const [firstBad] = kept
    if (firstBad !== undefined) logger.warn(firstBad, { badLines: kept.length })
    for (const { code } of kept) metrics.failures.inc({ code })
    await ingestPriceFile({ file: { ticks, bad: kept }, log, prefix, chainId, signal, onRetry: deps.failed })
    deps.well()
    return
  }
  const given = deps.priceSource === undefined ? [] : [deps.priceSource]
  const wrapped = wrappedNativeOf(knowledge.tokens, chainId)
  const sources = [...given, ...livePriceSources(config, chainId, wrapped, deps)]
  if (sources.length > 0) {
    await followLivePrices(sources, chainId, config, deps, metrics, signal)
    return
  }
  if (config.chainPrices === null)
    logger.warn(
      'without --prices, --prices-url, --price-feed or --chain-prices nothing can be valued in USD; rules in USD stay silent',
    )
  await declareNoPrices({ log, prefix, chainId, signal })
}
