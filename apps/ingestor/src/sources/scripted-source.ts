import { createHash } from 'node:crypto'
import { parseAddress, parseHash, type Hash } from '@tocsin/chain-model'
import { EndpointAnswerError } from '../verify/endpoint-answer-error.ts'
import type { ChainLink } from '../ledger/advance.ts'
import type { ChainSource } from './chain-source.ts'
import type { BlockHeader, SourceTransaction } from './source-block.ts'

/** A chain that a test writes: it forks, lags, lies and fails as told. Every block ever mined stays known by hash. */
export interface ScriptedSource extends ChainSource {
  /** Appends blocks to the canonical chain, so many ms apart, 12 s if not said. @returns the last one's header. */
  mine(count?: number, apartMs?: number): BlockHeader
  /** Takes the newest `depth` blocks off the canonical chain and mines `count` others in their place. */
  reorg(depth: number, count: number): void
  /** Every block ever mined. */
  readonly known: ReadonlyMap<Hash, BlockHeader>
  /** Takes over the canonical chain of another. */
  become(other: ScriptedSource): void
  /** The canonical chain, oldest first. */
  readonly canonical: readonly BlockHeader[]
  /** Makes the `finalized` tag stand so many blocks under the head; null: the node knows no such tag. */
  setFinality(depth: number | null): void
  /** What a second endpoint says of a block; null, as at first: there is none. */
  setSecond(confirms: (header: BlockHeader) => boolean | null): void
  /** Each call of `distrust`. */
  readonly distrusted: readonly (ChainLink | null)[]
  /** Called before each answer; what it throws is the answer. */
  intercept(before: (request: string) => void): void
  /** The transactions of a block, made from its hash alone. */
  transactionsOf(header: BlockHeader): readonly SourceTransaction[]
}

const genesis: BlockHeader = {
  number: 0,
  hash: parseHash(`0x${'0'.repeat(63)}1`),
  parentHash: parseHash(`0x${'0'.repeat(64)}`),
  timestamp: 1_700_000_000_000,
}

const emptySlot = `0x${'0'.repeat(64)}` as const

export function scriptedSource(options: { readonly chainId: number; readonly name?: string }): ScriptedSource {
  const { chainId, name = 'scripted node' } = options
  const known = new Map<Hash, BlockHeader>([[genesis.hash, genesis]])
  const canonical: BlockHeader[] = [genesis]
  const listeners = new Set<() => void>()
  let finality: number | null = null
  const distrusted: (ChainLink | null)[] = []
  let second: (header: BlockHeader) => boolean | null = () => null
  let before: (request: string) => void = () => {}
  let mined = 0

  const newest = () => canonical.at(-1) ?? genesis
  function mine(count = 1, apartMs = 12_000): BlockHeader {
    for (let left = count; left > 0; left--) {
      const parent = newest()
      const hash = parseHash(`0x${createHash('sha256').update(`${parent.hash} ${++mined}`).digest('hex')}`)
      const header = { number: parent.number + 1, hash, parentHash: parent.hash, timestamp: parent.timestamp + apartMs }
      known.set(hash, header)
      canonical.push(header)
    }
    for (const listener of listeners) listener()
    return newest()
  }
  const answer = async <T>(request: string, value: () => T, signal: AbortSignal): Promise<T> => {
    signal.throwIfAborted()
    before(request)
    return value()
  }
  const transactionsOf = (header: BlockHeader): readonly SourceTransaction[] =>
    Array.from({ length: Number.parseInt(header.hash.slice(2, 3), 16) % 4 }, (_, index) => ({
      hash: parseHash(`0x${createHash('sha256').update(`${header.hash} ${index}`).digest('hex')}`),
      index,
      envelope: {
        from: parseAddress(`0x${header.hash.slice(2, 42)}`),
        to: parseAddress(`0x${header.hash.slice(12, 52)}`),
        value: BigInt(index),
        nonce: index,
        input: '0x' as const,
        authorizations: null,
      },
      outcome: { status: 'success' as const, gasUsed: 21_000n, effectiveGasPrice: 1n, contractAddress: null },
      logs: [],
      frames: null,
    }))

  return {
    chainId,
    name,
    known,
    canonical,
    mine,
    reorg(depth, count) {
      canonical.splice(Math.max(1, canonical.length - depth))
      mine(count)
    },
    become(other) {
      canonical.splice(0, Infinity, ...other.canonical)
      for (const header of canonical) known.set(header.hash, header)
    },
    setFinality: (depth) => {
      finality = depth
    },
    intercept: (hook) => {
      before = hook
    },
    transactionsOf,
    async tip(signal) {
      const depth = finality
      const finalized = await answer(
        'finalized',
        () => (depth === null ? null : (canonical[Math.max(0, canonical.length - 1 - depth)] ?? null)),
        signal,
      )
      return { head: await answer('head', newest, signal), finalized, endpoint: name }
    },
    headerByNumber: (number, signal) => answer(`header ${number}`, () => canonical[number] ?? null, signal),
    headerByHash: (hash, signal) => answer(`header ${hash}`, () => known.get(hash) ?? null, signal),
    block: (header, signal) =>
      answer(
        `block ${header.number}`,
        () => {
          if (!known.has(header.hash))
            throw new EndpointAnswerError({
              endpoint: name,
              block: header.number,
              field: 'block',
              reason: 'it has none',
            })
          return { chainId, ...header, transactions: transactionsOf(header) }
        },
        signal,
      ),
    call: (_, signal) => answer('call', () => null, signal),
    storage: (_, signal) => answer('storage', () => emptySlot, signal),
    code: (_, signal) => answer('code', () => '0x' as const, signal),
    confirms: (header, _, signal) => answer('confirms', () => second(header), signal),
    distrust: (_, until) => {
      distrusted.push(until)
    },
    distrusted,
    setSecond: (confirms) => {
      second = confirms
    },
    onHead: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: async () => {},
  }
}
