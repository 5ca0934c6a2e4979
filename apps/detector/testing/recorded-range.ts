import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import {
  parseAddress,
  parseHash,
  type ChainEvent,
  type ChainTransaction,
  type LabelClass,
  type TokenInfo,
} from '@tocsin/chain-model'
import { namedAddresses } from '../src/features/named-addresses.ts'
import { dai, usdc, usdt, wbtc, weth } from './scripted-chain.ts'

const shared = resolve(process.env['TOCSIN_SHARED'] ?? join(import.meta.dirname, '../../../../shared'))
export const range = join(shared, 'chain-data/eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz')
const singleBlocks = join(shared, 'chain-data/eth-mainnet-blocks')
export const dexPrices = join(shared, 'chain-data/prices/dex-prices-18426253-18426303.csv')

/** On a user's machine tests on recorded data are skipped where there are none; in CI they must run. */
export const isRecordedDataMissing = !existsSync(range) && process.env['CI'] === undefined

export interface RawLog {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
  readonly transactionHash: string
  readonly transactionIndex: string
  readonly logIndex: string
}
export interface RawBlock {
  readonly blockNumber: string
  readonly timestampEstimate: number
  readonly logs: readonly RawLog[]
}

/** 51 consecutive mainnet blocks with every log; block times are estimates, 12 s apart. */
export const rawBlocks = (): readonly RawBlock[] =>
  gunzipSync(readFileSync(range))
    .toString('utf8')
    .trim()
    .split(/\r?\n/)
    .map((line) => JSON.parse(line) as RawBlock) // a file of known shape

const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const v2SwapTopic = '0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822'
const v3SwapTopic = '0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67'
const known: readonly TokenInfo[] = [usdc, usdt, dai, wbtc, weth]
const tokenOfSymbol = new Map(known.map((token) => [token.symbol, token]))

/** The pools of the recorded DEX prices, with their tokens in the pool's own order. */
const pools = (): ReadonlyMap<string, readonly [TokenInfo, TokenInfo]> =>
  new Map(
    dexPriceRows().flatMap(({ pair, pool }) => {
      const [a, b] = pair.split('/').map((symbol) => tokenOfSymbol.get(symbol))
      if (a === undefined || b === undefined) return []
      return [[pool, a.address < b.address ? ([a, b] as const) : ([b, a] as const)] as const]
    }),
  )

export const dexPriceRows = () =>
  readFileSync(dexPrices, 'utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => {
      const [, seconds = '', , , pair = '', venue = '', pool = '', price = ''] = line.split(',')
      return { time: Number(seconds) * 1000, pair, venue, pool, price }
    })

/** Infrastructure by address, from label lists taken naively: enough to see what labels leave out. */
export function recordedLabels(): ReadonlyMap<string, LabelClass> {
  const listed = (file: string, of: LabelClass) =>
    readFileSync(join(shared, 'chain-data/address-intel', file), 'utf8')
      .split(/\r?\n/)
      .slice(1)
      .map((line) => [line.slice(0, 42).toLowerCase(), of] as const)
  return new Map([
    ...[...pools().keys()].map((pool) => [pool, 'pool'] as const),
    ...listed('dex.csv', 'dex-router'),
    ...listed('bridges.csv', 'bridge'),
    ...listed('mev-bots.csv', 'mev-bot'),
    ...listed('cex.csv', 'exchange'),
  ])
}

/** Single mainnet blocks of many years with every log, in order of number: see SOURCES.md in the folder. */
export const singleRawBlocks = (): readonly RawBlock[] =>
  readdirSync(singleBlocks)
    .filter((file) => file.endsWith('.json.gz'))
    .map((file): RawBlock => {
      // Files of known shape: JSON-RPC's.
      const { block, receipts } = JSON.parse(gunzipSync(readFileSync(join(singleBlocks, file))).toString('utf8')) as {
        readonly block: { readonly number: string; readonly timestamp: string }
        readonly receipts: readonly Pick<RawBlock, 'logs'>[]
      }
      const logs = receipts.flatMap((receipt) => receipt.logs)
      return { blockNumber: block.number, timestampEstimate: Number(block.timestamp), logs }
    })
    .sort((a, b) => Number(a.blockNumber) - Number(b.blockNumber))

