import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseReceipt, type Json } from '../sources/parse-block.ts'
import { chainData, noChainData } from '../testing/chain-data.ts'
import { headerHash, logsBloom } from './hashing.ts'

interface Recorded {
  readonly block: Json
  readonly receipts: readonly unknown[]
}

const folder = join(chainData, 'eth-mainnet-blocks')
/** What the publisher of the data recomputed with other software, by block number. */
function published(): ReadonlyMap<string, { readonly header: boolean; readonly bloom: boolean }> {
  const [head = '', ...rows] = readFileSync(join(folder, 'INDEX.csv'), 'utf8').trim().split(/\r?\n/)
  const columns = head.split(',')
  const at = (name: string) => columns.indexOf(name)
  return new Map(
    rows.map((row) => {
      const fields = row.split(',') // the columns wanted stand before any quoted one
      return [
        fields[0] ?? '',
        { header: fields[at('headerHashVerified')] === 'True', bloom: fields[at('logsBloomVerified')] === 'True' },
      ]
    }),
  )
}
const blocks = () =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.gz'))
    .map((name) => JSON.parse(gunzipSync(readFileSync(join(folder, name))).toString()) as Recorded)

describe('headerHash', () => {
  test.skipIf(noChainData)('default: recomputes the hash of each recorded block whose header is whole', () => {
    const index = published()
    for (const { block } of blocks()) {
      const number = String(Number(block['number']))
      expect([number, headerHash(block) === block['hash']]).toEqual([number, index.get(number)?.header])
    }
  })
})

describe('logsBloom', () => {
  test.skipIf(noChainData)('default: recomputes the bloom of each recorded block that has one', () => {
    const index = published()
    for (const { block, receipts } of blocks()) {
      const number = String(Number(block['number']))
      const logs = receipts.flatMap((receipt) => parseReceipt(receipt).logs ?? [])
      expect([number, logsBloom(logs) === block['logsBloom']]).toEqual([number, index.get(number)?.bloom])
    }
  })
})
