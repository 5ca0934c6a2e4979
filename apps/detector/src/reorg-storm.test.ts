import { randomInt } from 'node:crypto'
import { transactionsCodec, type ChainTransaction, type Control } from '@tocsin/chain-model'
import { reorgMoves, seededRandom } from '@tocsin/stream-core/testing'
import { describe, expect, test } from 'vitest'
import { detectorDriver, slotMs } from '../testing/detector-driver.ts'
import { isRecordedDataMissing, recordedBlocks, recordedLabels } from '../testing/recorded-range.ts'
import { tick, usdc } from '../testing/scripted-chain.ts'

const given = process.env['SEED']
const seed = given === undefined ? randomInt(2 ** 31) : Number(given)
const reverts = 100
/** Of each block, so that a hundred reverts take seconds. */
const transactionsABlock = 3
const parameters = {
  'transfer-volume': { over: '1000', length: '2 min', slide: '30 s' },
  'pass-through': { coolDown: '1 min' },
  'running-total': { over: '1000', coolDown: '1 min' },
}

const newChain = (blocks: readonly (readonly ChainTransaction[])[]) => {
  const driver = detectorDriver([], parameters)
  driver.price(tick(usdc, '1'), tick('native', '2000'))
  driver.pricesUntil()
  let sequence = 0
  const control = (record: Control) => driver.stream.pushBytes('transactions', transactionsCodec.encode(record))
  const refOf = (height: number) => {
    const block = blocks[height]?.[0]?.block
    if (block === undefined) throw new Error(`There is no block ${height}.`)
    return block
  }
  return {
    driver,
    block: (height: number, isFork: boolean) => {
      // A fork's block lacks some of what the canonical one has.
      const transactions = (blocks[height] ?? []).slice(isFork ? 2 : 0)
      for (const transaction of transactions) {
        driver.stream.pushBytes('transactions', transactionsCodec.encode(transaction))
      }
      const block = refOf(height)
      const events = transactions.reduce((sum, one) => sum + one.events.length, 0)
      const sealed = {
        type: 'sealed',
        chainId: 1,
        sequence: sequence++,
        block: { ...block, parentHash: null },
      } as const
      control({ ...sealed, transactions: transactions.length, events, watermark: block.timestamp + slotMs - 1 })
    },
    revert: (height: number) => control({ type: 'reverted', chainId: 1, sequence: sequence++, block: refOf(height) }),
    finalize: (height: number) => control({ type: 'finalized', chainId: 1, block: refOf(height) }),
  }
}

describe.skipIf(isRecordedDataMissing)('detectionTopology on 51 recorded mainnet blocks', () => {
  test(`property: after a hundred reverts state and alerts are those of the canonical run (SEED=${seed})`, () => {
    const blocks = recordedBlocks(recordedLabels()).map((block) =>
      block.filter(({ events }) => events.some(({ type }) => type === 'erc20-transfer')).slice(0, transactionsABlock),
    )
    const heights = blocks.length
    const stormy = newChain(blocks)
    let made = 0
    for (const move of reorgMoves({ heights, reverts, maxDepth: 40, random: seededRandom(seed) })) {
      if (move.type === 'block') stormy.block(move.height, move.isFork)
      else if (move.type === 'finalize') stormy.finalize(move.height)
      else {
        made += 1
        for (let height = move.height; height > move.height - move.depth; height -= 1) stormy.revert(height)
      }
    }
    stormy.driver.end()
    const calm = newChain(blocks)
    for (let height = 0; height < heights; height += 1) calm.block(height, false)
    calm.finalize(heights - 1)
    calm.driver.end()

    const standing = (chain: typeof calm) =>
      chain.driver
        .alerts()
        .filter(({ status }) => status !== 'retracted')
        .map(({ revision: _, ...alert }) => alert)
    const alerts = standing(stormy)
    expect(stormy.driver.state()).toEqual(calm.driver.state())
    expect(alerts).toEqual(standing(calm))
    const all = stormy.driver.alerts()
    expect(all.filter(({ status }) => status === 'provisional')).toEqual([])
    const retracted = stormy.driver.transitions().filter(({ status }) => status === 'retracted').length
    process.stdout.write(
      `detectors in a reorg storm ${JSON.stringify({ seed, made, alerts: alerts.length, retracted })}\n`,
    )
    expect(made).toBeGreaterThan(reverts * 0.9)
    expect(alerts.length).toBeGreaterThan(5)
    expect(retracted).toBeGreaterThan(reverts / 10)
  }, 300_000)
})