/** A recording as transactions without envelopes: what detection needs of it, decoded here by hand. */
export function recordedBlocks(
  labels: ReadonlyMap<string, LabelClass> = new Map(),
  raw: readonly RawBlock[] = rawBlocks(),
): readonly (readonly ChainTransaction[])[] {
  const poolTokens = pools()
  return raw.map(({ blockNumber, timestampEstimate, logs }) => {
    const block = { number: Number(blockNumber), hash: null, timestamp: timestampEstimate * 1000 }
    const byTransaction = Map.groupBy(logs, ({ transactionHash }) => transactionHash)
    return [...byTransaction.values()]
      .map((own): ChainTransaction => {
        const [first] = own
        if (first === undefined) throw new Error('A group is not empty.')
        const emitters = new Set(own.map(({ address }) => address))
        const swapped = own.flatMap(({ address }) => poolTokens.get(address) ?? [])
        const tokens = known.filter((token) => emitters.has(token.address) || swapped.includes(token))
        const transaction: ChainTransaction = {
          type: 'transaction',
          chainId: 1,
          block,
          index: Number(first.transactionIndex),
          hash: parseHash(first.transactionHash),
          from: null,
          to: null,
          value: 0n,
          nonce: null,
          selector: '0x',
          status: 'unknown',
          gasUsed: null,
          effectiveGasPrice: null,
          contractAddress: null,
          known: { envelope: false, frames: false },
          events: own.map((log) => eventOf(log, poolTokens)),
          frames: null,
          calls: null,
          actors: [],
          authorizations: null,
          pools: null,
          tokens: tokens.toSorted((a, b) => (a.address < b.address ? -1 : 1)),
          labels: [],
        }
        const labelled = namedAddresses(transaction).flatMap((address) => {
          const of = labels.get(address)
          return of === undefined ? [] : [{ address, class: of, source: 'address-intel' }]
        })
        return { ...transaction, labels: labelled }
      })
      .sort((a, b) => a.index - b.index)
  })
}

const word = (data: string, index: number): bigint => BigInt(`0x${data.slice(2 + 64 * index, 66 + 64 * index)}`)
const signed = (value: bigint): bigint => BigInt.asIntN(256, value)
const addressIn = (topic: string | undefined) => parseAddress(`0x${(topic ?? '').slice(26)}`)

function eventOf(log: RawLog, poolTokens: ReadonlyMap<string, readonly [TokenInfo, TokenInfo]>): ChainEvent {
  const { topics, data } = log
  const at = { logIndex: Number(log.logIndex), address: parseAddress(log.address) }
  const [topic0, topic1, topic2] = topics
  const pair = poolTokens.get(log.address)
  if (topic0 === transferTopic && topics.length === 3 && data.length === 66)
    return { type: 'erc20-transfer', ...at, from: addressIn(topic1), to: addressIn(topic2), value: word(data, 0) }
  if (topic0 === v2SwapTopic && pair !== undefined)
    return {
      type: 'uniswap-v2-swap',
      ...at,
      token0: pair[0].address,
      token1: pair[1].address,
      sender: addressIn(topic1),
      to: addressIn(topic2),
      amount0In: word(data, 0),
      amount1In: word(data, 1),
      amount0Out: word(data, 2),
      amount1Out: word(data, 3),
    }
  if (topic0 === v3SwapTopic && pair !== undefined)
    return {
      type: 'uniswap-v3-swap',
      ...at,
      token0: pair[0].address,
      token1: pair[1].address,
      sender: addressIn(topic1),
      recipient: addressIn(topic2),
      amount0: signed(word(data, 0)),
      amount1: signed(word(data, 1)),
      sqrtPriceX96: word(data, 2),
      liquidity: word(data, 3),
      tick: Number(signed(word(data, 4))),
    }
  return { type: 'log', ...at, topics: topics.map((topic) => parseHash(topic)), data: data as `0x${string}` }
}
