import type { Hash } from '@tocsin/chain-model'
import {
  asAddress,
  asAddressOrNull,
  asBytes,
  asHash,
  asNumber,
  asObject,
  asQuantity,
  FieldError,
  pick,
} from '../sources/parse-block.ts'
import type { PooledTransaction } from './pending-pool.ts'

/** What a node says of a transaction that it is asked for. */
export type Whereabouts =
  | { readonly type: 'pending' }
  | { readonly type: 'mined'; readonly block: { readonly number: number; readonly hash: Hash } }
  | { readonly type: 'gone' }

export interface MempoolSink {
  /** These are in the pool. */
  seen(transactions: readonly PooledTransaction[]): void
  /** These are all that is in the pool. */
  snapshot(transactions: readonly PooledTransaction[]): void
  /** Something could not be read, or was not answered: the source goes on. */
  failed(error: unknown): void
}

/** A node's pool of pending transactions. What it tells is its own view: no two nodes have the same. */
export interface MempoolSource {
  /** Without secrets. */
  readonly name: string
  /** Runs until the signal is aborted. */
  run(sink: MempoolSink, signal: AbortSignal): Promise<void>
  /** @throws an error with `handling: 'retry'` */
  ask(hash: Hash, signal: AbortSignal): Promise<Whereabouts>
  close(): Promise<void>
}

/** More call data is in no block: nodes keep no transaction above 128 KiB in their pools. Source: geth, txMaxSize. */
const maxInputBytes = 128 << 10

/** Null where the node says that it is in a block. @throws {FieldError} */
export function parsePooled(value: unknown): PooledTransaction | null {
  const tx = asObject(value, 'transaction')
  if (tx['blockHash'] !== null && tx['blockHash'] !== undefined) return null
  const input = asBytes(pick(tx, 'input', 'data'), 'input')
  if (input.length > 2 + 2 * maxInputBytes) throw new FieldError('input', `at most ${maxInputBytes} bytes`, input)
  const gasPrice = tx['gasPrice']
  return {
    hash: asHash(tx['hash'], 'hash'),
    from: asAddress(tx['from'], 'from'),
    nonce: asNumber(tx['nonce'], 'nonce'),
    to: asAddressOrNull(tx['to'], 'to'),
    value: asQuantity(tx['value'], 'value'),
    input,
    gas: asQuantity(tx['gas'], 'gas'),
    maxFeePerGas: asQuantity(tx['maxFeePerGas'] ?? gasPrice, 'maxFeePerGas'),
    maxPriorityFeePerGas: asQuantity(tx['maxPriorityFeePerGas'] ?? gasPrice, 'maxPriorityFeePerGas'),
  }
}
