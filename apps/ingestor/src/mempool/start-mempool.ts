import type { EventLog } from '@tocsin/event-log'
import { createOutage, errorCode, type Logger } from '@tocsin/service-kit'
import {
  maxMempoolBlocks,
  maxMempoolBytes,
  maxPendingAsked,
  maxWaitingPending,
  mempoolForgetAfterMs,
  mempoolHeartbeatMs,
  mempoolIdleAfterMs,
  type IngestorConfig,
} from '../config.ts'
import { labelsOfChain, type ListedLabel } from '../knowledge/label-list.ts'
import type { IngestorMetrics } from '../metrics.ts'
import { systemClock } from '../rpc/clock.ts'
import { endpointNames, openTransport } from '../rpc/open-endpoints.ts'
import { RpcEndpoint, type EndpointObserver } from '../rpc/rpc-endpoint.ts'
import { followMempool, type FollowMempoolDeps, type Mempool } from './follow-mempool.ts'
import type { MempoolSource } from './mempool-source.ts'
import { nodeMempool } from './node-mempool.ts'

/** Follows the pool that the settings name, over a connection of its own; null where they say off. */
export function startMempool(
  config: IngestorConfig,
  deps: {
    readonly chainId: number
    readonly log: EventLog
    readonly logger: Logger
    readonly prefix: string
    readonly now: () => number
    readonly labels: readonly ListedLabel[]
    readonly callsOf: FollowMempoolDeps['callsOf']
    readonly metrics: IngestorMetrics
    readonly observe: EndpointObserver
    readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  },
  signal: AbortSignal,
): Mempool | null {
  const { chainId, log, metrics, wait } = deps
  const url = config.mempoolRpc ?? config.rpcHeads ?? config.rpc.find((each) => /^wss?:/.test(each)) ?? config.rpc[0]
  if (config.mempool === 'off' || url === undefined) return null
  const logger = deps.logger.at('ingestor/mempool')
  const outage = createOutage(logger, 'the mempool')
  const endpoint = new RpcEndpoint({
    name: `${endpointNames([url])[0] ?? ''} (mempool)`,
    transport: openTransport(url),
    requestTimeoutMs: config.requestTimeout,
    clock: systemClock,
    observe: deps.observe,
  })
  const source = nodeMempool({
    chainId,
    endpoint,
    how: config.mempool,
    pollIntervalMs: config.mempoolPollInterval,
    maxAsked: maxPendingAsked,
    wait,
    onNotice: (message) => logger.info(message),
  })
  const mempool = followMempool(
    {
      prefix: deps.prefix,
      chainId,
      limits: {
        maxTransactions: config.mempoolMax,
        maxBytes: maxMempoolBytes,
        maxBlocks: maxMempoolBlocks,
        recheckAfterMs: config.mempoolDropAfter,
        dropAfterMs: config.mempoolDropAfter,
        forgetAfterMs: mempoolForgetAfterMs,
      },
      heartbeatMs: Math.min(mempoolHeartbeatMs, config.mempoolDropAfter),
      idleAfterMs: mempoolIdleAfterMs,
      maxWaiting: maxWaitingPending,
      maxChecked: maxPendingAsked,
    },
    {
      source,
      log,
      now: deps.now,
      wait,
      random: Math.random,
      labels: labelsOfChain(deps.labels, chainId),
      callsOf: deps.callsOf,
      onTransition: (state) => {
        metrics.mempoolStates.inc({ state })
        outage.over()
      },
      onSize: (pending) => metrics.mempoolSize.set(pending),
      onError: (error) => {
        metrics.failures.inc({ code: errorCode(error) })
        outage.failing(error)
      },
    },
    signal,
  )
  return { ...mempool, done: untilOver(mempool, source) }
}

async function untilOver({ done }: Mempool, source: MempoolSource): Promise<void> {
  try {
    await done
  } finally {
    await source.close()
  }
}
