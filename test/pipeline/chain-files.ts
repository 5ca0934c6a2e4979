import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestChain } from '@tocsin/demo'

/** What an ingestor of a test chain is to know, as files: constant prices, the tokens, the labels. */
export interface ChainFiles {
  readonly prices: string
  readonly tokens: string
  readonly labels: string
}

export async function writeChainFiles(chain: TestChain, folder: string): Promise<ChainFiles> {
  const files = {
    prices: join(folder, 'prices.ndjson'),
    tokens: join(folder, 'tokens.json'),
    labels: join(folder, 'labels.ndjson'),
  }
  const lines = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).join('\n')
  const prices = chain.prices.map(({ asset, price8 }) => ({ asset, price: dollars(price8), source: 'constant' }))
  await writeFile(files.prices, lines(prices))
  await writeFile(files.tokens, JSON.stringify(chain.tokens.map((token) => ({ ...token, chainId: chain.chainId }))))
  await writeFile(files.labels, lines(chain.labels))
  return files
}

const dollars = (price8: bigint) => `${price8 / 100_000_000n}.${(price8 % 100_000_000n).toString().padStart(8, '0')}`
