import {
  alertCodec,
  maxWatermark,
  pricesCodec,
  transactionsCodec,
  type Alert,
  type ChainTransaction,
  type Control,
  type PriceTick,
} from '@tocsin/chain-model'
import { seconds, type WatermarkStrategy } from '@tocsin/stream-core'
import { testDriver, type TestDriver } from '@tocsin/stream-core/testing'
import { configureDetectors } from '../src/configure.ts'
import { silentTally } from '../src/detect.ts'
import type { ParameterOverrides, Tally } from '../src/detector.ts'
import { latestRevisions } from '../src/final-alerts.ts'
import { parseRules } from '../src/rules/rules.ts'
import { detectionTopology } from '../src/topology.ts'
import { hashOf, type ScriptedTransaction } from './scripted-chain.ts'

/** Blocks stand 12 s apart; block 0 is at a multiple of 10 min, so windows are easy to see. */
export const slotMs = seconds(12)
export const genesis = 1_699_999_800_000
export const timeOf = (block: number): number => genesis + block * slotMs

export interface DetectorDriverOptions {
  readonly tally?: Tally
  readonly watermarks?: WatermarkStrategy
  /** The user's own, as a file has them. */
  readonly rules?: readonly object[]
}

/** Runs the real topology in memory, with a chain that the test writes. Time moves because blocks do. */
export interface DetectorDriver {
  /**
   * A sealed block. Its time is that of its number, or `at`. `fork` tells blocks of one number apart; `prices` are what
   * its events tell.
   */
  block(number: number, ...transactions: readonly ScriptedTransaction[]): readonly ChainTransaction[]
  blockAt(
    number: number,
    at: { readonly timestamp?: number; readonly fork?: string; readonly prices?: readonly PriceTick[] },
    ...transactions: readonly ScriptedTransaction[]
  ): readonly ChainTransaction[]
  /** A recorded block as it is: sealed, and final at once, as in a recording. */
  recorded(transactions: readonly ChainTransaction[]): void
  /** Prices. A block is folded once no price before it can follow: see `pricesUntil`. */
  price(...ticks: readonly PriceTick[]): void
  /** No price earlier than or at `time` follows. Constants alone: call it once with no time. */
  pricesUntil(time?: number): void
  /** Undoes blocks down to and with `number`, newest first. */
  revert(...numbers: readonly number[]): void
  finalize(number: number): void
  /** Nothing follows: all windows close. */
  end(): void
  /** The newest revision of each alert, in canonical order. */
  alerts(): readonly Alert[]
  /** Every transition in the order in which it was written. */
  transitions(): readonly Alert[]
  /** Every operator's state and timers; empty tables left out, for an untouched one is not even there. */
  state(): Readonly<Record<string, unknown>>
  readonly stream: TestDriver
}

export function detectorDriver(
  detectors: readonly string[],
  parameters: ParameterOverrides = {},
  { tally = silentTally, watermarks, rules = [] }: DetectorDriverOptions = {},
): DetectorDriver {
  const topology = detectionTopology({
    chainId: 1,
    prefix: 'test',
    detectors: configureDetectors(
      detectors,
      parameters,
      parseRules([{ path: 'rules.json', text: JSON.stringify(rules) }], null),
    ),
    tally,
    ...(watermarks && { watermarks }),
  })
  const stream = testDriver(topology)
  let sequence = 0
  const blocks = new Map<number, { readonly timestamp: number; readonly fork: string }>()
  const control = (record: Control) => stream.pushBytes('transactions', transactionsCodec.encode(record))
  const refOf = (number: number) => {
    const { timestamp, fork } = blocks.get(number) ?? { timestamp: timeOf(number), fork: 'a' }
    return { number, hash: hashOf(`block ${number} ${fork}`), timestamp }
  }

  const transitions = (): readonly Alert[] => {
    // The judgement would hide a fold that finds too much: it refuses, and the finding becomes a dead letter.
    const refused = stream.deadLetters().filter(({ code }) => code === 'DETECTOR_DOES_NOT_FIRE')
    if (refused.length > 0) throw new Error(`Found, but refused: ${refused.map(({ reason }) => reason).join(' ')}`)
    return stream.outputs().map(({ value }) => alertCodec.decode(value))
  }

  const blockAt: DetectorDriver['blockAt'] = (number, at, ...transactions) => {
    blocks.set(number, { timestamp: at.timestamp ?? timeOf(number), fork: at.fork ?? 'a' })
    const block = refOf(number)
    let firstLogIndex = 0
    const included = transactions.map((scripted, index) => {
      const transaction = scripted({ block, index, firstLogIndex })
      firstLogIndex += transaction.events.length
      return transaction
    })
    for (const record of [...included, ...(at.prices ?? [])])
      stream.pushBytes('transactions', transactionsCodec.encode(record))
    if (watermarks?.type === 'bounded-out-of-orderness') return included
    control({
      type: 'sealed',
      chainId: 1,
      sequence: sequence++,
      block: { ...block, parentHash: null },
      transactions: included.length,
      events: firstLogIndex,
      watermark: block.timestamp + slotMs - 1,
    })
    return included
  }

  return {
    block: (number, ...transactions) => blockAt(number, {}, ...transactions),
    blockAt,
    recorded: (transactions) => {
      const [first] = transactions
      if (first === undefined) return
      const { block } = first
      for (const transaction of transactions) stream.pushBytes('transactions', transactionsCodec.encode(transaction))
      control({
        type: 'sealed',
        chainId: 1,
        sequence: sequence++,
        block: { ...block, parentHash: null },
        transactions: transactions.length,
        events: transactions.reduce((sum, { events }) => sum + events.length, 0),
        watermark: block.timestamp + slotMs - 1,
      })
      control({ type: 'finalized', chainId: 1, block })
    },
    price: (...ticks) => {
      for (const tick of ticks) stream.pushBytes('prices', pricesCodec.encode(tick))
    },
    pricesUntil: (time = maxWatermark) =>
      stream.pushBytes('prices', pricesCodec.encode({ type: 'watermark', watermark: time })),
    revert: (...numbers) => {
      for (const number of [...numbers].sort((a, b) => b - a))
        control({ type: 'reverted', chainId: 1, sequence: sequence++, block: refOf(number) })
    },
    finalize: (number) => control({ type: 'finalized', chainId: 1, block: refOf(number) }),
    end: () => control({ type: 'watermark', watermark: maxWatermark }),
    alerts: () => latestRevisions(transitions()),
    transitions,
    state: () => Object.fromEntries(Object.entries(stream.dump()).filter(([, table]) => Object.keys(table).length > 0)),
    stream,
  }
}
