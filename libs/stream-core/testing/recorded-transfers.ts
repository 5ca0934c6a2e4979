import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Transfer } from './simulation/market.ts'

interface RecordedLog {
  readonly topics: readonly string[]
  readonly data: string
}

const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
/** Not all of a block's, so that a storm over many blocks takes seconds. */
const transfersABlock = 3

/**
 * Token transfers of 51 consecutive mainnet blocks and of some single ones, in order of number; SOURCES.md in the folder
 * says where they are from. Amounts are cut down to 1 to 20. Undefined where the folder is not there.
 */
export const recordedTransfers = (chainData: string): readonly (readonly Transfer[])[] | undefined => {
  if (!existsSync(chainData)) return undefined
  const read = (path: string) => gunzipSync(readFileSync(path)).toString('utf8')
  const folder = join(chainData, 'eth-mainnet-blocks')
  const single = readdirSync(folder)
    .filter((file) => file.endsWith('.json.gz'))
    .map((file) => {
      const { receipts } = JSON.parse(read(join(folder, file))) as { receipts: readonly { logs: RecordedLog[] }[] }
      return { number: Number.parseInt(file, 10), logs: receipts.flatMap(({ logs }) => logs) }
    })
  const consecutive = read(join(chainData, 'eth-mainnet-ranges/logs-18426253-18426303.jsonl.gz'))
    .trim()
    .split(/\r?\n/)
    .map((line) => {
      const { blockNumber, logs } = JSON.parse(line) as { blockNumber: string; logs: RecordedLog[] }
      return { number: Number(blockNumber), logs }
    })
  return [...single, ...consecutive]
    .sort((a, b) => a.number - b.number)
    .map(({ logs }) =>
      logs
        .filter(({ topics, data }) => topics[0] === transferTopic && topics.length === 3 && data.length === 66)
        .slice(0, transfersABlock)
        .map(({ topics: [, from = '', to = ''], data }) => ({
          from: from.slice(26),
          to: to.slice(26),
          amount: Number(BigInt(data) % 20n) + 1,
        })),
    )
}
