import { backOffDelay } from '@tocsin/service-kit'
import { backfillReader } from './backfill/node-backfill.ts'
import { fallbackFinalityDepth, spans, window, type IngestorConfig } from './config.ts'
import type { IngestorDeps, Told } from './ingestor-deps.ts'
import { chainFacts } from './knowledge/chains.ts'
import { sourceReader } from './ledger/block-reader.ts'
import { catchUp } from './ledger/catch-up.ts'
import { followChain } from './ledger/follow.ts'
import { followObserver } from './ledger/follow-observer.ts'
import { tellingResume } from './ledger/telling-resume.ts'
import { liveDecoder } from './live-decoder.ts'
import { startMempool } from './mempool/start-mempool.ts'
import { tellingMempool } from './mempool/telling-mempool.ts'
import type { IngestorMetrics } from './metrics.ts'
import { NothingToIngestError } from './nothing-to-ingest-error.ts'
import { comparedBlocks } from './prices/chain-pricer.ts'
import { nodeFeeds } from './prices/node-feeds.ts'
import { readRecentChainPrices } from './prices/recent-chain-prices.ts'
import { blockPricer, withChainPrices } from './prices/with-chain-prices.ts'
import { chainHeads } from './rpc/chain-heads.ts'
import { systemClock, systemWait } from './rpc/clock.ts'
import { endpointObserver } from './rpc/endpoint-observer.ts'
import { openEndpoints } from './rpc/open-endpoints.ts'
import type { RpcEndpoint } from './rpc/rpc-endpoint.ts'
import { telling, type ChainHealth } from './source-health.ts'
import type { ChainSource } from './sources/chain-source.ts'
import { jsonRpcSource } from './sources/json-rpc-source.ts'
import { pooledSource } from './sources/pooled-source.ts'
import { hashesAreVerified } from './verify/hashes-are-verified.ts'

/** Follows the chain at its endpoints, with its mempool where that is asked for, until the last block or the signal. */
export async function followNode(
  endpoints: readonly RpcEndpoint[],
  chainId: number,
  config: IngestorConfig,
  deps: IngestorDeps,
  { knowledge, priceFeeds }: Told,
  metrics: IngestorMetrics,
  health: ChainHealth,
  signal: AbortSignal,
): Promise<void> {
  const logger = deps.logger.at('ingestor/chain')
  const told = telling(metrics.failures, health, logger)
  const chain = chainFacts(chainId)
  const sources = endpoints.map((endpoint) =>
    jsonRpcSource({
      endpoint,
      chainId,
      finalizedTag: (config.finalityDepth ?? chain.finalityDepth) === null,
      traces: config.traces,
      verifyHashes: hashesAreVerified(config, chain),
      onNotice: (message) => logger.info(message),
      onUntraced: () => metrics.untraced.inc(),
    }),
  )
  const [first, ...others] = sources
  if (first === undefined) throw new NothingToIngestError()
  const [headsOf] = openEndpoints(config.rpcHeads === null ? [] : [config.rpcHeads], {
    requestTimeoutMs: config.requestTimeout,
    clock: systemClock,
  })
  const heads =
    headsOf === undefined
      ? null
      : chainHeads({
          endpoint: headsOf,
          chainId,
          refused(error) {
            metrics.failures.inc({ code: error.code })
            logger.warn(error, { setting: '--rpc-heads', instead: 'the chain is polled' })
          },
        })
  const pool = pooledSource({
    chainId,
    sources: [first, ...others],
    clock: systemClock,
    observe: {
      hedged: (endpoint) => metrics.hedged.inc({ endpoint }),
      quarantined(endpoint, is) {
        metrics.endpointQuarantined.set({ endpoint }, is ? 1 : 0)
        if (endpoints.length === 1) return // the follower says it
        logger.info(`${endpoint} is ${is ? 'left aside until its branch has the final block' : 'on the chain again'}`)
      },
    },
  })
  const source: ChainSource = {
    ...pool,
    onHead(listener) {
      const stops = [pool.onHead(listener), heads?.onHead(listener) ?? (() => {})]
      return () => stops.forEach((stop) => stop())
    },
  }
  logger.info(`following ${chain.name} (chain ${chainId}) at ${source.name}`)
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const now = deps.now ?? Date.now
  const decoder = liveDecoder(source, knowledge, (message) => logger.warn(message))
  const mempool = startMempool(
    config,
    {
      ...{ chainId, log: deps.log, logger: deps.logger, prefix: deps.prefix, now, labels: knowledge.labels, metrics },
      callsOf: decoder.callsOf,
      ...{ observe: endpointObserver(metrics, null), wait: systemWait },
    },
    both,
  )
  const feeds = priceFeeds.filter((feed) => feed.chainId === chainId)
  const pricer =
    feeds.length === 0
      ? null
      : blockPricer({
          feeds,
          reader: nodeFeeds(source),
          recent: () => readRecentChainPrices(deps.log, deps.prefix, chainId, comparedBlocks),
          onNotice: (message) => logger.warn(message),
        })
  const decode = pricer === null ? decoder.decode : withChainPrices(decoder.decode, pricer)
  const backfill = backfillReader({
    ...{ endpoints, chainId, config, knowledge, decoder, feeds, pricer, metrics, logger },
    mined: mempool !== null,
  })
  const progress = catchUp(chainId, config, (at) => deps.onProgress?.(at, chainId))
  const follower = tellingResume(
    config.from,
    logger,
    followObserver(metrics, { ...told, stands: (at) => health.stands(at) }, logger, now, progress),
  )
  try {
    const chainFollowed = followChain(
      {
        prefix: deps.prefix,
        from: config.from ?? 'latest',
        to: config.to,
        finalityDepth: config.finalityDepth ?? chain.finalityDepth,
        fallbackFinalityDepth,
        pollIntervalMs: config.pollInterval,
        spans,
        window,
      },
      {
        source,
        log: deps.log,
        learned: decoder.learned,
        blocks: sourceReader(source, decode, { mined: mempool !== null }),
        ...(backfill === null ? {} : { backfill }),
        observe: mempool === null ? follower : tellingMempool(mempool, follower),
        wait: systemWait,
        backOffMs: (attempt) => backOffDelay(attempt, Math.random(), { initialDelayMs: 200, maxDelayMs: 15_000 }),
      },
      both,
    )
    await Promise.all([chainFollowed.then(() => over.abort()), mempool?.done])
    if (config.to !== null) logger.info(`block ${config.to} is in the log and final: that was the last one asked for`)
  } finally {
    over.abort()
    await Promise.all([backfill?.close(), pool.close(), heads?.close(), mempool?.done.catch(() => {})])
  }
}
