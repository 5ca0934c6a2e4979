import { createOutage, errorCode, retry, type HealthChecks } from '@tocsin/service-kit'
import type { IngestorConfig } from './config.ts'
import { followNode } from './follow-node.ts'
import { loadKnowledge } from './ingest.ts'
import type { IngestorDeps } from './ingestor-deps.ts'
import { wrappedNativeOf } from './knowledge/token-list.ts'
import { ingestorMetrics, type IngestorMetrics } from './metrics.ts'
import { NothingToIngestError } from './nothing-to-ingest-error.ts'
import { readChainPriceFeeds } from './prices/chain-price-feeds.ts'
import { declareNoPrices, ingestPriceFile } from './prices/ingest-prices.ts'
import { followLivePrices, livePriceSources } from './prices/live-prices.ts'
import { readPriceFile } from './prices/price-file.ts'
import { readRecordings } from './read-recordings.ts'
import { systemClock } from './rpc/clock.ts'
import { endpointObserver } from './rpc/endpoint-observer.ts'
import { askChainId, openEndpoints } from './rpc/open-endpoints.ts'
import type { RpcEndpoint } from './rpc/rpc-endpoint.ts'
import { detailOf, telling, type Health } from './source-health.ts'

export interface RunningIngestor {
  /** Resolves when recordings, price files or the last block asked for are written, else when the signal is aborted. */
  readonly done: Promise<void>
  /** The chain that is ingested: the settings’, else the node’s own once it answers; 1 for recordings that do not say. */
  readonly chainId: Promise<number>
  readonly checks: HealthChecks
}

/** Starts the ingestor as the settings say: it reads recordings, or follows a node until the signal is aborted. */
export function startIngestor(config: IngestorConfig, deps: IngestorDeps, signal: AbortSignal): RunningIngestor {
  const metrics = ingestorMetrics(deps.metrics)
  let failure: string | null = null
  const health = {
    failing: (error: unknown) => {
      failure = error instanceof Error ? error.message : String(error)
    },
    well: () => {
      failure = null
    },
  }
  const endpoints = openEndpoints(config.rpc, {
    requestTimeoutMs: config.requestTimeout,
    clock: systemClock,
    observe: endpointObserver(metrics, config.rpc.length > 1 ? deps.logger.at('ingestor/chain') : null),
  })
  const chainId = chainOf(config, endpoints, deps, metrics, health, signal)
  chainId.catch(() => undefined) // `done` rejects with it
  return {
    done: run(config, endpoints, deps, metrics, health, chainId, signal),
    chainId,
    checks: {
      source: () => (failure === null ? { status: 'up', ...detailOf(endpoints) } : { status: 'down', reason: failure }),
    },
  }
}

/** Asks the node where the settings do not say, until it answers: prices are of that chain too. */
async function chainOf(
  config: IngestorConfig,
  endpoints: readonly RpcEndpoint[],
  deps: IngestorDeps,
  metrics: IngestorMetrics,
  health: Health,
  signal: AbortSignal,
): Promise<number> {
  const { chainId, recordings } = config
  if (chainId !== null || endpoints.length === 0 || recordings.length > 0) return chainId ?? 1
  const told = telling(metrics, health, deps.logger.at('ingestor/chain'))
  const found = await retry(() => askChainId(endpoints, signal), {
    signal,
    random: Math.random,
    onRetry: (error) => told.failing(error),
  })
  told.well()
  return found
}

async function run(
  config: IngestorConfig,
  endpoints: readonly RpcEndpoint[],
  deps: IngestorDeps,
  metrics: IngestorMetrics,
  health: Health,
  asked: Promise<number>,
  signal: AbortSignal,
): Promise<void> {
  const { log, prefix, logger } = deps
  const priceFile = config.prices
  const livePrices = deps.priceSource !== undefined || config.pricesUrl !== null || config.priceFeeds.length > 0
  if (config.rpc.length === 0 && config.recordings.length === 0 && priceFile === null && !livePrices)
    throw new NothingToIngestError()
  const knowledge = await loadKnowledge({ tokens: config.tokens, labels: config.labels, abis: config.abis })
  const priceFeeds =
    config.chainPrices === null
      ? []
      : await readChainPriceFeeds(config.chainPrices, { node: config.recordings.length === 0 })
  const outage = createOutage(logger)
  const failed = (error: unknown) => {
    outage.failing(error)
    metrics.failures.inc({ code: errorCode(error) })
  }
  const chainId = await asked.catch((error: unknown) => {
    if (signal.aborted) return null
    throw error
  })
  if (chainId === null) return
  const parts: Promise<unknown>[] = []
  // One failing part ends the others: what stops is stopped whole.
  const together = new AbortController()
  const all = AbortSignal.any([signal, together.signal])
  /** The last block asked for is in the log: no price is waited for any more. */
  const ended = new AbortController()
  if (priceFile !== null) {
    const wrappedNative = (chain: number) => wrappedNativeOf(knowledge.tokens, chain)
    const file = await readPriceFile(priceFile, { chainId, wrappedNative })
    const [firstBad] = file.bad
    if (firstBad !== undefined) logger.warn(firstBad, { badLines: file.bad.length })
    for (const { code } of file.bad) metrics.failures.inc({ code })
    parts.push(ingestPriceFile({ file, log, prefix, chainId, signal: all, onRetry: failed }).then(outage.over))
  } else {
    const wrapped = wrappedNativeOf(knowledge.tokens, chainId)
    const given = deps.priceSource === undefined ? [] : [deps.priceSource]
    const sources = [...given, ...livePriceSources(config, chainId, wrapped, deps)]
    if (sources.length > 0)
      parts.push(
        followLivePrices(sources, chainId, config, deps, metrics, AbortSignal.any([all, ended.signal])).catch(
          (error: unknown) => {
            if (!ended.signal.aborted) throw error
          },
        ),
      )
    else {
      if (config.chainPrices === null)
        logger.warn(
          'without --prices, --prices-url, --price-feed or --chain-prices nothing can be valued in USD; rules in USD stay silent',
        )
      parts.push(declareNoPrices({ log, prefix, chainId, now: deps.now ?? Date.now, signal: all }))
    }
  }
  if (config.recordings.length > 0)
    parts.push(readRecordings(config, deps, { knowledge, priceFeeds }, metrics, failed, outage.over, all))
  else if (endpoints.length > 0)
    parts.push(
      followNode(endpoints, chainId, config, deps, { knowledge, priceFeeds }, metrics, health, all).then(() =>
        ended.abort(),
      ),
    )
  try {
    await Promise.all(parts)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    together.abort()
    await Promise.allSettled([...parts, ...endpoints.map((endpoint) => endpoint.close())])
  }
}
