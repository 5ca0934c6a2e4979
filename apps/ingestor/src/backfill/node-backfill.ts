import { availableParallelism } from 'node:os'
import type { Logger } from '@tocsin/service-kit'
import { leastWorkersOfSeveral, mostDefaultWorkers, type IngestorConfig } from '../config.ts'
import type { Knowledge } from '../decode/decode-block.ts'
import { chainFacts } from '../knowledge/chains.ts'
import type { LiveDecoder } from '../live-decoder.ts'
import type { IngestorMetrics } from '../metrics.ts'
import type { ChainPriceFeed } from '../prices/chain-price-feeds.ts'
import type { BlockPricer } from '../prices/with-chain-prices.ts'
import { counted } from '../rpc/endpoint-observer.ts'
import type { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { hashesAreVerified } from '../verify/hashes-are-verified.ts'
import { workerReader } from './worker-reader.ts'

/** Reads final history in threads of its own; null where the settings say that there are none. */
export function backfillReader(deps: {
  readonly endpoints: readonly RpcEndpoint[]
  readonly chainId: number
  readonly config: IngestorConfig
  readonly knowledge: Knowledge
  readonly decoder: LiveDecoder
  readonly feeds: readonly ChainPriceFeed[]
  readonly pricer: BlockPricer | null
  readonly metrics: IngestorMetrics
  readonly logger: Logger
  readonly mined: boolean
}): ReturnType<typeof workerReader> | null {
  const { endpoints, chainId, config, knowledge, decoder, feeds, pricer, metrics, logger, mined } = deps
  const workers = config.workers ?? defaultWorkers(config.ofChains)
  if (workers === 1) return null
  // Each thread finds out for itself what a node cannot do.
  const noticed = new Set<string>()
  return workerReader({
    workers,
    start: {
      ...{ chainId, knowledge, feeds, mined, traces: config.traces, requestTimeoutMs: config.requestTimeout },
      verifyHashes: hashesAreVerified(config, chainFacts(chainId)),
      endpoints: endpoints.map(({ name }, at) => ({ name, url: config.rpc[at] ?? '' })),
    },
    endpoints,
    decoder,
    ...(pricer === null ? {} : { pricer }),
    observe(event) {
      if (event.type === 'hedged') metrics.hedged.inc({ endpoint: event.endpoint })
      else if (event.type === 'untraced') metrics.untraced.inc()
      else if (event.type === 'called') counted(metrics, event.endpoint, event.method, event.outcome, event.bytes)
      else if (!noticed.has(event.message)) {
        noticed.add(event.message)
        logger.info(event.message)
      }
    },
  })
}

function defaultWorkers(ofChains: number): number {
  const cores = Math.min(mostDefaultWorkers, availableParallelism())
  return ofChains === 1 ? cores : Math.max(leastWorkersOfSeveral, Math.floor(cores / ofChains))
}
