import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '@tocsin/chain-model'
import type { EventLog } from '@tocsin/event-log'
import {
  backOffDelay,
  createOutage,
  errorCode,
  isRetryable,
  retry,
  type HealthChecks,
  type Logger,
  type Metrics,
} from '@tocsin/service-kit'
import {
  exchangePriceMaxAgeMs,
  exchangeSilentAfterMs,
  fallbackFinalityDepth,
  maxWaitingPrices,
  mostDefaultWorkers,
  priceHeartbeatMs,
  spans,
  window,
  type IngestorConfig,
} from './config.ts'
import { workerReader } from './backfill/worker-reader.ts'
import type { Knowledge } from './decode/decode-block.ts'
import { ingestRecording, loadKnowledge, type IngestProgress } from './ingest.ts'
import { chainFacts, type ChainFacts } from './knowledge/chains.ts'
import { wrappedNativeOf } from './knowledge/token-list.ts'
import { sourceReader } from './ledger/block-reader.ts'
import { followChain, type FollowObserver } from './ledger/follow.ts'
import { liveDecoder, type LiveDecoder } from './live-decoder.ts'
import type { LedgerNews } from './mempool/follow-mempool.ts'
import { startMempool } from './mempool/start-mempool.ts'
import { ingestorMetrics, type IngestorMetrics } from './metrics.ts'
import { readChainPriceFeeds, type ChainPriceFeed } from './prices/chain-price-feeds.ts'
import { comparedBlocks } from './prices/chain-pricer.ts'
import { nodeFeeds } from './prices/node-feeds.ts'
import { readRecentChainPrices } from './prices/recent-chain-prices.ts'
import { blockPricer, withChainPrices, type BlockPricer } from './prices/with-chain-prices.ts'
import { httpPriceSource } from './prices/http-price-source.ts'
import { exchangePriceSource } from './prices/exchange-price-source.ts'
import { declareNoPrices, followPrices, ingestPriceFile } from './prices/ingest-prices.ts'
import { exchanges, parsePriceFeed, productsOf } from './prices/price-feeds.ts'
import { readPriceFile } from './prices/price-file.ts'
import type { PriceSource } from './prices/price-source.ts'
import { systemClock } from './rpc/clock.ts'
import { askChainId, openEndpoints, openTransport } from './rpc/open-endpoints.ts'
import type { EndpointObserver, RpcEndpoint } from './rpc/rpc-endpoint.ts'
import type { ChainSource } from './sources/chain-source.ts'
import { jsonRpcSource } from './sources/json-rpc-source.ts'
import { pooledSource } from './sources/pooled-source.ts'
import { openRecording } from './sources/recording-source.ts'

export interface IngestorDeps {
  readonly log: EventLog
  readonly logger: Logger
  readonly metrics: Metrics
  /** What the names of all topics begin with. */
  readonly prefix: string
  /** A live price source beside those of the settings: the demo's market. */
  readonly priceSource?: PriceSource
  /** Of a recording, or of a node's history while the log is far behind; null: it is there. */
  readonly onProgress?: (progress: IngestProgress | null) => void
  /** Ms; the process's clock. */
  readonly now?: () => number
}

export interface RunningIngestor {
  /** Resolves when recordings, price files or the last block asked for are written, else when the signal is aborted. */
  readonly done: Promise<void>
  /** The chain that is ingested: the settings’, else the node’s own once it answers; 1 for recordings that do not say. */
  readonly chainId: Promise<number>
  readonly checks: HealthChecks
}

