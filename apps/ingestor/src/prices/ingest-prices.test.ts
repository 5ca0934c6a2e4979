import {
  deadLetterCodec,
  deadLettersTopic,
  maxWatermark,
  pricesCodec,
  pricesTopic,
  type PriceTick,
} from '@tocsin/chain-model'
import { LogUnavailableError } from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { unreachableOnce } from '../testing/unreachable-once.ts'
import { declareNoPrices, followPrices, ingestPriceFile } from './ingest-prices.ts'
import { BadPriceError } from './price-file.ts'
import { pushPriceSource, type PriceProgress, type PriceSource } from './price-source.ts'

const tick = (time: number): PriceTick => ({
  type: 'price',
  chainId: 1,
  asset: 'native',
  price8: 100_000n + BigInt(time),
  source: 'test',
  time,
  maxAge: 60_000,
})
const pricesIn = (log: SimulatedLog) =>
  log.records({ topic: pricesTopic('test', 1), partition: 0 }).map(({ value }) => pricesCodec.decode(value))
const deadIn = (log: SimulatedLog) =>
  log.records({ topic: deadLettersTopic('test'), partition: 0 }).map(({ value }) => deadLetterCodec.decode(value))
const bad = new BadPriceError({ origin: 'prices.csv, line 3', text: 'WETH,1', reason: 'no address' })

describe('ingestPriceFile', () => {
  test('default: the ticks, the highest watermark, and each bad line as a dead letter, once', async () => {
    const ticks = Array.from({ length: 2500 }, (_, time) => tick(time))
    const fates: AppendFate[] = ['commit-unknown', 'lost', 'full']
    const log = openSimulatedLog()
    log.decideAppends(({ index }) => fates[index] ?? 'committed')
    for (let again = 0; again < 2; again++)
      await ingestPriceFile({ file: { ticks, bad: [bad] }, log, prefix: 'test', chainId: 1 })
    const watermark = (time: number) => ({ type: 'watermark', watermark: time })
    expect(pricesIn(log)).toEqual([
      ...[...ticks.slice(0, 1001), watermark(1000), ...ticks.slice(1001, 2001), watermark(2000), ...ticks.slice(2001)],
      watermark(maxWatermark),
    ])
    expect(deadIn(log)).toEqual([
      {
        type: 'dead-letter',
        source: 'ingestor/prices',
        code: 'INGEST_BAD_PRICE',
        reason: 'prices.csv, line 3: no address.',
        origin: 'prices.csv, line 3',
        payload: Buffer.from('WETH,1').toString('base64'),
      },
    ])
  })
})

test.each(['createTopics', 'openProducer', 'offsets'] as const)(
  'behavior: ingestPriceFile waits out a log that cannot be reached at %s, and says so',
  async (call) => {
    const log = openSimulatedLog()
    const told: unknown[] = []
    await ingestPriceFile({
      file: { ticks: [tick(3)], bad: [] },
      log: unreachableOnce(log, call),
      prefix: 'test',
      chainId: 1,
      onRetry: (error) => told.push(error),
    })
    expect(pricesIn(log)).toEqual([tick(3), { type: 'watermark', watermark: maxWatermark }])
    expect(told).toEqual([expect.any(LogUnavailableError)])
  },
)

describe('declareNoPrices', () => {
  test('default: the topic says that nobody need wait for it, and who writes prices is not fenced', async () => {
    const log = openSimulatedLog()
    await ingestPriceFile({ file: { ticks: [tick(3)], bad: [] }, log, prefix: 'test', chainId: 1 })
    const writer = await log.openProducer('test.prices.ingestor')
    await declareNoPrices({ log, prefix: 'test', chainId: 1, signal: new AbortController().signal })
    expect(pricesIn(log).at(-1)).toEqual({ type: 'idle', time: 0 })
    await expect(writer.append([])).resolves.toEqual([])
  })
})

