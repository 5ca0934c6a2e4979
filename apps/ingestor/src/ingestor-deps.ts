import type { EventLog } from '@tocsin/event-log'
import type { Logger, Metrics } from '@tocsin/service-kit'
import type { Knowledge } from './decode/decode-block.ts'
import type { IngestProgress } from './ingest.ts'
import type { ChainPriceFeed } from './prices/chain-price-feeds.ts'
import type { PriceSource } from './prices/price-source.ts'

export interface IngestorDeps {
  readonly log: EventLog
  readonly logger: Logger
  readonly metrics: Metrics
  /** What the names of all topics begin with. */
  readonly prefix: string
  /** A live price source beside those of the settings: the demo's market. */
  readonly priceSource?: PriceSource
  /** Of a recording, or of a node's history while the log is far behind; null: it is there. */
  readonly onProgress?: (progress: IngestProgress | null, chainId: number) => void
  /** Ms; the process's clock. */
  readonly now?: () => number
}

/** What blocks are decoded with. */
export interface Told {
  readonly knowledge: Knowledge
  readonly priceFeeds: readonly ChainPriceFeed[]
}
