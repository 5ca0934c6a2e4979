import { defineSettings, setting, type PerChain, type SettingsOf } from '@tocsin/service-kit'
import type { SpanLimits, WindowLimits } from './ledger/backfill-plan.ts'
import { parsePriceFeed } from './prices/price-feeds.ts'

/** Every setting of the ingestor, once. Either endpoints are followed or recordings are read. */
export const ingestorSettings = defineSettings({
  rpc: setting.perChain(
    setting.list({
      env: 'TOCSIN_RPC',
      flag: 'rpc',
      doc: 'The JSON-RPC endpoints of the chain to follow: the first is asked as long as it is well, the others besides. Of several chains: 1=https://a,1=https://b,8453=https://c.',
      of: 'url',
      protocols: ['http', 'https', 'ws', 'wss'],
      default: [],
    }),
  ),
  rpcHeads: setting.perChain(
    setting.url({
      env: 'TOCSIN_RPC_HEADS',
      flag: 'rpc-heads',
      doc: 'A WebSocket endpoint of the same chain, only to be woken by new heads; one of another chain is refused.',
      protocols: ['ws', 'wss'],
      default: null,
    }),
  ),
  chainId: setting.chainIds({
    env: 'TOCSIN_CHAIN_ID',
    flag: 'chain-id',
    doc: 'The chains to follow, of those that --rpc names; a node of another one is refused. Not given: all that it names, else the node’s own, and 1 for recordings that do not say.',
    default: null,
  }),
  from: setting.perChain(
    setting.integer({
      env: 'TOCSIN_FROM',
      flag: 'from',
      doc: 'The first block, where the log is empty. Not given: the node’s head.',
      min: 0,
      default: null,
    }),
  ),
  to: setting.perChain(
    setting.integer({
      env: 'TOCSIN_TO',
      flag: 'to',
      doc: 'The last block: the work ends when it is in the log and final. Not given: the chain is followed.',
      min: 0,
      default: null,
    }),
  ),
  workers: setting.perChain(
    setting.integer({
      env: 'TOCSIN_WORKERS',
      flag: 'workers',
      doc: 'Threads that read, verify and decode while the log is far behind; 1: the process does it itself. Not given: one for each core, 8 at most, divided between the chains.',
      min: 1,
      max: 64,
      default: null,
    }),
  ),
  finalityDepth: setting.perChain(
    setting.integer({
      env: 'TOCSIN_FINALITY_DEPTH',
      flag: 'finality-depth',
      doc: 'So many blocks under the head a block counts as final. Not given: what the node calls finalized.',
      min: 1,
      default: null,
    }),
  ),
  pollInterval: setting.perChain(
    setting.duration({
      env: 'TOCSIN_POLL_INTERVAL',
      flag: 'poll-interval',
      doc: 'How often the node is asked for a new head.',
      min: 10,
      default: 1_000,
    }),
  ),
  requestTimeout: setting.perChain(
    setting.duration({
      env: 'TOCSIN_REQUEST_TIMEOUT',
      flag: 'request-timeout',
      doc: 'How long the node may take for one answer.',
      min: 10,
      default: 15_000,
    }),
  ),
  mempool: setting.perChain(
    setting.choice({
      env: 'TOCSIN_MEMPOOL',
      flag: 'mempool',
      doc: 'Pending transactions: none, as the node can show them, by its subscription, or its pool read again and again.',
      choices: ['off', 'auto', 'subscribe', 'poll'],
      default: 'off',
    }),
  ),
  mempoolRpc: setting.perChain(
    setting.url({
      env: 'TOCSIN_MEMPOOL_RPC',
      flag: 'mempool-rpc',
      doc: 'Whose pool is followed. Not given: the endpoint of --rpc-heads, else the first WebSocket of --rpc, else the first.',
      protocols: ['http', 'https', 'ws', 'wss'],
      default: null,
    }),
  ),
  mempoolPollInterval: setting.perChain(
    setting.duration({
      env: 'TOCSIN_MEMPOOL_POLL_INTERVAL',
      flag: 'mempool-poll-interval',
      doc: 'How often the pool is read where the node does not push it.',
      min: 100,
      default: 2_000,
    }),
  ),
  mempoolMax: setting.perChain(
    setting.integer({
      env: 'TOCSIN_MEMPOOL_MAX',
      flag: 'mempool-max',
      doc: 'Pending transactions that are watched, at most; above, the oldest are evicted and that is told.',
      min: 1,
      default: 50_000,
    }),
  ),
  mempoolDropAfter: setting.perChain(
    setting.duration({
      env: 'TOCSIN_MEMPOOL_DROP_AFTER',
      flag: 'mempool-drop-after',
      doc: 'A pending transaction that the node has had no more for so long, and that is in no block, counts as dropped.',
      min: 100,
      default: 30_000,
    }),
  ),
  traces: setting.perChain(
    setting.choice({
      env: 'TOCSIN_TRACES',
      flag: 'traces',
      doc: 'Call frames: as the node can give them, or none.',
      choices: ['auto', 'none'],
      default: 'auto',
    }),
  ),
  verifyHashes: setting.perChain(
    setting.choice({
      env: 'TOCSIN_VERIFY_HASHES',
      flag: 'verify-hashes',
      doc: 'Whether block hashes and the transactions and receipts roots are recomputed; auto: where they are Ethereum’s.',
      choices: ['auto', 'on', 'off'],
      default: 'auto',
    }),
  ),
  recordings: setting.list({
    env: 'TOCSIN_RECORDINGS',
    flag: 'recording',
    doc: 'Files and folders with recorded blocks, read in place of a node.',
    of: 'path',
    default: [],
  }),
  tokens: setting.list({
    env: 'TOCSIN_TOKENS',
    flag: 'tokens',
    doc: 'Token lists beside the bundled one: JSON, CSV or NDJSON.',
    of: 'path',
    default: [],
  }),
  labels: setting.list({
    env: 'TOCSIN_LABELS',
    flag: 'labels',
    doc: 'Address labels beside the bundled ones: CSV or NDJSON.',
    of: 'path',
    default: [],
  }),
  abis: setting.list({
    env: 'TOCSIN_ABIS',
    flag: 'abi',
    doc: 'ABIs of contracts that are to be decoded too: JSON files, folders of them, or of Sourcify’s form.',
    of: 'path',
    default: [],
  }),
  prices: setting.perChain(
    setting.path({
      env: 'TOCSIN_PRICES',
      flag: 'prices',
      doc: 'A price file: CSV or NDJSON with asset, price, time and source.',
      default: null,
    }),
  ),
  pricesUrl: setting.perChain(
    setting.url({
      env: 'TOCSIN_PRICES_URL',
      flag: 'prices-url',
      doc: 'A URL that answers a JSON array of prices with the fields of a price file.',
      default: null,
    }),
  ),
  pricesPollInterval: setting.perChain(
    setting.duration({
      env: 'TOCSIN_PRICES_POLL_INTERVAL',
      flag: 'prices-poll-interval',
      doc: 'How often that URL is asked.',
      min: 100,
      default: 5_000,
    }),
  ),
  priceFeeds: setting.perChain(
    setting.list({
      env: 'TOCSIN_PRICE_FEEDS',
      flag: 'price-feed',
      doc: 'Products of exchanges that are the USD price of an asset: coinbase:ETH-USD=native, kraken:USDC/USD=0x….',
      default: [],
      refusals: (feeds) =>
        feeds.flatMap((feed) => {
          try {
            parsePriceFeed(feed)
            return []
          } catch (error) {
            return [error instanceof Error ? error.message : String(error)]
          }
        }),
    }),
  ),
  coinbaseUrl: setting.url({
    env: 'TOCSIN_COINBASE_URL',
    flag: 'coinbase-url',
    doc: 'The WebSocket feed of Coinbase Exchange, or a relay of it.',
    protocols: ['ws', 'wss'],
    default: 'wss://ws-feed.exchange.coinbase.com',
  }),
  krakenUrl: setting.url({
    env: 'TOCSIN_KRAKEN_URL',
    flag: 'kraken-url',
    doc: 'The WebSocket v2 of Kraken, or a relay of it.',
    protocols: ['ws', 'wss'],
    default: 'wss://ws.kraken.com/v2',
  }),
  chainPrices: setting.path({
    env: 'TOCSIN_CHAIN_PRICES',
    flag: 'chain-prices',
    doc: 'Chainlink feeds and pools whose prices are read from the blocks themselves: CSV or NDJSON.',
    default: null,
  }),
  priceOutOfOrderness: setting.perChain(
    setting.duration({
      env: 'TOCSIN_PRICE_OUT_OF_ORDERNESS',
      flag: 'price-out-of-orderness',
      doc: 'How much later than its time a price may come and still be in order.',
      default: 1_000,
    }),
  ),
  priceIdleAfter: setting.perChain(
    setting.duration({
      env: 'TOCSIN_PRICE_IDLE_AFTER',
      flag: 'price-idle-after',
      doc: 'After so long without a price the feed is marked idle.',
      min: 100,
      default: 60_000,
    }),
  ),
})

