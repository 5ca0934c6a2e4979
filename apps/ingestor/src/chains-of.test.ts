import { loadSettings, type Flags } from '@tocsin/service-kit'
import { describe, expect, test } from 'vitest'
import { chainsOf, ChainSettingsError } from './chains-of.ts'
import { ingestorSettings } from './config.ts'

const chains = (flags: Flags) =>
  chainsOf(loadSettings({ ingestor: ingestorSettings }, { env: {}, flags, baseDir: '/home/ann' }).ingestor)

const refused = (flags: Flags): readonly string[] => {
  try {
    chains(flags)
  } catch (error) {
    if (error instanceof ChainSettingsError) return error.message.split('\n')
    throw error
  }
  return []
}

const two = { rpc: ['1=https://a,1=https://b', '8453=https://c'] }

describe('chainsOf', () => {
  test('default: one chain whose id its node tells, as long as none is named', () => {
    const [chain, another] = chains({ rpc: ['https://a,https://b'], from: '7' })
    expect(chain).toMatchObject({ chainId: null, rpc: ['https://a', 'https://b'], from: 7, to: null, ofChains: 1 })
    expect(chain).toMatchObject({ pollInterval: 1_000, traces: 'auto', prices: null, sharesPrices: false })
    expect(another).toBeUndefined()
    expect(chains({ rpc: ['https://a'], 'chain-id': ['8453'] })).toMatchObject([{ chainId: 8453, rpc: ['https://a'] }])
  })

  test('behavior: several chains, each with its own endpoints and values, and for the rest what is said for all', () => {
    const flags = {
      ...two,
      from: ['1=7', '8453=9'],
      'finality-depth': '8453=64',
      'poll-interval': '5 s,8453=200 ms',
      'price-feed': ['1=coinbase:ETH-USD=native', '8453=kraken:ETH/USD=native'],
      traces: 'none',
    }
    const common = { traces: 'none', ofChains: 2 }
    expect(chains(flags)).toMatchObject([
      {
        ...{ chainId: 1, rpc: ['https://a', 'https://b'], from: 7, finalityDepth: null, pollInterval: 5_000 },
        ...{ ...common, priceFeeds: ['coinbase:ETH-USD=native'] },
      },
      {
        ...{ chainId: 8453, rpc: ['https://c'], from: 9, finalityDepth: 64, pollInterval: 200 },
        ...{ ...common, priceFeeds: ['kraken:ETH/USD=native'] },
      },
    ])
  })

  test('behavior: --chain-id takes some of them; what is not marked is then that one’s', () => {
    expect(chains({ ...two, 'chain-id': ['8453'], from: '100', to: '200' })).toMatchObject([
      { chainId: 8453, rpc: ['https://c'], from: 100, to: 200, ofChains: 1 },
    ])
  })

  test('behavior: a price file of one chain is its own; one of all is shared', () => {
    const shares = (flags: Flags) => chains({ ...two, ...flags }).map(({ sharesPrices }) => sharesPrices)
    expect(shares({ prices: 'p.csv' })).toEqual([true, true])
    expect(shares({ prices: '1=p.csv' })).toEqual([false, true])
    expect(chains({ ...two, prices: '1=p.csv' }).map(({ prices }) => prices)).toEqual(['/home/ann/p.csv', null])
    expect(shares({ 'chain-id': ['1'], prices: 'p.csv' })).toEqual([false])
  })

  test.each<[string, Flags, readonly string[]]>([
    [
      'an endpoint without a chain beside those that have one',
      { rpc: ['1=https://a', 'https://user:key@c/path'] },
      ['--rpc: https://c names no chain, and others do; expected CHAIN=URL.'],
    ],
    [
      'several chains and an endpoint that is of none of them',
      { rpc: ['https://a'], 'chain-id': ['1,8453'] },
      ['--chain-id names 2 chains, and --rpc says of no endpoint which it is of; expected CHAIN=URL.'],
    ],
    [
      'a chain without an endpoint',
      { ...two, 'chain-id': ['1,10'] },
      ['--chain-id: chain 10 has no endpoint; --rpc names 1, 8453.'],
    ],
    [
      'a value for a chain that nobody follows',
      { ...two, from: '10=5' },
      ['--from: there is a value for chain 10, which neither --rpc nor --chain-id names.'],
    ],
    [
      'what is of one chain, and does not say of which',
      { ...two, from: '5', 'price-feed': ['coinbase:ETH-USD=native'] },
      [
        '--from: it names no chain, and 2 are followed; expected CHAIN=….',
        '--price-feed: it names no chain, and 2 are followed; expected CHAIN=….',
      ],
    ],
    [
      'several chains of a recording',
      { recording: ['/r'], 'chain-id': ['1,10'] },
      ['--chain-id names 2 chains, and recorded blocks that do not say theirs can only be of one.'],
    ],
  ])('error: %s', (_, flags, lines) => {
    expect(refused(flags)).toEqual(lines)
  })
})
