import type { AbiArgument, AbiValue, Address, Alert, Asset, Evidence } from '@tocsin/chain-model'
import { formatSymbol, shortKey } from './format.ts'

/** Value that moved, as an alert's evidence tells it. */
export interface Movement {
  readonly reference: Evidence & { readonly type: 'log' | 'frame' | 'transaction' }
  readonly timestamp: number
  readonly from: Address | null
  readonly to: Address | null
  readonly asset: Asset
  readonly amount: bigint
  readonly usd8: bigint | null
}

export interface Token {
  readonly symbol: string | null
  readonly decimals: number
}

export type Threshold = Evidence & { readonly type: 'threshold' }

/** The movements among an alert's evidence, in its order, which is the chain's. */
export function movementsOf(alert: Alert): readonly Movement[] {
  const movements: Movement[] = []
  // A transaction is also listed to say who sent it; its value counts as moved only where no frame tells the same.
  const framed = new Set(alert.evidence.filter(({ type }) => type === 'frame').map(transactionOf))
  for (const reference of alert.evidence) {
    if (reference.type === 'log' && reference.amount !== null) {
      const { timestamp, from, to, amount, usd8, address } = reference
      movements.push({ reference, timestamp, from, to, amount, usd8, asset: address })
    } else if (reference.type === 'frame' && reference.value > 0n) {
      const { timestamp, from, to, value, usd8 } = reference
      movements.push({ reference, timestamp, from, to, amount: value, usd8, asset: 'native' })
    } else if (reference.type === 'transaction' && reference.value > 0n && !framed.has(reference.transactionHash)) {
      const { timestamp, from, to, value } = reference
      movements.push({ reference, timestamp, from, to, amount: value, usd8: null, asset: 'native' })
    }
  }
  return movements
}

/** What the evidence says of tokens, by address; the chain's own coin has 18 decimals. */
export function tokensOf(alert: Alert): ReadonlyMap<Asset, Token> {
  const tokens = new Map<Asset, Token>([['native', { symbol: nativeSymbol(alert.chainId), decimals: 18 }]])
  for (const reference of alert.evidence) {
    if (reference.type === 'token') tokens.set(reference.address, reference)
  }
  return tokens
}

export const thresholdsOf = (alert: Alert): readonly Threshold[] =>
  alert.evidence.filter((reference): reference is Threshold => reference.type === 'threshold')

/** The address that the alert is about, where its key is or begins with one. */
export function walletOf(alert: Alert): Address | null {
  const [match] = /0x[0-9a-f]{40}/.exec(alert.key) ?? []
  return match === undefined ? null : (match as Address) // the pattern is the proof
}

/**
 * The key as people say it: `WETH/USDC` where each of its parts is a token that the evidence names, else shortened.
 * Symbols are strangers' words, so whoever shows this must also show the key.
 */
export function keyName(alert: Alert): string {
  const tokens = new Map<string, Token>(tokensOf(alert))
  const symbols = alert.key.split('/').map((part) => tokens.get(part)?.symbol)
  if (symbols.some((symbol) => symbol === undefined || symbol === null)) return shortKey(alert.key)
  return symbols.map((symbol) => formatSymbol(symbol ?? null)).join('/')
}

/** A value as its ABI type has it, in one line: tuples with their names, lists in brackets. */
export function abiText(value: AbiValue, hash?: string): string {
  if (hash !== undefined) return hash
  if (value === null) return 'not told'
  if (typeof value !== 'object') return String(value)
  const items = value as readonly (AbiValue | AbiArgument)[] // one of both
  return `[${items.map((item) => (isArgument(item) ? `${item.name} ${abiText(item.value, item.hash)}` : abiText(item))).join(', ')}]`
}

const isArgument = (item: AbiValue | AbiArgument): item is AbiArgument =>
  typeof item === 'object' && item !== null && 'type' in item

const transactionOf = (reference: Evidence) => ('transactionHash' in reference ? reference.transactionHash : null)

const nativeSymbol = (chainId: number) => (chainId === 137 ? 'POL' : chainId === 56 ? 'BNB' : 'ETH')
