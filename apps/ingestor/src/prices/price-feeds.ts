import { parseAddress, type Address, type Asset } from '@tocsin/chain-model'
import { coinbase } from './coinbase.ts'
import type { Exchange } from './exchange.ts'
import { kraken } from './kraken.ts'

/** The exchanges whose feeds are read. */
export const exchanges = [coinbase, kraken] as const satisfies readonly Exchange[]

/** What one `--price-feed` names: a product of an exchange, quoted in USD, and the asset that it is the price of. */
export interface PriceFeed {
  readonly exchange: string
  readonly product: string
  readonly asset: Asset
}

/** `coinbase:ETH-USD=native`. @throws {TypeError} what is wrong with it, and what it should be */
export function parsePriceFeed(text: string): PriceFeed {
  const match = /^([a-z]+):([A-Z0-9]+[-/]USD)=(native|0x[0-9a-fA-F]{40})$/.exec(text.trim())
  const [, exchange = '', product = '', asset = ''] = match ?? []
  if (match === null || !exchanges.some(({ name }) => name === exchange))
    throw new TypeError(
      `${JSON.stringify(text)} is no price feed: expected EXCHANGE:PRODUCT=ASSET with ${exchanges.map(({ name }) => name).join(' or ')}, a product in USD and an address or native, such as coinbase:ETH-USD=native.`,
    )
  return { exchange, product, asset: asset === 'native' ? 'native' : parseAddress(asset) }
}

/** The assets by product of one exchange. The native coin's price is that of its wrapped token too, where one is listed. */
export function productsOf(
  feeds: readonly PriceFeed[],
  exchange: string,
  wrappedNative: Address | undefined,
): ReadonlyMap<string, readonly Asset[]> {
  const products = new Map<string, Set<Asset>>()
  for (const feed of feeds.filter((one) => one.exchange === exchange)) {
    const assets = products.get(feed.product) ?? new Set()
    assets.add(feed.asset)
    if (feed.asset === 'native' && wrappedNative !== undefined) assets.add(wrappedNative)
    products.set(feed.product, assets)
  }
  return new Map([...products].map(([product, assets]) => [product, [...assets]]))
}
