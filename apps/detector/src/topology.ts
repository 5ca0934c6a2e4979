import { alertsTopic, pricesTopic, transactionsTopic, type Address } from '@tocsin/chain-model'
import { StreamBuilder, type KeyCodec, type Topology, type WatermarkStrategy } from '@tocsin/stream-core'
import { profileAddresses, sightingsOf } from './address-profile.ts'
import { sha256Of } from './alert-id.ts'
import { alertSink } from './alert-sink.ts'
import { alertsWithCoolDown } from './cool-down.ts'
import type { ConfiguredDetector, DetectorStreams, Tally } from './detector.ts'
import { feedTag, priceTransactions } from './pricing.ts'
import { pricesSource, transactionsSource } from './sources.ts'
import { textKey, valueCodec } from './value-codec.ts'

export interface DetectionOptions {
  readonly chainId: number
  /** Of the topics' names. */
  readonly prefix: string
  readonly detectors: readonly ConfiguredDetector[]
  readonly tally: Tally
  /** For a transactions topic that is not the ingestor's. Default: the watermarks in the log. */
  readonly watermarks?: WatermarkStrategy
}

/** All of detection: what comes in, how it is enriched, who looks at it, where alerts go. */
export function detectionTopology(options: DetectionOptions): Topology {
  const { chainId, prefix, detectors, tally } = options
  const watermarks = options.watermarks ?? ({ type: 'in-log' } as const)
  // Other detectors or parameters mean other outputs: a replay after a change reports them instead of stopping.
  const version = sha256Of(detectors.map(({ id, version: of, parameters }) => ({ id, version: of, parameters })))
  const builder = new StreamBuilder({ job: 'detection', version: version.slice(0, 12) })

  // Prices first: of equal places theirs comes first, so a price at a block's own time counts for that block.
  const ticks = builder
    .source('prices', { topic: pricesTopic(prefix, chainId), codec: pricesSource, watermarks: { type: 'in-log' } })
    .filter((tick) => tick.chainId === chainId)
  const chain = builder.source('transactions', {
    topic: transactionsTopic(prefix, chainId),
    codec: transactionsSource,
    watermarks,
    epochs: true,
  })
  const transactions = ticks
    .keyBy(() => chainId, chainKey)
    .connect(chain.keyBy(() => chainId, chainKey))
    .process('priced-transactions', priceTransactions)

  const profiled = once(() =>
    transactions
      .flatMap(sightingsOf)
      .keyBy(({ address }) => address, textKey<Address>())
      .process('address-profile', profileAddresses),
  )
  const streams: DetectorStreams = { transactions, profiled, prices: transactions.sideOutput(feedTag), tally }

  for (const detector of detectors) {
    detector
      .findings(streams)
      .keyBy(({ key }) => key, textKey())
      .process(`${detector.id}-alerts`, alertsWithCoolDown(chainId, detector, tally))
      .sinkTo(`${detector.id}-sink`, { topic: alertsTopic(prefix), codec: alertSink })
  }
  return builder.build()
}

/** Chain ids as decimal text: there is one. */
const chainKey: KeyCodec<number> = { ...valueCodec<number>(), ordered: true }

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
