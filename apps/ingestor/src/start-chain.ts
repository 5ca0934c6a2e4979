import { createOutage, errorCode, retry, type CheckResult } from '@tocsin/service-kit'
import type { IngestorConfig } from './config.ts'
import { followNode } from './follow-node.ts'
import { loadKnowledge } from './ingest.ts'
import type { IngestorDeps } from './ingestor-deps.ts'
import { failuresMetric, ingestorMetrics } from './metrics.ts'
import { NothingToIngestError } from './nothing-to-ingest-error.ts'
import { readChainPriceFeeds } from './prices/chain-price-feeds.ts'
import { writePrices } from './prices/write-prices.ts'
import { readRecordings } from './read-recordings.ts'
import { systemClock } from './rpc/clock.ts'
import { endpointObserver } from './rpc/endpoint-observer.ts'
import { askChainId, openEndpoints } from './rpc/open-endpoints.ts'
import type { RpcEndpoint } from './rpc/rpc-endpoint.ts'
import { chainHealth, telling, type ChainHealth } from './source-health.ts'

/** One chain's part of the ingestor, which shares nothing with that of another but the log and the process. */
export interface RunningChain {
  /** Resolves when recordings, price files or the last block asked for are written, else when the signal is aborted. */
  readonly done: Promise<void>
  /** The settings’, else the node’s own once it answers; 1 for recordings that do not say. */
  readonly chainId: Promise<number>
  /** Whether its source answers, how far it is, and which endpoints are left aside. */
  readonly check: () => CheckResult
}

export interface ChainDeps extends IngestorDeps {
  /** Of the chains that share a price file: whether this one keeps its bad lines. */
  readonly keepsBadLines: boolean
}

/** Starts one chain's part: it reads recordings, or follows a node until the signal is aborted. */
export function startChain(config: IngestorConfig, deps: ChainDeps, signal: AbortSignal): RunningChain {
  const health = chainHealth()
  const endpoints: RpcEndpoint[] = []
  const chainId = chainOf(config, deps, health, signal)
  chainId.catch(() => undefined) // `done` rejects with it
  const done = run(config, deps, health, endpoints, chainId, signal)
  done.catch((error: unknown) => health.stopped(error))
  return { done, chainId, check: () => health.check(endpoints) }
}

/** Asks the node where the settings do not say, until it answers: prices are of that chain too. */
async function chainOf(
  config: IngestorConfig,
  deps: IngestorDeps,
  health: ChainHealth,
  signal: AbortSignal,
): Promise<number> {
  const { chainId, recordings } = config
  if (chainId !== null || config.rpc.length === 0 || recordings.length > 0) return chainId ?? 1
  const failures = failuresMetric(deps.metrics.with({ chain: 'unknown' }))
  const told = telling(failures, health, deps.logger.at('ingestor/chain'))
  const endpoints = openEndpoints(config.rpc, { requestTimeoutMs: config.requestTimeout, clock: systemClock })
  try {
    const found = await retry(() => askChainId(endpoints, signal), {
      signal,
      random: Math.random,
      onRetry: (error) => told.failing(error),
    })
    told.well()
    return found
  } finally {
    await Promise.all(endpoints.map((endpoint) => endpoint.close()))
  }
}

async function run(
  config: IngestorConfig,
  deps: ChainDeps,
  health: ChainHealth,
  endpoints: RpcEndpoint[],
  asked: Promise<number>,
  signal: AbortSignal,
): Promise<void> {
  const { logger } = deps
  const livePrices = deps.priceSource !== undefined || config.pricesUrl !== null || config.priceFeeds.length > 0
  const hasBlocks = config.rpc.length > 0 || config.recordings.length > 0
  if (!hasBlocks && config.prices === null && !livePrices) throw new NothingToIngestError()
  const knowledge = await loadKnowledge({ tokens: config.tokens, labels: config.labels, abis: config.abis })
  const priceFeeds =
    config.chainPrices === null
      ? []
      : await readChainPriceFeeds(config.chainPrices, { node: config.recordings.length === 0 })
  const chainId = await asked.catch((error: unknown) => {
    if (signal.aborted) return null
    throw error
  })
  if (chainId === null) return
  const ofChain = deps.metrics.with({ chain: String(chainId) })
  const outage = createOutage(logger)
  const failures = failuresMetric(ofChain)
  const failed = (error: unknown) => {
    outage.failing(error)
    failures.inc({ code: errorCode(error) })
  }
  const told = { knowledge, priceFeeds }
  // One failing part ends the others: what stops is stopped whole.
  const together = new AbortController()
  const all = AbortSignal.any([signal, together.signal])
  const parts: Promise<unknown>[] = []
  if (config.recordings.length > 0)
    parts.push(readRecordings(config, { ...deps, failed, well: outage.over }, told, all))
  else {
    const metrics = ingestorMetrics(ofChain)
    /** The last block asked for is in the log: no price is waited for any more. */
    const ended = new AbortController()
    parts.push(
      writePrices(
        config,
        chainId,
        { ...deps, knowledge, metrics, failed, well: outage.over },
        AbortSignal.any([all, ended.signal]),
      ).catch((error: unknown) => {
        if (!ended.signal.aborted) throw error
      }),
    )
    endpoints.push(
      ...openEndpoints(config.rpc, {
        requestTimeoutMs: config.requestTimeout,
        clock: systemClock,
        observe: endpointObserver(metrics, config.rpc.length > 1 ? logger.at('ingestor/chain') : null),
      }),
    )
    if (endpoints.length > 0)
      parts.push(followNode(endpoints, chainId, config, deps, told, metrics, health, all).then(() => ended.abort()))
  }
  try {
    await Promise.all(parts)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    together.abort()
    await Promise.allSettled([...parts, ...endpoints.map((endpoint) => endpoint.close())])
  }
}
