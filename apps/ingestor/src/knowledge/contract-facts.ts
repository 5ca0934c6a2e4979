import type { Address, Hash, Hex, TokenInfo } from '@tocsin/chain-model'
import type { DecodedBlock } from '../decode/decode-block.ts'
import { isPoolEvent, type KnownPool } from '../decode/pool-tokens.ts'
import type { ChainSource } from '../sources/chain-source.ts'
import type { ProxyCode } from '../decode/proxy-code.ts'
import { isConfusable } from './confusable.ts'
import { readProxy, type ContractState } from './read-proxy.ts'
import { tamedText } from './tamed-text.ts'

/**
 * The contracts of a block of which their state could tell more: tokens with their decimals, pools with their tokens,
 * contracts that a user's ABI might explain with the code that they run.
 */
export function contractsOf(block: DecodedBlock): Contracts {
  const tokens = new Set<Address>()
  const pools = new Set<Address>()
  const proxies = new Set<Address>()
  for (const transaction of block.transactions) {
    for (const event of transaction.events) {
      if (event.type === 'erc20-transfer' || event.type === 'erc20-approval') tokens.add(event.address)
      if (isPoolEvent(event)) pools.add(event.address)
    }
    for (const { address, implementations } of transaction.proxies ?? [])
      if (implementations === null) proxies.add(address)
  }
  return { tokens: [...tokens], pools: [...pools], proxies: [...proxies] }
}

type Call = ContractState['call']

const selectors = {
  decimals: '0x313ce567',
  symbol: '0x95d89b41',
  token0: '0x0dfe1681',
  token1: '0xd21220a7',
  factory: '0xc45a0155',
  fee: '0xddca3f43',
  /** (address,address) of v2, (address,address,uint24) of v3 */
  getPair: '0xe6a43905',
  getPool: '0x1698ee82',
} as const

/** Decimals and symbol as the contract says them; null where it gives no decimals: those are never guessed. */
export async function readToken(address: Address, call: Call): Promise<TokenInfo | null> {
  const decimals = wordOf(await call(address, selectors.decimals))
  if (decimals === null || decimals > 255n) return null
  const symbol = symbolOf(await call(address, selectors.symbol))
  const doubt = symbol !== null && isConfusable(symbol) ? { confusable: true as const } : {}
  return { address, symbol, ...doubt, decimals: Number(decimals), kind: 'other', recognised: false }
}

/**
 * Both tokens of a Uniswap-like pool, and the listed factory that knows it as its own: a pool may name any. Null where it
 * does not answer like one.
 */
export async function readPool(
  address: Address,
  call: Call,
  factories: ReadonlySet<Address>,
): Promise<Omit<KnownPool, 'proven'> | null> {
  const [first, second] = await Promise.all([call(address, selectors.token0), call(address, selectors.token1)])
  const [token0, token1] = [addressOf(first), addressOf(second)]
  if (token0 === null || token1 === null) return null
  const factory = addressOf(await call(address, selectors.factory))
  const isKnownTo = async (data: Hex) => factory !== null && addressOf(await call(factory, data)) === address
  if (factory === null || !factories.has(factory)) return { token0, token1 }
  const pair = `${paddedOf(token0)}${paddedOf(token1)}`
  if (await isKnownTo(`${selectors.getPair}${pair}`)) return { token0, token1, factory }
  const fee = await call(address, selectors.fee)
  const isV3 = fee?.length === 66 && (await isKnownTo(`${selectors.getPool}${pair}${fee.slice(2)}`))
  return isV3 ? { token0, token1, factory } : { token0, token1 }
}

const paddedOf = (address: Address) => address.slice(2).padStart(64, '0')

const wordOf = (answer: Hex | null): bigint | null => (answer?.length === 66 ? BigInt(answer) : null)

const addressOf = (answer: Hex | null): Address | null =>
  answer?.length === 66 && answer.startsWith(`0x${'0'.repeat(24)}`) ? (`0x${answer.slice(26)}` as Address) : null // 20 bytes of parsed hex

