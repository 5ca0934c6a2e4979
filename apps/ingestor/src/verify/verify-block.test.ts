import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseHeader, type Json } from '../sources/parse-block.ts'
import { EndpointAnswerError } from './endpoint-answer-error.ts'
import { verifyBlock } from './verify-block.ts'

const file = new URL('../../fixtures/block-4370006.json.gz', import.meta.url)
const { block } = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as {
  readonly block: Json & { readonly transactions: readonly Json[] }
}
const header = parseHeader(block)

/** The field that is named when the second transaction is told otherwise; null where it is taken. */
function refused(change: Json, hashes = true): string | null {
  const transactions = block.transactions.map((tx, at) => (at === 1 ? { ...tx, ...change } : tx))
  try {
    verifyBlock('node', header, { ...block, transactions }, { hashes })
    return null
  } catch (error) {
    return error instanceof EndpointAnswerError ? error.field : String(error)
  }
}

describe('verifyBlock', () => {
  test('default: a recorded block proves itself', () => {
    expect(refused({})).toBeNull()
  })

  test('error: a transaction of another place or block is named, hashes recomputed or not', () => {
    for (const hashes of [true, false]) {
      expect(refused({ transactionIndex: '0x2' }, hashes)).toBe('transactions.1.transactionIndex')
      expect(refused({ blockHash: header.parentHash }, hashes)).toBe('transactions.1.blockHash')
      expect(refused({ from: '0x' }, hashes)).toBe('transactions.1.from')
    }
  })

  test('error: what its hash does not cover with the fields as they are told is named', () => {
    expect(refused({ value: '0x539' })).toBe('transactions.1.hash')
    expect(refused({ gas: undefined })).toBe('transactions.1')
    expect(refused({ type: '0x7f' })).toBe('transactions.1')
    expect(refused({ hash: block.transactions[0]?.['hash'] })).toBe('transactions.1.hash')
  })
})
