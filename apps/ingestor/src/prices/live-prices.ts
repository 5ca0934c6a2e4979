import type { Address } from '@tocsin/chain-model'
import { createOutage, errorCode, isRetryable } from '@tocsin/service-kit'
import {
  exchangePriceMaxAgeMs,
  exchangeSilentAfterMs,
  maxWaitingPrices,
  priceHeartbeatMs,
  type IngestorConfig,
} from '../config.ts'
import type { IngestorDeps } from '../ingestor-deps.ts'
import type { IngestorMetrics } from '../metrics.ts'
import { systemWait } from '../rpc/clock.ts'
import { exchangePriceSource } from './exchange-price-source.ts'
import { httpPriceSource } from './http-price-source.ts'
import { followPrices } from './ingest-prices.ts'
import { exchanges, parsePriceFeed, productsOf } from './price-feeds.ts'
import type { PriceSource } from './price-source.ts'

/** The live price sources that the settings name. */
export const livePriceSources = (
  config: IngestorConfig,
  chainId: number,
  wrappedNative: Address | undefined,
  deps: Omit<IngestorDeps, 'metrics'>,
): readonly PriceSource[] => [
  ...httpSource(config, chainId, deps),
  ...exchangeSources(config, chainId, wrappedNative, deps),
]

function httpSource(
  config: IngestorConfig,
  chainId: number,
  deps: Omit<IngestorDeps, 'metrics'>,
): readonly PriceSource[] {
  if (config.pricesUrl === null) return []
  const [intervalMs, timeoutMs] = [config.pricesPollInterval, config.requestTimeout]
  const now = deps.now ?? Date.now
  return [
    httpPriceSource({
      url: config.pricesUrl,
      chainId: config.sharesPrices ? null : chainId,
      intervalMs,
      timeoutMs,
      wait: systemWait,
      now,
    }),
  ]
}

/** One for each exchange that a feed names. */
function exchangeSources(
  config: IngestorConfig,
  chainId: number,
  wrappedNative: Address | undefined,
  deps: Omit<IngestorDeps, 'metrics'>,
): readonly PriceSource[] {
  const feeds = config.priceFeeds.map(parsePriceFeed)
  const urls = { coinbase: config.coinbaseUrl, kraken: config.krakenUrl }
  return exchanges.flatMap((exchange) => {
    const products = productsOf(feeds, exchange.name, wrappedNative)
    if (products.size === 0) return []
    const [maxAgeMs, silentAfterMs] = [exchangePriceMaxAgeMs, exchangeSilentAfterMs]
    const about = { exchange, url: urls[exchange.name], chainId, products, maxAgeMs, silentAfterMs }
    return [exchangePriceSource({ ...about, random: Math.random, now: deps.now ?? Date.now, wait: systemWait })]
  })
}

/** Writes what `sources` tell to the log until the signal is aborted. */
export const followLivePrices = (
  sources: readonly PriceSource[],
  chainId: number,
  config: IngestorConfig,
  deps: Omit<IngestorDeps, 'metrics'>,
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
      chainId,
      outOfOrdernessMs: config.priceOutOfOrderness,
      heartbeatMs: priceHeartbeatMs,
      idleAfterMs: config.priceIdleAfter,
      maxWaiting: maxWaitingPrices,
    },
    {
      sources,
      log: deps.log,
      now: deps.now ?? Date.now,
      wait: systemWait,
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