/** As many UTF-16 units as the model lets a symbol have. */
const maxSymbol = 32

/**
 * A symbol from `string` or, as early tokens have it, from `bytes32`. Tamed and cut at 32 characters; null where nothing is
 * left of it. Whatever it claims, it stays a stranger's word.
 */
export function symbolOf(answer: Hex | null): string | null {
  if (answer === null) return null
  const bytes = Buffer.from(answer.slice(2), 'hex')
  let text: Buffer
  if (bytes.length === 32) {
    const end = bytes.indexOf(0)
    text = bytes.subarray(0, end === -1 ? 32 : end)
  } else {
    if (bytes.length < 64 || BigInt(answer.slice(0, 66)) !== 32n) return null
    const length = BigInt(`0x${answer.slice(66, 130)}`)
    if (length > BigInt(bytes.length - 64)) return null
    text = bytes.subarray(64, 64 + Number(length))
  }
  return tamedText(text, maxSymbol)
}

/** Contracts by what they may be. */
export interface Contracts {
  readonly tokens: readonly Address[]
  readonly pools: readonly Address[]
  readonly proxies: readonly Address[]
}

/** What contracts told of themselves. */
export interface ToldFacts {
  readonly tokens: readonly TokenInfo[]
  readonly pools: ReadonlyMap<Address, Omit<KnownPool, 'proven'>>
  /** Of each contract that was asked whose code it runs, and of its beacon. */
  readonly proxies: ReadonlyMap<Address, ProxyCode>
  /** Those that have nothing to say that counts. Neither here nor there: a node that dropped the state of the block. */
  readonly mute: Omit<Contracts, 'proxies'>
}

/** Asks each of these at the block, so many at once. @throws what asking throws */
export async function readContracts(
  wanted: Contracts,
  {
    source,
    blockHash,
    factories,
    maxCallsInFlight,
  }: {
    readonly source: Pick<ChainSource, 'call' | 'storage' | 'code'>
    readonly blockHash: Hash
    readonly factories: ReadonlySet<Address>
    readonly maxCallsInFlight: number
  },
  signal: AbortSignal,
): Promise<ToldFacts> {
  const tokens: TokenInfo[] = []
  const pools = new Map<Address, Omit<KnownPool, 'proven'>>()
  const proxies = new Map<Address, ProxyCode>()
  const mute = { tokens: [] as Address[], pools: [] as Address[] }
  async function asked<Found>(
    address: Address,
    read: (address: Address, state: ContractState) => Promise<Found | null>,
    found: (it: Found) => void,
    silent: Address[],
  ): Promise<void> {
    let isAnswered = true
    const told = (answer: Hex | null | undefined): Hex | null => {
      if (answer === undefined) isAnswered = false
      return answer ?? null
    }
    const it = await read(address, {
      call: async (to, data) => told(await source.call({ blockHash, to, data }, signal)),
      storage: async (of, slot) => told(await source.storage({ blockHash, address: of, slot }, signal)),
      code: async (of) => told(await source.code({ blockHash, address: of }, signal)),
    })
    // A node that dropped the state of this block will know it at a newer one.
    if (!isAnswered) return
    if (it !== null) found(it)
    else silent.push(address)
  }
  const jobs = [
    ...wanted.tokens.map(
      (each) => () =>
        asked(
          each,
          (token, { call }) => readToken(token, call),
          (token) => tokens.push(token),
          mute.tokens,
        ),
    ),
    ...wanted.pools.map(
      (each) => () =>
        asked(
          each,
          (pool, { call }) => readPool(pool, call, factories),
          (pool) => pools.set(each, pool),
          mute.pools,
        ),
    ),
    ...wanted.proxies.map(
      (each) => () =>
        asked(
          each,
          readProxy,
          (codes) => {
            for (const [contract, code] of codes) proxies.set(contract, code)
          },
          [],
        ),
    ),
  ]
  for (let at = 0; at < jobs.length; at += maxCallsInFlight)
    await Promise.all(jobs.slice(at, at + maxCallsInFlight).map((job) => job()))
  return { tokens, pools, proxies, mute }
}
