import { randomInt } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { reorgMoves } from './reorg-storm.ts'
import { seededRandom } from './seeded-random.ts'
import { blockMs, watchTopology, type Transfer } from './simulation/market.ts'
import { testDriver } from './test-driver.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const reverts = Number(process.env['STREAM_REVERTS'] ?? 1000)
const maxDepth = 64
/** Of recorded data: not all of a block's transfers, so that a storm over many blocks takes seconds. */
const transfersABlock = 3

const chainData = resolve(process.env['TOCSIN_SHARED'] ?? join(import.meta.dirname, '../../../../shared'), 'chain-data')
const isMissing = !existsSync(chainData)
if (isMissing && process.env['CI']) throw new Error(`${chainData} is not there. In CI it must be.`)

/** Folds the storm, and the surviving blocks alone, and holds the one to the other. */
const verifyStorm = (blocks: readonly (readonly Transfer[])[], stormSeed: number) => {
  const heights = blocks.length
  const block = (height: number, isFork: boolean) => {
    const own = blocks[height] ?? []
    // A fork has some of the block's transfers, with other amounts.
    const transfers = isFork ? own.slice(1).map((one) => ({ ...one, amount: one.amount + 1 })) : own
    const timestamp = (height + 1) * blockMs
    driver.push('chain', ...transfers.map((value) => ({ type: 'element' as const, timestamp, value })))
    driver.push('chain', { type: 'sealed', epoch: height + 1, watermark: timestamp + blockMs - 1 })
  }
  const newDriver = () => {
    const created = testDriver(watchTopology({ maxFinishedIds: 1e9 }))
    // Prices of wallets as tokens, one a block.
    const prices = blocks.flatMap((transfers, height) =>
      transfers.slice(0, 1).map(({ to }) => ({
        type: 'element' as const,
        timestamp: (height + 1) * blockMs + 500,
        value: { token: to, price: height },
      })),
    )
    created.push('prices', ...prices, { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })
    return created
  }
  let driver = newDriver()
  let made = 0
  let deepest = 0
  for (const move of reorgMoves({ heights, reverts, maxDepth, random: seededRandom(stormSeed) })) {
    switch (move.type) {
      case 'block':
        block(move.height, move.isFork)
        break
      case 'revert':
        made += 1
        deepest = Math.max(deepest, move.depth)
        for (let height = move.height; height > move.height - move.depth; height -= 1) {
          driver.push('chain', { type: 'reverted', epoch: height + 1 })
        }
        break
      case 'finalize':
        driver.push('chain', { type: 'finalized', epoch: move.height + 1 })
    }
  }
  driver.push('chain', { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })
  const stormy = driver
  driver = newDriver()
  for (let height = 0; height < heights; height += 1) block(height, false)
  driver.push('chain', { type: 'finalized', epoch: heights })
  driver.push('chain', { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER })
  expect(stormy.dump()).toEqual(driver.dump())
  let standing = 0
  for (const sink of ['findings', 'outcomes']) {
    expect(stormy.standing(sink)).toEqual(driver.standing(sink))
    standing += driver.standing(sink).size
    const open = [...stormy.standing(sink)].filter(([, { status }]) => status !== 'confirmed')
    expect(open).toEqual([])
  }
  const retracted = stormy.outputs().filter(({ transition }) => transition.type === 'retracted').length
  return { seed: stormSeed, blocks: heights, reverts: made, deepest, standing, retracted }
}

describe('reorgMoves', () => {
  test(`property: over generated blocks, state and what stands are the canonical run's (SEED=${seed})`, () => {
    const random = seededRandom(seed)
    const names = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay'] as const
    const blocks = Array.from({ length: 100 + Math.floor(reverts / 20) }, () =>
      Array.from({ length: random.integer(0, 4) }, () => ({
        from: random.oneOf(names),
        to: random.oneOf(names),
        amount: random.integer(1, 20),
      })),
    )
    const report = verifyStorm(blocks, seed)
    process.stdout.write(`reorg storm, generated ${JSON.stringify(report)}\n`)
    expect(report.reverts).toBeGreaterThan(reverts * 0.9)
    expect(report.deepest).toBeGreaterThan(maxDepth / 2)
    expect(report.retracted).toBeGreaterThan(reverts)
  }, 300_000)

  test.skipIf(isMissing)(
    `property: over recorded blocks, state and what stands are the canonical run's (SEED=${seed})`,
    () => {
      const blocks = recordedTransfers()
      const report = verifyStorm(blocks, seed)
      process.stdout.write(`reorg storm, recorded ${JSON.stringify(report)}\n`)
      expect(report.blocks).toBeGreaterThan(70)
      expect(report.standing).toBeGreaterThan(500)
      expect(report.retracted).toBeGreaterThan(reverts)
    },
    300_000,
  )
})

interface RecordedLog {
  readonly topics: readonly string[]
  readonly data: string
}

const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** Token transfers of 51 consecutive mainnet blocks and of 51 single ones, see SOURCES.md there, in order of number. */
function recordedTransfers(): readonly (readonly Transfer[])[] {
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
