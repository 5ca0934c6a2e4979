import { parseAddress, parseHash, type Address, type Asset, type Hash } from '@tocsin/chain-model'
import { ListFileError, readListFile, reasonOf, rowsOf } from '../knowledge/list-file.ts'
import { parsePrice8 } from './price-file.ts'

interface Feed {
  readonly chainId: number
  /** What it is the price of; of a pool, one of its two tokens. */
  readonly asset: Asset
  /** What the price is in. An asset is priced by the feeds above this one in the file. */
  readonly quote: 'usd' | Asset
  /** How long one of its prices may be used, in ms. */
  readonly maxAgeMs: number
  /** How its prices name their source. */
  readonly source: string
}

/** A Chainlink feed: its proxy, which a node is asked, or, where there is none to ask, the aggregator and its decimals. */
export interface ChainlinkFeed extends Feed {
  readonly kind: 'chainlink'
  readonly proxy: Address
  readonly aggregator: { readonly address: Address; readonly decimals: number } | null
}

/** A pool of two tokens, sorted by address as Uniswap does; the zero address is the native coin of a v4 pool. */
export interface PoolFeed extends Feed {
  readonly kind: 'uniswap-v2' | 'uniswap-v3' | 'uniswap-v4'
  /** Who emits its events: the pool, or v4's PoolManager. */
  readonly address: Address
  /** Of v4 alone. */
  readonly poolId: Hash | null
  readonly quote: Asset
  /** What the quote's side of the pool must be worth, in 1e-8 USD: at its current price, where liquidity is in ranges. */
  readonly minLiquidity8: bigint
}

/** The user's word for what a quote is worth, such as 1 for a stablecoin. It tells no price of its own. */
export interface ConstantFeed extends Feed {
  readonly kind: 'constant'
  readonly quote: 'usd'
  readonly price8: bigint
}

export type ChainPriceFeed = ChainlinkFeed | PoolFeed | ConstantFeed

export const isPool = (feed: ChainPriceFeed): feed is PoolFeed => feed.kind !== 'chainlink' && feed.kind !== 'constant'

const kinds = ['constant', 'chainlink', 'uniswap-v2', 'uniswap-v3', 'uniswap-v4'] as const
/** An hour, the longest heartbeat of the usual feeds, and five minutes for the round to be written. */
const chainlinkMaxAgeMs = 3_900_000
const poolMaxAgeMs = 600_000
const minLiquidity = '100000'
/** Uniswap v4's on Ethereum. */
const poolManager = '0x000000000004444c5dc75cb358380d2e3de08a90'

/**
 * The feeds of a CSV or NDJSON file, in its order. @throws {ListFileError} naming the line: a feed left out in silence would
 * be a price that never comes. `node`: whether there is one to ask; a recording does not say whose a proxy's aggregator is.
 */
export async function readChainPriceFeeds(
  file: string,
  { node }: { readonly node: boolean },
): Promise<readonly ChainPriceFeed[]> {
  const feeds: ChainPriceFeed[] = []
  for (const result of rowsOf(await readListFile(file))) {
    const { line } = result.ok ? result.row : result
    try {
      if (!result.ok) throw new TypeError(result.reason)
      const feed = parseFeed(result.row.values)
      // What a v4 pool says between its trades cannot be asked for.
      const isKnown = feeds.some(
        ({ chainId, asset, kind }) => chainId === feed.chainId && asset === feed.quote && kind !== 'uniswap-v4',
      )
      if (feed.quote !== 'usd' && !isKnown)
        throw new TypeError(`its quote ${feed.quote} has no price: a feed of it must stand above this line`)
      if (feeds.some(({ source, chainId }) => source === feed.source && chainId === feed.chainId))
        throw new TypeError(`${feed.source} stands there twice`)
      if (!node && feed.kind === 'chainlink' && feed.aggregator === null)
        throw new TypeError('a recording cannot be asked for the aggregator of a proxy: give aggregator and decimals')
      feeds.push(feed)
    } catch (cause) {
      throw new ListFileError({ file, line, reason: `${reasonOf(cause).replace(/\.$/, '')}.` }, { cause })
    }
  }
  return feeds
}

/** @throws {TypeError} naming the field */
function parseFeed(values: Readonly<Record<string, unknown>>): ChainPriceFeed {
  const whole = (field: string, whenMissing: number | null, most = Number.MAX_SAFE_INTEGER) => {
    const value = values[field] === undefined ? whenMissing : Number(values[field])
    if (value !== null && (!Number.isSafeInteger(value) || value < 0 || value > most))
      throw new TypeError(`${field} ${JSON.stringify(values[field])} is no whole number`)
    return value
  }
  const named = (field: string) => {
    if (values[field] === undefined) throw new TypeError(`it has no ${field}`)
    return values[field]
  }
  const kind = kinds.find((one) => one === values['kind'])
  if (kind === undefined) throw new TypeError(`kind ${JSON.stringify(values['kind'])} is none of ${kinds.join(', ')}`)
  const asset = parseAsset(named('asset'))
  const chainId = whole('chainId', 1) ?? 1
  if (kind === 'constant') {
    const price8 = usd8('price', named('price'))
    return { kind, chainId, asset, quote: 'usd', maxAgeMs: Infinity, price8, source: `constant ${asset}` }
  }
  const address = parseAddress(values['address'] ?? (kind === 'uniswap-v4' ? poolManager : named('address')))
  const about = {
    chainId,
    asset,
    maxAgeMs: whole('maxAge', kind === 'chainlink' ? chainlinkMaxAgeMs : poolMaxAgeMs) ?? 0,
  }
  if (about.maxAgeMs === 0) throw new TypeError('maxAge is 0')
  if (kind === 'chainlink') {
    const quote = values['quote'] === undefined ? 'usd' : parseQuote(values['quote'])
    const decimals = whole('decimals', null, 77)
    if ((decimals === null) !== (values['aggregator'] === undefined))
      throw new TypeError('aggregator and decimals are given both or not at all')
    const aggregator =
      decimals === null || values['aggregator'] === undefined
        ? null
        : { address: parseAddress(values['aggregator']), decimals }
    return { kind, proxy: address, aggregator, ...about, quote, source: `chainlink ${address}` }
  }
  const quote = parseAsset(named('quote'))
  if (quote === about.asset) throw new TypeError('asset and quote are the same')
  if (kind !== 'uniswap-v4' && (quote === 'native' || about.asset === 'native'))
    throw new TypeError('the native coin is in no such pool: name its wrapped token')
  const poolId = kind === 'uniswap-v4' ? parseHash(named('poolId')) : null
  const minLiquidity8 = usd8('minLiquidity', values['minLiquidity'] ?? minLiquidity)
  return { kind, address, poolId, ...about, quote, minLiquidity8, source: `${kind} ${poolId ?? address}` }
}

function usd8(field: string, value: unknown): bigint {
  try {
    return parsePrice8(value)
  } catch (cause) {
    throw new TypeError(`${field} ${JSON.stringify(value)} is no USD above 0 such as "1773.39"`, { cause })
  }
}

const parseAsset = (value: unknown): Asset => (value === 'native' ? 'native' : parseAddress(value))
const parseQuote = (value: unknown): 'usd' | Asset => (value === 'usd' ? 'usd' : parseAsset(value))
