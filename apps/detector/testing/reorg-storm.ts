import { transactionsCodec, type ChainTransaction, type Control } from '@tocsin/chain-model'
import {
  verifyReorgStorm,
  type ReorgStormOptions,
  type ReorgStormReport,
  type StormedChain,
} from '@tocsin/stream-core/testing'
import { configureDetectors } from '../src/configure.ts'
import { detectorDriver, slotMs, timeOf } from './detector-driver.ts'
import { rawBlocks, recordedBlocks, recordedLabels, singleRawBlocks } from './recorded-range.ts'
import { tick, usdc, weth } from './scripted-chain.ts'

/** Of each block, so that a thousand reverts take seconds. */
const transactionsABlock = 2
/** Low, so that a few transfers make alerts. */
const parameters = {
  'transfer-volume': { over: '1000', length: '2 min', slide: '30 s' },
  'pass-through': { coolDown: '1 min' },
  'running-total': { over: '1000', coolDown: '1 min' },
}

/** Of each kind one: a user's rules are detectors like the others. They speak seldom, since an alert is what a revert costs. */
const ofUsdc = { event: 'tocsin.erc20-transfer', contract: usdc.address }
const rules = [
  { ...ofUsdc, name: 'each', where: 'value > 100_000e6', keyBy: 'to' },
  { ...ofUsdc, name: 'count', within: '1 min', count: 6 },
  { ...ofUsdc, name: 'sum', within: '1 min', sum: 'value', over: '500_000e6' },
  { ...ofUsdc, name: 'absence', absentFor: '60 s' },
]

/**
 * Recorded mainnet blocks as one chain of more than 64, a slot apart: single ones of many years, then 51 consecutive
 * ones. Of each the first transactions that move a token with a price.
 */
function stormedBlocks(): readonly (readonly ChainTransaction[])[] {
  const moves = ({ events }: ChainTransaction) =>
    events.some(({ type, address }) => type === 'erc20-transfer' && priced.has(address))
  return recordedBlocks(recordedLabels(), [...singleRawBlocks(), ...rawBlocks()]).map((transactions, height) =>
    transactions
      .filter(moves)
      .slice(0, transactionsABlock)
      .map((transaction) => ({ ...transaction, block: refOf(height) })),
  )
}

const priced: ReadonlySet<string> = new Set([usdc.address, weth.address])
const refOf = (height: number) => ({ number: height, hash: null, timestamp: timeOf(height) })

/** The storm over the topology of all detectors, and over recorded blocks. @throws {BrokenLawError} */
export function runDetectorReorgStorm(options: ReorgStormOptions): ReorgStormReport {
  const blocks = stormedBlocks().map((transactions) =>
    transactions.map((transaction) => ({
      events: transaction.events.length,
      bytes: transactionsCodec.encode(transaction),
    })),
  )
  const newChain = (): StormedChain => {
    const driver = detectorDriver([], parameters, { rules })
    driver.price(tick(usdc, '1'), tick('native', '2000'))
    driver.pricesUntil()
    let sequence = 0
    const control = (record: Control) => driver.stream.pushBytes('transactions', transactionsCodec.encode(record))
    return {
      driver: driver.stream,
      block: (height, isFork) => {
        // A fork's block lacks what the canonical one begins with.
        const transactions = (blocks[height] ?? []).slice(isFork ? 1 : 0)
        for (const { bytes } of transactions) driver.stream.pushBytes('transactions', bytes)
        control({
          type: 'sealed',
          chainId: 1,
          sequence: sequence++,
          block: { ...refOf(height), parentHash: null },
          transactions: transactions.length,
          events: transactions.reduce((sum, { events }) => sum + events, 0),
          watermark: timeOf(height) + slotMs - 1,
        })
      },
      revert: (height) => control({ type: 'reverted', chainId: 1, sequence: sequence++, block: refOf(height) }),
      finalize: (height) => control({ type: 'finalized', chainId: 1, block: refOf(height) }),
      end: () => {
        driver.end()
        // A finding that is refused is a dead letter: without it nothing would differ.
        const [letter] = driver.stream.deadLetters()
        if (letter !== undefined) throw new Error(`A dead letter of ${letter.operator}: ${letter.reason}`)
      },
    }
  }
  const names = [...configureDetectors([], parameters).map(({ id }) => id), ...rules.map(({ name }) => name)]
  const sinks = names.map((name) => `${name}-sink`)
  return verifyReorgStorm({ heights: blocks.length, sinks, newChain }, options)
}
