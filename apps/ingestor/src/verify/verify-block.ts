import {
  asHash,
  asNumber,
  asObject,
  asTimestamp,
  FieldError,
  parseList,
  parseTransaction,
  type ParsedTransaction,
} from '../sources/parse-block.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { EndpointAnswerError } from './endpoint-answer-error.ts'
import { headerHash, type RawHeader } from './hashing.ts'
import { keccak } from './keccak.ts'
import { orderedTrieRoot } from './ordered-trie.ts'
import { encodeTransactions } from './roots.ts'

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
    const transactions = parseList(raw['transactions'], 'transactions', (tx) => parseTransaction(tx, header.hash))
    for (const [at, { index, blockHash }] of transactions.entries()) {
      if (index !== at) same(`transactions.${at}.transactionIndex`, index, at)
      if (blockHash !== header.hash) same(`transactions.${at}.blockHash`, blockHash, header.hash)
    }
    if (options.hashes) {
      const recomputed = headerHash(raw)
      if (recomputed === null) fail('hash', 'a field of the header is missing, so it cannot be recomputed')
      same('hash', recomputed, header.hash)
      const encoded = encodeTransactions(parseList(raw['transactions'], 'transactions', (tx) => asObject(tx, '')))
      if ('missing' in encoded)
        return fail(`transactions.${encoded.missing}`, 'a field is missing, so its hash cannot be recomputed')
      for (const [at, bytes] of encoded.entries()) {
        const hash = keccak(bytes)
        if (transactions[at]?.hash !== hash) same(`transactions.${at}.hash`, transactions[at]?.hash, hash)
      }
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