/** Neither a node nor a recording is named. */
export class NothingToIngestError extends Error {
  readonly code = 'INGEST_NOTHING_TO_INGEST'
  readonly handling = 'stop'
  readonly remedy = 'Give a node with --rpc URL, or recorded blocks with --recording PATH.'
  constructor(options?: ErrorOptions) {
    super('There is nothing to ingest: no endpoint, no recording and no prices are set.', options)
  }
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

/** Which endpoints are left aside while others do their work. */
function detailOf(endpoints: readonly RpcEndpoint[]): { readonly detail?: string } {
  const aside = endpoints.filter((endpoint) => endpoint.isQuarantined || endpoint.isUnwell)
  if (aside.length === 0) return {}
  const named = aside.map(
    (endpoint) =>
      `${endpoint.name} (${endpoint.isQuarantined ? 'another branch' : `score ${endpoint.scoreNow.toFixed(2)}`})`,
  )
  return { detail: `left aside: ${named.join(', ')}` }
}

interface Health {
  failing(error: unknown): void
  well(): void
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

/** Health that is also counted and logged: an outage once, not at each attempt. */
function telling(metrics: IngestorMetrics, health: Health, logger: Logger): Health {
  const outage = createOutage(logger, 'following the node')
  return {
    failing: (error) => {
      health.failing(error)
      metrics.failures.inc({ code: errorCode(error) })
      outage.failing(error)
    },
    well: () => {
      health.well()
      outage.over()
    },
  }
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
  const knowledge = await loadKnowledge({ tokens: config.tokens, labels: config.labels })
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
    parts.push(ingestPriceFile({ file, log, prefix, signal: all, onRetry: failed }).then(outage.over))
  } else {
    const wrapped = wrappedNativeOf(knowledge.tokens, chainId)
    const given = deps.priceSource === undefined ? [] : [deps.priceSource]
    const sources = [...given, ...httpSource(config, chainId, deps), ...exchangeSources(config, chainId, wrapped, deps)]
    if (sources.length > 0)
      parts.push(
        followLivePrices(sources, config, deps, metrics, AbortSignal.any([all, ended.signal])).catch(
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
      parts.push(declareNoPrices({ log, prefix, now: deps.now ?? Date.now, signal: all }))
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

/** What blocks are decoded with. */
interface Told {
  readonly knowledge: Knowledge
  readonly priceFeeds: readonly ChainPriceFeed[]
}

async function readRecordings(
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

function httpSource(config: IngestorConfig, chainId: number, deps: IngestorDeps): readonly PriceSource[] {
  if (config.pricesUrl === null) return []
  const [intervalMs, timeoutMs] = [config.pricesPollInterval, config.requestTimeout]
  const now = deps.now ?? Date.now
  return [httpPriceSource({ url: config.pricesUrl, chainId, intervalMs, timeoutMs, wait: waitFor, now })]
}

/** One for each exchange that a feed names. */
function exchangeSources(
  config: IngestorConfig,
  chainId: number,
  wrappedNative: Address | undefined,
  deps: IngestorDeps,
): readonly PriceSource[] {
  const feeds = config.priceFeeds.map(parsePriceFeed)
  const urls = { coinbase: config.coinbaseUrl, kraken: config.krakenUrl }
  return exchanges.flatMap((exchange) => {
    const products = productsOf(feeds, exchange.name, wrappedNative)
    if (products.size === 0) return []
    const [maxAgeMs, silentAfterMs] = [exchangePriceMaxAgeMs, exchangeSilentAfterMs]
    const about = { exchange, url: urls[exchange.name], chainId, products, maxAgeMs, silentAfterMs }
    return [exchangePriceSource({ ...about, random: Math.random, now: deps.now ?? Date.now, wait: waitFor })]
  })
}

const followLivePrices = (
  sources: readonly PriceSource[],
  config: IngestorConfig,
  deps: IngestorDeps,
  metrics: IngestorMetrics,
  signal: AbortSignal,
): Promise<void> => {
  const logger = deps.logger.at('ingestor/prices')
  const outage = createOutage(logger, 'the price feed')
  // A price that is none is asked for and answered again and again: told once, counted and kept each time.
  const putAside = createOutage(logger)
  return followPrices(
    {
      prefix: deps.prefix,
      outOfOrdernessMs: config.priceOutOfOrderness,
      heartbeatMs: priceHeartbeatMs,
      idleAfterMs: config.priceIdleAfter,
      maxWaiting: maxWaitingPrices,
    },
    {
      sources,
      log: deps.log,
      now: deps.now ?? Date.now,
      wait: waitFor,
      random: Math.random,
      onPrice: ({ outlier }) => {
        metrics.prices.inc()
        if (outlier === true) metrics.outliers.inc()
        outage.over()
      },
      onError: (error) => {
        metrics.failures.inc({ code: errorCode(error) })
        if (isRetryable(error)) outage.failing(error)
        else putAside.failing(error)
      },
    },
    signal,
  )
}

async function followNode(
  endpoints: readonly RpcEndpoint[],
  chainId: number,
  config: IngestorConfig,
  deps: IngestorDeps,
  { knowledge, priceFeeds }: Told,
  metrics: IngestorMetrics,
  health: Health,
  signal: AbortSignal,
): Promise<void> {
  const logger = deps.logger.at('ingestor/chain')
  const told = telling(metrics, health, logger)
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
  const heads = config.rpcHeads === null ? null : openTransport(config.rpcHeads)
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
      const stops = [pool.onHead(listener), heads?.subscribe(['newHeads'], listener) ?? (() => {})]
      return () => stops.forEach((stop) => stop())
    },
  }
  logger.info(`following ${chain.name} (chain ${chainId}) at ${source.name}`)
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const now = deps.now ?? Date.now
  const mempool = startMempool(
    config,
    {
      ...{ chainId, log: deps.log, logger: deps.logger, prefix: deps.prefix, now, labels: knowledge.labels, metrics },
      ...{ observe: endpointObserver(metrics, null), wait: waitFor },
    },
    both,
  )
  const decoder = liveDecoder(source, knowledge)
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
  const progress = catchUp(chainId, config, (at) => deps.onProgress?.(at))
  const follower = tellingResume(config.from, logger, observer(metrics, told, logger, now, progress))
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
        blocks: sourceReader(source, decode, { mined: mempool !== null }),
        ...(backfill === null ? {} : { backfill }),
        observe: mempool === null ? follower : tellingMempool(mempool, follower),
        wait: waitFor,
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

const hashesAreVerified = ({ verifyHashes }: IngestorConfig, { ethereumFormats }: ChainFacts): boolean =>
  verifyHashes === 'auto' ? ethereumFormats : verifyHashes === 'on'

/** Reads final history in threads of its own; null where the settings say that there are none. */
function backfillReader(deps: {
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
  const workers = config.workers ?? Math.min(mostDefaultWorkers, availableParallelism())
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

/** Tells the mempool what is in the log. */
const tellingMempool = (mempool: LedgerNews, observe: FollowObserver): FollowObserver => ({
  ...observe,
  appended(block, at) {
    observe.appended(block, at)
    const { number, hash } = block.seal.block
    if (hash !== null) mempool.sealed({ number, hash }, block.mined, at.reverted)
  },
  finalized(number) {
    observe.finalized(number)
    mempool.finalized(number)
  },
})

function counted(
  metrics: IngestorMetrics,
  ...[endpoint, method, outcome, bytes]: Parameters<EndpointObserver['called']>
): void {
  metrics.calls.inc({ endpoint, method, outcome })
  metrics.bytes.inc({ endpoint, method }, bytes)
}

/** `logger` is told of an endpoint that is left aside; null where it is the only one, which the follower tells of. */
function endpointObserver(metrics: IngestorMetrics, logger: Logger | null): EndpointObserver {
  const unwell = new Set<string>()
  return {
    called: (endpoint, method, outcome, bytes) => counted(metrics, endpoint, method, outcome, bytes),
    scored(endpoint, score, isUnwell) {
      metrics.endpointScore.set({ endpoint }, score)
      if (isUnwell === unwell.has(endpoint)) return
      if (isUnwell) unwell.add(endpoint)
      else unwell.delete(endpoint)
      if (isUnwell)
        logger?.warn(`${endpoint} answers badly: the others are asked first, and it now and then`, { score })
      else logger?.info(`${endpoint} answers well again`, { score })
    },
    refuted: (endpoint, field) => metrics.refuted.inc({ endpoint, field }),
  }
}

/** How far the log is on its way to the last block asked for, or to the head where it is far behind that. */
export function catchUp(
  chainId: number,
  { from, to }: Pick<IngestorConfig, 'from' | 'to'>,
  onProgress: (progress: IngestProgress | null) => void,
): Pick<FollowObserver, 'looked' | 'appended'> {
  /** The number of the block after which this run began to catch up. */
  let since: number | null = null
  const tell = (number: number, headNumber: number) => {
    if (since === null) return
    const [first, last] = [from === null || from > since ? since + 1 : from, to ?? headNumber]
    const [blocks, ofBlocks] = [number - first + 1, last - first + 1]
    onProgress({ chainId, blocks, ofBlocks, blockNumber: number, before: since - first + 1 })
    if (number < last) return
    since = null
    onProgress(null)
  }
  return {
    looked({ head, newest }) {
      if (since !== null || newest === null) return
      const behind = (to ?? head.number) - newest.number
      if (behind < (to === null ? spans.minBackfillBlocks : 1)) return
      since = newest.number
      tell(newest.number, head.number)
    },
    appended: ({ seal }, { head }) => tell(seal.block.number, head.number),
  }
}

/** Says once where the log goes on, if that is not where the settings say: they are for an empty one, and it has no gaps. */
function tellingResume(from: number | null, logger: Logger, observe: FollowObserver): FollowObserver {
  let isTold = from === null
  return {
    ...observe,
    looked(at) {
      observe.looked(at)
      if (isTold || at.newest === null) return
      isTold = true
      const next = at.newest.number + 1
      if (next !== from)
        logger.info(`the log holds blocks up to ${at.newest.number}: it goes on with block ${next}`, { from })
    },
  }
}

function observer(
  metrics: IngestorMetrics,
  health: Health,
  logger: Logger,
  now: () => number,
  progress: Pick<FollowObserver, 'looked' | 'appended'>,
): FollowObserver {
  let isQuarantined = false
  return {
    looked(at) {
      const { head, newest, final } = at
      progress.looked(at)
      // Told by the log already when the process starts again at the head, where it may be long until the next block.
      if (newest !== null) metrics.headBlock.set(newest.number)
      if (final !== null) metrics.finalBlock.set(final.number)
      metrics.lag.set(Math.max(0, head.number - (newest?.number ?? head.number)))
      if (newest !== null) metrics.lagSeconds.set(Math.max(0, (now() - newest.timestamp) / 1000))
    },
    appended(block, at) {
      progress.appended(block, at)
      const { seal, undecoded } = block
      const { reverted, head } = at
      if (!isQuarantined) health.well()
      metrics.blocks.inc()
      metrics.transactions.inc(seal.transactions)
      metrics.events.inc(seal.events)
      for (const [event, logs] of Object.entries(undecoded)) metrics.undecoded.inc({ event }, logs)
      metrics.headBlock.set(seal.block.number)
      metrics.lag.set(Math.max(0, head.number - seal.block.number))
      metrics.lagSeconds.set(Math.max(0, (now() - seal.block.timestamp) / 1000))
      if (reverted.length === 0) return
      metrics.reorgDepth.observe(reverted.length)
      logger.info(`reorg: ${reverted.length} blocks reverted`, { newBlock: seal.block.number })
    },
    finalized: (number) => metrics.finalBlock.set(number),
    failed: (error) => health.failing(error),
    quarantined(is) {
      if (!is) health.well()
      if (is === isQuarantined) return
      isQuarantined = is
      metrics.quarantined.set(is ? 1 : 0)
      if (!is) logger.info('the branch in the log is the chain again; nothing is quarantined any more')
    },
    noFinalizedTag: (depth) =>
      logger.info(`the node has no finalized tag: blocks count as final ${depth} under the head (--finality-depth)`),
    awaitsFinality: ({ to, head }) =>
      logger.info(`block ${to} is in the log and not final yet: waiting for that (--finality-depth)`, { head }),
    startsLater: ({ from, head }) =>
      logger.info(`the first block is to be ${from} and the head is ${head}: waiting for it`, {
        blocksToGo: from - head,
      }),
  }
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal })
}
