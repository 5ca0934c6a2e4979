import { createHash } from 'node:crypto'
import {
  parseAddress,
  parseHash,
  zeroAddress,
  type AbiArgument,
  type AbiValue,
  type Actor,
  type Address,
  type Asset,
  type ChainCall,
  type ChainEvent,
  type ChainTransaction,
  type Frame,
  type LabelClass,
  type PriceTick,
  type TokenInfo,
} from '@tocsin/chain-model'

/** Addresses by name, so that a test reads like a story: the same name is the same address, in every run. */
export const address = (name: string): Address =>
  parseAddress(`0x${createHash('sha256').update(`address ${name}`).digest('hex').slice(0, 40)}`)

export const hashOf = (name: string) => parseHash(`0x${createHash('sha256').update(`hash ${name}`).digest('hex')}`)

const token = (symbol: string, decimals: number, at: string, kind: TokenInfo['kind'] = 'other'): TokenInfo => ({
  address: parseAddress(at),
  symbol,
  decimals,
  kind,
  recognised: true,
})

/** Mainnet's, with 6, 8 and 18 decimals. */
export const usdc = token('USDC', 6, '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', 'stablecoin')
export const usdt = token('USDT', 6, '0xdac17f958d2ee523a2206206994597c13d831ec7', 'stablecoin')
export const dai = token('DAI', 18, '0x6b175474e89094c44da98b954eedeac495271d0f', 'stablecoin')
export const wbtc = token('WBTC', 8, '0x2260fac5e5542a773aa44fbcfedf7c193bc2c599')
export const weth = token('WETH', 18, '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2', 'wrapped-native')

/** `units(usdc, '1.5')` is 1,500,000: exact, as the token counts. */
export function units({ decimals }: Pick<TokenInfo, 'decimals'>, display: string): bigint {
  const [whole = '0', fraction = ''] = display.split('.')
  return BigInt(`${whole}${fraction.padEnd(decimals, '0')}`)
}

/** An event but for where it stands in the block, with the tokens that it names. */
export interface ScriptedEvent {
  readonly event: DistributiveOmit<ChainEvent, 'logIndex'>
  readonly tokens: readonly TokenInfo[]
}
type DistributiveOmit<T, Key extends PropertyKey> = T extends unknown ? Omit<T, Key> : never

/** EIP-20 Transfer of `amount` base units. */
export const transfer = (of: TokenInfo, from: Address, to: Address, amount: bigint): ScriptedEvent => ({
  event: { type: 'erc20-transfer', address: of.address, from, to, value: amount },
  tokens: [of],
})

/** A type and name, as `uint256 amount`, and what it says: a decimal string, hex, text, or parts. */
export type ScriptedArgument = readonly [declared: string, value: AbiValue]

const argumentsOf = (args: readonly ScriptedArgument[]): AbiArgument[] =>
  args.map(([declared, value]) => {
    const [type = '', name = ''] = declared.split(' ')
    return { name, type, value }
  })

/** An event as a user's ABI explains it. */
export const contractEvent = (of: Address, name: string, ...args: readonly ScriptedArgument[]): ScriptedEvent => ({
  event: { type: 'contract-event', address: of, abi: 'Vault', ...decodedBy(name, args) },
  tokens: [],
})

/** A call as a user's ABI explains it: without frames the transaction's own. */
export const contractCall = (
  {
    caller,
    to,
    value = 0n,
    traceAddress = [],
  }: {
    readonly caller: Address
    readonly to: Address
    readonly value?: bigint
    readonly traceAddress?: readonly number[] | null
  },
  name: string,
  ...args: readonly ScriptedArgument[]
): ChainCall => ({
  ...{ type: 'contract-call', caller, address: to, value, rest: 0, abi: 'Vault' },
  traceAddress: traceAddress && [...traceAddress],
  ...decodedBy(name, args),
})

