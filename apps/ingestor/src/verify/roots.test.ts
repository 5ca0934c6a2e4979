import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { asArray, asObject, type Json } from '../sources/parse-block.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'
import { keccak } from './keccak.ts'
import { orderedTrieRoot } from './ordered-trie.ts'
import { receiptsRoot, transactionHash, transactionsRoot } from './roots.ts'

interface Recorded {
  readonly name: string
  readonly block: Json
  readonly receipts: readonly Json[]
}
const recorded = (folder: string): readonly Recorded[] =>
  readdirSync(join(chainData, folder))
    .filter((name) => name.endsWith('.gz'))
    .map((name) => {
      const text = gunzipSync(readFileSync(join(chainData, folder, name))).toString()
      const found = asObject(JSON.parse(text), name)
      const receipts = asArray(found['receipts'] ?? [], name).map((receipt) => asObject(receipt, name))
      return { name, block: asObject(found['block'] ?? found, name), receipts }
    })
const transactionsOf = ({ block }: Recorded): readonly Json[] =>
  asArray(block['transactions'], 'transactions').map((transaction) => asObject(transaction, 'transaction'))
const everywhere = () => ['eth-mainnet-blocks', 'pevm-blocks', 'other-evm-blocks'].flatMap(recorded)

// SOURCES.md: signatures that upstream had not stored; roll-ups whose deposits are recorded without their source hash.
const withoutSignatures = ['12412732.json.gz']
const withDeposits = ['10-107353722.json.gz', '10-109860869.json.gz', '8453-2000000.json.gz']
// SOURCES.md: no gas and no status in the upstream node's receipts.
const withoutGas = ['11930296', '11931272', '11935012', '12498502', '12498513', '12412732'].map((n) => `${n}.json.gz`)

describe('transactionsRoot', () => {
  test.skipIf(noChainData)('default: recomputes the root of each recorded block whose transactions are whole', () => {
    for (const one of everywhere()) {
      const lacks = [...withoutSignatures, ...withDeposits].includes(one.name)
      const expected = lacks ? null : one.block['transactionsRoot']
      expect([one.name, transactionsRoot(transactionsOf(one))]).toEqual([one.name, expected])
    }
  })
  test.skipIf(noChainData)('behavior: another order, or one left out, is another root', () => {
    for (const one of recorded('pevm-blocks')) {
      const transactions = transactionsOf(one)
      if (transactions.length < 2) continue
      expect(transactionsRoot(transactions.toReversed())).not.toBe(one.block['transactionsRoot'])
      expect(transactionsRoot(transactions.slice(1))).not.toBe(one.block['transactionsRoot'])
    }
  })
  test('default: no transactions', () => {
    // Keccak-256 of RLP's empty string: what Ethereum's empty blocks hold.
    expect(transactionsRoot([])).toBe('0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421')
  })
})

describe('transactionHash', () => {
  test.skipIf(noChainData)('default: is what the node says, for each type of transaction', () => {
    const types = new Map<number, number>()
    for (const one of everywhere()) {
      for (const transaction of transactionsOf(one)) {
        const hash = transactionHash(transaction)
        if (hash === null) continue
        expect(hash).toBe(transaction['hash'])
        const type = Number(transaction['type'] ?? 0)
        types.set(type, (types.get(type) ?? 0) + 1)
      }
    }
    for (const type of [0, 1, 2, 3]) expect(types.get(type)).toBeGreaterThan(5)
  })
  test.skipIf(noChainData)('error: a changed field is another hash', () => {
    const signed = ['nonce', 'gas', 'value', 'input', 'r', 's', 'to']
    for (const one of recorded('eth-mainnet-blocks')) {
      for (const transaction of transactionsOf(one).slice(0, 5)) {
        for (const field of signed) {
          const changed = { ...transaction, [field]: field === 'to' ? `0x${'11'.repeat(20)}` : '0x0123' }
          if (changed[field] === transaction[field]) continue
          expect([field, transactionHash(changed)]).not.toEqual([field, transaction['hash']])
        }
      }
    }
  })
})

describe('receiptsRoot', () => {
  test.skipIf(noChainData)('default: recomputes the root of each recorded block whose receipts are whole', () => {
    let whole = 0
    for (const one of everywhere().filter(({ receipts }) => receipts.length > 0)) {
      const lacks = [...withoutGas, ...withDeposits].includes(one.name)
      expect([one.name, receiptsRoot(one.receipts)]).toEqual([one.name, lacks ? null : one.block['receiptsRoot']])
      if (!lacks) whole += 1
    }
    expect(whole).toBe(22)
  })
  test.skipIf(noChainData)('error: a log left out, or another status, is another root', () => {
    for (const { block, receipts } of recorded('eth-mainnet-blocks')) {
      const at = receipts.findIndex(({ logs }) => Array.isArray(logs) && logs.length > 0)
      const receipt = receipts[at]
      if (receipt === undefined || typeof block['receiptsRoot'] !== 'string') continue
      if (receiptsRoot(receipts) === null) continue
      const logs = asArray(receipt['logs'], 'logs')
      expect(receiptsRoot(receipts.with(at, { ...receipt, logs: logs.slice(1) }))).not.toBe(block['receiptsRoot'])
      const failed = { ...receipt, status: receipt['status'] === '0x1' ? '0x0' : '0x1' }
      expect(receiptsRoot(receipts.with(at, failed))).not.toBe(block['receiptsRoot'])
    }
  })
})

describe('orderedTrieRoot', () => {
  // Appendix D by hand: a leaf alone; two leaves that stand in their branch themselves, at nibbles 0 (RLP(1) is 01) and 8
  // (RLP(0) is 80).
  test('default: short nodes stand in their parent', () => {
    const hashOf = (hex: string) => keccak(Buffer.from(hex, 'hex'))
    expect(orderedTrieRoot([Uint8Array.of(1)])).toBe(hashOf('c482208001'))
    const empty = '80'.repeat(7)
    expect(orderedTrieRoot([Uint8Array.of(1), Uint8Array.of(2)])).toBe(hashOf(`d5c23102${empty}c23001${empty}80`))
  })
})
