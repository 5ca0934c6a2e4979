import type { HealthChecks, Logger } from '@tocsin/service-kit'
import type { IngestorConfig } from './config.ts'
import type { IngestorDeps } from './ingestor-deps.ts'
import { ingestorMetrics } from './metrics.ts'
import { startChain, type RunningChain } from './start-chain.ts'

export interface RunningIngestor {
  /**
   * Resolves when every chain has done what was asked for, else when the signal is aborted. A chain that cannot go on does
   * not end the others: it rejects with that chain's error when they have ended too.
   */
  readonly done: Promise<void>
  readonly chains: readonly RunningChain[]
  /** One for each chain: `chain-8453`, or `chain` while only its node knows which. */
  readonly checks: HealthChecks
}

/**
 * Starts the ingestor as the settings say: for each chain it reads recordings, or follows a node until the signal is
 * aborted. Chains have endpoints, ledger, topics, prices and workers of their own, so what befalls one delays no other.
 */
export function startIngestor(
  configs: readonly IngestorConfig[],
  deps: IngestorDeps,
  signal: AbortSignal,
): RunningIngestor {
  const chains = configs.map((config, at) => {
    const own = configs.length === 1 ? deps : { ...deps, logger: ofChain(deps.logger, config.chainId) }
    const keepsBadLines = !config.sharesPrices || at === 0
    const chain = startChain(config, { ...own, keepsBadLines }, signal)
    if (configs.length > 1)
      chain.done.catch((error: unknown) => {
        ingestorMetrics(deps.metrics.with({ chain: String(config.chainId) })).stopped.set(1)
        own.logger.error(error)
        own.logger.error('this chain has stopped; the others go on', { chainId: config.chainId })
      })
    return chain
  })
  return {
    done: allDone(chains),
    chains,
    checks: Object.fromEntries(
      configs.flatMap(({ chainId }, at) => {
        const chain = chains[at]
        return chain === undefined ? [] : [[chainId === null ? 'chain' : `chain-${chainId}`, chain.check]]
      }),
    ),
  }
}

async function allDone(chains: readonly RunningChain[]): Promise<void> {
  const ends = await Promise.allSettled(chains.map(({ done }) => done))
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** Lines say which chain they are of: `ingestor/chain/8453`. */
const ofChain = (logger: Logger, chainId: number | null): Logger => {
  const place = (at: string) => `${at}/${chainId}`
  return { ...logger.at(place('ingestor')), at: (name) => logger.at(place(name)) }
}
