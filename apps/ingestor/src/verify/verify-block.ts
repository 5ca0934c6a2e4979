import {
  asHash,
  asNumber,
  asObject,
  asArray,
  asTimestamp,
  FieldError,
  parseTransaction,
  type ParsedTransaction,
} from '../sources/parse-block.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { EndpointAnswerError } from './endpoint-answer-error.ts'
import { headerHash, type RawHeader } from './hashing.ts'
import { keccak } from './keccak.ts'
import { orderedTrieRoot } from './ordered-trie.ts'
import { transactionBytes } from './roots.ts'

/** How much is recomputed; parent, numbers and hashes are always compared. */
export interface VerifyOptions {
  /**
   * Recompute the header's hash, the transactions' hashes and root and the receipts' root. Not on chains with headers or
   * transactions of their own. What no hash covers is the sender: it follows from the signature, which is covered.
   */
  readonly hashes: boolean
}

export interface VerifiedBlock {
  readonly header: BlockHeader
  readonly transactions: readonly ParsedTransaction[]
  readonly raw: RawHeader
}

/**
 * A block with its transactions, proven to be the one asked for: number, hash and parent as in `header`, transactions
 * numbered without a gap and of this block, and where asked the hash recomputed from the header's fields and the root
 * from the transactions'.
 * @throws {EndpointAnswerError} naming the field.
 */
export function verifyBlock(
  endpoint: string,
  header: BlockHeader,
  answer: unknown,
  options: VerifyOptions,
): VerifiedBlock {
  return proving(endpoint, header.number, (fail) => {
    const raw = asObject(answer, 'block')
    const same = <T>(field: string, found: T, expected: T) => {
      if (found !== expected) fail(field, `expected ${String(expected)}, found ${String(found)}`)
    }
    same('number', asNumber(raw['number'], 'number'), header.number)
    same('hash', asHash(raw['hash'], 'hash'), header.hash)
    same('parentHash', asHash(raw['parentHash'], 'parentHash'), header.parentHash)
    same('timestamp', asTimestamp(raw['timestamp'], 'timestamp'), header.timestamp)
    const transactions = asArray(raw['transactions'], 'transactions').map((tx, at) =>
      parseTransaction(tx, `transactions.${at}`),
    )
    for (const [at, tx] of transactions.entries()) {
      same(`transactions.${at}.transactionIndex`, tx.index, at)
      same(`transactions.${at}.blockHash`, tx.blockHash, header.hash)
    }
    if (options.hashes) {
      const recomputed = headerHash(raw)
      if (recomputed === null) fail('hash', 'a field of the header is missing, so it cannot be recomputed')
      same('hash', recomputed, header.hash)
      const encoded = asArray(raw['transactions'], 'transactions').map((tx, at) => {
        const bytes = transactionBytes(asObject(tx, `transactions.${at}`))
        if (bytes === null) return fail(`transactions.${at}`, 'a field is missing, so its hash cannot be recomputed')
        same(`transactions.${at}.hash`, transactions[at]?.hash, keccak(bytes))
        return bytes
      })
      same('transactionsRoot', orderedTrieRoot(encoded), raw['transactionsRoot'])
    }
    return { header, transactions, raw }
  })
}

/** Turns a field that does not parse, and a check that fails, into the endpoint's error. */
export function proving<T>(
  endpoint: string,
  block: number | string,
  prove: (fail: (field: string, reason: string) => never) => T,
): T {
  try {
    return prove((field, reason) => {
      throw new EndpointAnswerError({ endpoint, block, field, reason })
    })
  } catch (error) {
    if (!(error instanceof FieldError)) throw error
    throw new EndpointAnswerError({ endpoint, block, field: error.field, reason: error.message }, { cause: error })
  }
}