/** As they are given: for all chains, and for each. */
export type IngestorSettings = SettingsOf<typeof ingestorSettings>

/** What holds for one chain; {@link chainsOf} takes it from the settings. */
export type IngestorConfig = {
  readonly [Name in Exclude<keyof IngestorSettings, 'chainId'>]: IngestorSettings[Name] extends PerChain<infer Value>
    ? Value
    : IngestorSettings[Name]
} & {
  /** Null: whatever the node says. */
  readonly chainId: number | null
  /** How many chains the process follows. */
  readonly ofChains: number
  /** Its price file or URL is that of other chains too: what does not name its chain is no price. */
  readonly sharesPrices: boolean
}

/** Used where the node has no `finalized` tag and no depth is set: Ethereum's own finality is about as deep. */
export const fallbackFinalityDepth = 64
export const priceHeartbeatMs = 1_000
/** How long a price of an exchange may be used. */
export const exchangePriceMaxAgeMs = 60_000
/** Both exchanges say something each second. */
export const exchangeSilentAfterMs = 10_000
export const maxWaitingPrices = 10_000
export const mempoolHeartbeatMs = 1_000
export const mempoolIdleAfterMs = 60_000
/** What is pending and takes more memory is evicted, whatever its number: call data is up to 128 KiB each. */
export const maxMempoolBytes = 256 << 20
/** Deeper reorgs put no transaction back into the mempool topic. */
export const maxMempoolBlocks = 256
/** How long a replaced or dropped transaction is remembered, in case that it is mined all the same. */
export const mempoolForgetAfterMs = 600_000
export const maxWaitingPending = 10_000
export const maxPendingAsked = 1_000
/** More threads than this share too few requests at an endpoint. */
export const mostDefaultWorkers = 8
/** Of several chains each has threads for its history, so that this never holds up the blocks of another. */
export const leastWorkersOfSeveral = 2
/** How many blocks one look takes: live ones, and of final history. */
export const spans: SpanLimits = { maxLiveBlocks: 16, maxBackfillBlocks: 1_024, minBackfillBlocks: 64 }
/** Blocks of final history that are under way at once between the node and the log, and what they may take of memory. */
export const window: WindowLimits = { maxBlocks: 64, maxBytes: 16 << 20 }
export const maxCallsInFlight = 16
/** What is remembered of a chain's contracts. */
export const maxLearnedFacts = 100_000