function decodedBy(name: string, args: readonly ScriptedArgument[]) {
  const all = argumentsOf(args)
  return { signature: `${name}(${all.map(({ type }) => type).join(',')})`, arguments: all }
}

/** A Uniswap v2 swap in the direction of the trade. */
export function swap(
  pool: Address,
  [tokenIn, amountIn]: readonly [TokenInfo, bigint],
  [tokenOut, amountOut]: readonly [TokenInfo, bigint],
): ScriptedEvent {
  const inIs0 = tokenIn.address < tokenOut.address
  const [token0, token1] = inIs0 ? [tokenIn, tokenOut] : [tokenOut, tokenIn]
  return {
    event: {
      type: 'uniswap-v2-swap',
      address: pool,
      token0: token0.address,
      token1: token1.address,
      sender: address('router'),
      to: address('trader'),
      amount0In: inIs0 ? amountIn : 0n,
      amount1In: inIs0 ? 0n : amountIn,
      amount0Out: inIs0 ? 0n : amountOut,
      amount1Out: inIs0 ? amountOut : 0n,
    },
    tokens: [token0, token1],
  }
}

/** A transaction that is in no block yet, so that a test can include it again elsewhere. */
export type ScriptedTransaction = (at: {
  readonly block: ChainTransaction['block']
  readonly index: number
  readonly firstLogIndex: number
}) => ChainTransaction

export interface TransactionScript {
  /** Names its hash; default: all that it says. */
  readonly name?: string
  readonly chainId?: number
  /** Null: a recording without envelope. */
  readonly from?: Address | null
  readonly to?: Address | null
  readonly value?: bigint
  readonly status?: ChainTransaction['status']
  readonly events?: readonly ScriptedEvent[]
  readonly frames?: readonly Frame[]
  readonly calls?: readonly ChainCall[]
  readonly actors?: readonly Actor[]
  readonly labels?: readonly (readonly [Address, LabelClass])[]
}

export function transaction(script: TransactionScript): ScriptedTransaction {
  const { chainId = 1, from = null, value = 0n, events = [], labels = [], actors = [], frames, calls } = script
  const text = JSON.stringify(script, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part))
  const tokens = new Map(events.flatMap((one) => one.tokens).map((one) => [one.address, one]))
  return ({ block, index, firstLogIndex }) => ({
    type: 'transaction',
    chainId,
    block,
    index,
    hash: hashOf(script.name ?? text),
    from,
    to: script.to ?? (from === null ? null : zeroAddress),
    value,
    nonce: from === null ? null : 0,
    selector: '0x',
    status: script.status ?? (from === null ? 'unknown' : 'success'),
    gasUsed: null,
    effectiveGasPrice: null,
    contractAddress: null,
    known: { envelope: from !== null, frames: frames !== undefined },
    // A failed transaction emits nothing, whatever the script says.
    events:
      script.status === 'failed' ? [] : events.map(({ event }, at) => ({ ...event, logIndex: firstLogIndex + at })),
    frames: frames === undefined ? null : [...frames],
    calls: calls === undefined ? null : [...calls],
    actors: [...actors],
    authorizations: null,
    pools: null,
    tokens: [...tokens.values()].sort((a, b) => (a.address < b.address ? -1 : 1)),
    labels: labels.map(([labelled, of]) => ({ address: labelled, class: of, source: 'test' })),
  })
}

/** A price of one whole unit in USD; without `time` one that holds throughout. */
export function tick(
  asset: TokenInfo | Asset,
  display: string,
  at: { readonly time?: number; readonly source?: string; readonly maxAge?: number | null } = {},
): PriceTick {
  const { time = 0, source = 'test', maxAge = at.time === undefined ? null : 60_000 } = at
  const price8 = units({ decimals: 8 }, display)
  const of: Asset = typeof asset === 'string' ? asset : asset.address
  return { type: 'price', chainId: 1, asset: of, price8, source, time, maxAge }
}