describe('followPrices', () => {
  /** Each wait is a turn: the script moves the clock and pushes prices, and ends with false. */
  async function play(script: (turn: number, set: (time: number) => void, push: (tick: PriceTick) => void) => boolean) {
    const log = openSimulatedLog()
    const source = pushPriceSource('market')
    const stop = new AbortController()
    const errors: string[] = []
    let time = 10_000
    let turn = 0
    await followPrices(
      { prefix: 'test', chainId: 1, outOfOrdernessMs: 500, heartbeatMs: 1000, idleAfterMs: 5000, maxWaiting: 3 },
      {
        sources: [source],
        log,
        now: () => time,
        wait: async () => {
          if (
            !script(
              turn++,
              (to) => (time = to),
              (price) => source.push(price),
            )
          )
            stop.abort()
        },
        random: () => 0,
        onError: (error) => errors.push(error instanceof Error ? error.message : String(error)),
      },
      stop.signal,
    )
    return { records: pricesIn(log), errors }
  }

  test('default: ticks as they come, a watermark each heartbeat, idle after silence, and news end that', async () => {
    const { records } = await play((turn, set, push) => {
      const turns = [
        () => push(tick(10_000)),
        () => set(10_400), // before the next heartbeat: nothing
        () => set(11_000),
        () => set(15_000),
        () => set(30_000), // idle: no more watermarks
        () => push(tick(30_000)),
      ]
      turns[turn]?.()
      return turn < turns.length
    })
    expect(records).toEqual([
      { type: 'watermark', watermark: 9_499 },
      tick(10_000),
      { type: 'watermark', watermark: 10_499 },
      { type: 'idle', time: 15_000 },
      tick(30_000),
      { type: 'watermark', watermark: 29_499 },
    ])
  })

  test('behavior: a source that tells its time holds the watermark back, until it is away or silent for long', async () => {
    const log = openSimulatedLog()
    const stop = new AbortController()
    let time = 10_000
    let turn = 0
    let told: PriceProgress | undefined
    const source: PriceSource = {
      name: 'exchange',
      run: (_push, _failed, signal, progress) => {
        told = progress
        progress?.reached(9_000)
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      },
    }
    const steps: readonly (readonly [number, () => void])[] = [
      [11_000, () => {}],
      [12_000, () => told?.reached(11_700)],
      [13_000, () => told?.reached(11_600)], // never backwards
      [14_000, () => told?.silent()],
      [15_000, () => told?.reached(14_900)],
      [20_000, () => {}], // 5 s without a word
    ]
    await followPrices(
      { prefix: 'test', chainId: 1, outOfOrdernessMs: 500, heartbeatMs: 1000, idleAfterMs: 5000, maxWaiting: 3 },
      {
        sources: [source, pushPriceSource('market')],
        log,
        now: () => time,
        wait: async () => {
          const step = steps[turn++]
          if (step === undefined) return stop.abort()
          time = step[0]
          step[1]()
        },
        random: () => 0,
        onError: () => {},
      },
      stop.signal,
    )
    expect(pricesIn(log)).toEqual([
      { type: 'watermark', watermark: 8_499 },
      { type: 'watermark', watermark: 11_199 },
      { type: 'watermark', watermark: 13_499 },
      { type: 'watermark', watermark: 14_399 },
      { type: 'idle', time: 20_000 },
    ])
  })

  test('error: a price from the future would hold all others back: it is put aside, and told', async () => {
    const { records, errors } = await play((turn, _set, push) => {
      if (turn === 0) for (const time of [70_001, 70_000]) push(tick(time))
      return turn < 1
    })
    expect(records.filter(({ type }) => type === 'price')).toEqual([tick(70_000)])
    expect(errors).toEqual(['test: the time of a price of native is 60001 ms from now.'])
  })

  test('error: more prices than may wait are told and left out, none silently', async () => {
    const { records, errors } = await play((turn, _set, push) => {
      if (turn === 0) for (let time = 0; time < 5; time++) push(tick(time))
      return turn < 1
    })
    expect(records.filter(({ type }) => type === 'price').length).toBe(3)
    expect(errors).toEqual(Array.from({ length: 2 }, () => '3 prices wait to be written; one of test was left out.'))
  })
})
