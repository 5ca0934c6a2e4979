import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { isVerifiable, loopedBlocks, type WholeBlock } from './looped-blocks.ts'

const fixture = new URL('../../../apps/ingestor/fixtures/block-4370006.json.gz', import.meta.url)
const recorded = JSON.parse(gunzipSync(readFileSync(fixture)).toString('utf8')) as WholeBlock

describe('isVerifiable', () => {
  test('default: a whole block is; with anything that is hashed changed it is not', () => {
    expect(isVerifiable(recorded)).toBe(true)
    const { block, receipts } = recorded
    expect(isVerifiable({ block: { ...block, gasUsed: '0x1' }, receipts })).toBe(false)
    expect(isVerifiable({ block, receipts: receipts.slice(1) })).toBe(false)
    expect(isVerifiable({ block, receipts: receipts.toReversed() })).toBe(false)
    expect(isVerifiable({ block: { ...block, transactions: block.transactions.toReversed() }, receipts })).toBe(false)
  })
})

describe('loopedBlocks', () => {
  test('default: one chain of numbers, each block linked and provable, its receipts its own', () => {
    const chain = loopedBlocks([recorded, recorded], 5)
    let parent = `0x${'0'.repeat(64)}`
    for (let number = 0; number < chain.count; number++) {
      const block = JSON.parse(chain.block(number, true)) as WholeBlock['block']
      const receipts = JSON.parse(chain.receipts(number)) as WholeBlock['receipts']
      expect(isVerifiable({ block, receipts })).toBe(true)
      expect(block).toMatchObject({ number: `0x${number}`, parentHash: parent })
      const hash = String(block['hash'])
      const own = { blockHash: hash, blockNumber: `0x${number}` }
      for (const part of [...block.transactions, ...receipts]) expect(part).toMatchObject(own)
      for (const receipt of receipts)
        for (const log of receipt['logs'] as readonly object[]) expect(log).toMatchObject(own)
      expect(chain.numberOf(hash)).toBe(number)
      parent = hash
    }
  })

  test('behavior: without its transactions a block has their hashes; a receipt alone is that of the block', () => {
    const chain = loopedBlocks([recorded], 3)
    const { transactions } = JSON.parse(chain.block(2, false)) as { readonly transactions: readonly string[] }
    expect(transactions).toEqual(recorded.block.transactions.map(({ hash }) => hash))
    const [first = ''] = transactions
    expect(chain.indexOf(first)).toBe(0)
    const receipts = JSON.parse(chain.receipts(2)) as readonly unknown[]
    expect(JSON.parse(chain.receipt(first, 2) ?? '')).toEqual(receipts[0])
  })
})
