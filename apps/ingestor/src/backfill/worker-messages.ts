import type { ContractFact, FactKey, TaughtFact } from '../decode/contract-fact.ts'
import type { Knowledge } from '../decode/decode-block.ts'
import type { EncodedBlock } from '../decode/encode-block.ts'
import type { Contracts } from '../knowledge/contract-facts.ts'
import type { ChainPriceFeed } from '../prices/chain-price-feeds.ts'
import type { ObservedFeeds } from '../prices/feed-observation.ts'
import type { BlockHeader } from '../sources/source-block.ts'

/** What a worker thread is told when it begins. */
export interface WorkerStart {
  readonly chainId: number
  readonly endpoints: readonly { readonly name: string; readonly url: string }[]
  readonly requestTimeoutMs: number
  /** Its share of what the process may have under way at an endpoint. */
  readonly maxExchangesInFlight: number
  readonly traces: 'auto' | 'none'
  readonly verifyHashes: boolean
  readonly knowledge: Knowledge
  /** Whose prices are told with the blocks. */
  readonly feeds: readonly ChainPriceFeed[]
  /** Whether what ends pending transactions is wanted too. */
  readonly mined: boolean
}

/** What was learned since the last time, up to the version. */
export interface FactsTold {
  readonly version: number
  readonly facts: readonly ContractFact[]
}

/** `id` is that of a block that is read, until it is released. */
export type WorkerCommand =
  | { readonly type: 'read'; readonly id: number; readonly header: BlockHeader; readonly told: FactsTold }
  | { readonly type: 'decode'; readonly id: number; readonly told: FactsTold }
  | { readonly type: 'release'; readonly id: number }
  | { readonly type: 'limited'; readonly endpoint: string; readonly retryAfterMs: number | null }

export type WorkerReport =
  | { readonly type: 'decoded'; readonly id: number; readonly block: SentBlock }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorParts }
  | { readonly type: 'limited'; readonly endpoint: string; readonly retryAfterMs: number | null }
  | { readonly type: 'observed'; readonly events: readonly WorkerEvent[] }

/** A block as it crosses between threads: its records lie one behind the other in `bytes`. */
export interface SentBlock extends Omit<EncodedBlock, 'transactions' | 'prices'> {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly lengths: readonly number[]
  readonly taught: readonly TaughtFact[]
  readonly named: Contracts
  /** What it shows of the feeds; null where there are none. */
  readonly observed: ObservedFeeds | null
  /** What it was decoded with: the version, and the contracts that were looked up. */
  readonly version: number
  readonly lookedUp: readonly FactKey[]
}

/** For metrics and the operator's log: what happened in the worker, in order. */
export type WorkerEvent =
  | {
      readonly type: 'called'
      readonly endpoint: string
      readonly method: string
      readonly outcome: 'ok' | 'error' | 'unavailable' | 'limited'
      readonly bytes: number
    }
  | { readonly type: 'refuted'; readonly endpoint: string; readonly field: string }
  | { readonly type: 'hedged'; readonly endpoint: string }
  | { readonly type: 'untraced'; readonly endpoint: string }
  | { readonly type: 'notice'; readonly message: string }

/** An error as it crosses between threads, with what decides about it and what an operator sees. */
export interface ErrorParts {
  readonly message: string
  readonly code: string
  readonly handling: string
  readonly remedy: string
}

export function errorParts(error: unknown): ErrorParts {
  const told = error instanceof Error ? error : new Error(String(error))
  const text = (field: string, otherwise: string): string => {
    const value: unknown = Reflect.get(told, field)
    return typeof value === 'string' ? value : otherwise
  }
  return {
    message: told.message,
    code: text('code', 'UNKNOWN'),
    handling: text('handling', 'stop'),
    remedy: text('remedy', ''),
  }
}

/** The error again, as the thread that has it thrown is to see it. */
export const errorOfParts = ({ message, ...parts }: ErrorParts): Error => Object.assign(new Error(message), parts)

/** The records as they are written, without a copy. */
export function transactionsOf({ bytes, lengths }: Pick<SentBlock, 'bytes' | 'lengths'>): readonly Uint8Array[] {
  let end = 0
  return lengths.map((length) => bytes.subarray(end, (end += length)))
}

export function packed(
  transactions: readonly Uint8Array[],
): Pick<SentBlock, 'lengths'> & { bytes: Uint8Array<ArrayBuffer> } {
  const lengths = transactions.map(({ length }) => length)
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let end = 0
  for (const transaction of transactions) {
    bytes.set(transaction, end)
    end += transaction.length
  }
  return { bytes, lengths }
}
