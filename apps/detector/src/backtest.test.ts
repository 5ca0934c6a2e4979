import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  alertCodec,
  deadLetterCodec,
  deadLettersTopic,
  maxWatermark,
  pricesCodec,
  pricesTopic,
  transactionsCodec,
  transactionsTopic,
  type Alert,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import { openEmbeddedLog, type EventLog, type NewRecord } from '@tocsin/event-log'
import { createMetrics, loadSettings, SettingsError, silentLogger } from '@tocsin/service-kit'
import { afterEach, describe, expect, test } from 'vitest'
import { slotMs, timeOf } from '../testing/detector-driver.ts'
import { address, hashOf, tick, transaction, transfer, units, usdc } from '../testing/scripted-chain.ts'
import { runDetection } from './backtest.ts'
import { detectorSettings } from './config.ts'
import { configureDetectors } from './configure.ts'
import { startDetector } from './detect.ts'
import { readFinalAlerts } from './final-alerts.ts'
import { ParameterError } from './parameters.ts'

const [prefix, chainId] = ['test', 1]
const clock = () => performance.now()
const folder = () => mkdtempSync(join(tmpdir(), 'tocsin-detector-'))
const open: EventLog[] = []
afterEach(async () => {
  for (const log of open.splice(0)) await log.close()
})

/** 40 blocks in which four wallets pass money around; every block is final, as in a recording. */
function recordedBlock(number: number): readonly TransactionsRecord[] {
  const block = { number, hash: hashOf(`block ${number}`), timestamp: timeOf(number) }
  const from = address(`wallet ${number % 4}`)
  const to = address(number % 3 === 0 ? `fresh ${number}` : `wallet ${(number + 1) % 4}`)
  const scripted = transaction({
    name: `${number}`,
    from,
    events: [transfer(usdc, from, to, units(usdc, `${12_000 + number}`))],
  })
  return [
    scripted({ block, index: 0, firstLogIndex: 0 }),
    {
      type: 'sealed',
      chainId,
      sequence: number,
      block: { ...block, parentHash: null },
      transactions: 1,
      events: 1,
      watermark: block.timestamp + slotMs - 1,
    },
    { type: 'finalized', chainId, block },
  ]
}
const history = Array.from({ length: 40 }, (_, number) => recordedBlock(number))

async function openLog() {
  const log = await openEmbeddedLog(folder())
  open.push(log)
  await log.createTopics([
    { topic: transactionsTopic(prefix, chainId), partitions: 1 },
    { topic: pricesTopic(prefix, chainId), partitions: 1 },
  ])
  const producer = await log.openProducer('test')
  const chain = (record: TransactionsRecord): NewRecord => ({
    topic: transactionsTopic(prefix, chainId),
    partition: 0,
    key: null,
    value: transactionsCodec.encode(record),
  })
  const price = (value: Uint8Array): NewRecord => ({
    topic: pricesTopic(prefix, chainId),
    partition: 0,
    key: null,
    value,
  })
  await producer.append([
    price(pricesCodec.encode(tick(usdc, '1'))),
    price(pricesCodec.encode({ type: 'watermark', watermark: maxWatermark })),
  ])
  return {
    log,
    append: async (...batches: readonly (readonly TransactionsRecord[])[]) => {
      for (const records of batches) await producer.append(records.map(chain))
    },
    appendBytes: (value: Uint8Array) =>
      producer.append([{ topic: transactionsTopic(prefix, chainId), partition: 0, key: null, value }]),
    end: () => producer.append([chain({ type: 'watermark', watermark: maxWatermark })]),
  }
}

const detectors = configureDetectors([], { 'transfer-volume': { over: '20000', window: 'tumbling' } })
const text = (alerts: readonly Alert[]) => alerts.map((alert) => alertCodec.stringify(alert)).join('\n')

async function detectWhole(batchSize: number) {
  const { log, append, end } = await openLog()
  await append(...history)
  await end()
  return runDetection({ log, chainId, prefix, detectors, stateFolder: folder(), clock, batchSize })
}

describe('runDetection', () => {
  test('default: final alerts in canonical order, each confirmed, and what was counted on the way', async () => {
    const { alerts, ...counts } = await detectWhole(1000)
    expect([...new Set(alerts.map(({ detector }) => detector))].sort()).toEqual([
      'pass-through',
      'running-total',
      'transfer-volume',
    ])
    expect(new Set(alerts.map(({ status }) => status))).toEqual(new Set(['confirmed']))
    const order = alerts.map(({ eventTime, id }) => [eventTime, id] as const)
    expect(order).toEqual(order.toSorted(([a, x], [b, y]) => a - b || (x < y ? -1 : 1)))
    expect(counts).toMatchObject({ deadLetters: 0, lateElements: 0, unpriced: {} })
    expect(counts.suppressed['running-total']?.['cool-down']).toBeGreaterThan(0)
  })

  test('behavior: the same bytes for every batch size, and for a run that stopped in between', async () => {
    const whole = text((await detectWhole(1000)).alerts)
    expect(whole.length).toBeGreaterThan(10_000)
    expect(text((await detectWhole(1)).alerts)).toBe(whole)
    expect(text((await detectWhole(7)).alerts)).toBe(whole)

    const { log, append, end } = await openLog()
    const stateFolder = folder()
    for (const part of [history.slice(0, 13), history.slice(13, 14), history.slice(14)]) {
      await append(...part)
      if (part.at(-1) === history.at(-1)) await end()
      await runDetection({ log, chainId, prefix, detectors, stateFolder, clock, checkpointIntervalMs: 0 })
    }
    expect(text(await readFinalAlerts(log, prefix, chainId))).toBe(whole)
  }, 120_000)

  test('error: a record that cannot be read is a dead letter, and the rest goes on', async () => {
    const { log, append, appendBytes, end } = await openLog()
    await append(...history.slice(0, 20))
    await appendBytes(new TextEncoder().encode('{"type":"transaction","chainId":"one"}'))
    await append(...history.slice(20))
    await end()
    const { alerts, deadLetters } = await runDetection({
      log,
      chainId,
      prefix,
      detectors,
      stateFolder: folder(),
      clock,
    })
    expect(deadLetters).toBe(1)
    expect(text(alerts)).toBe(text((await detectWhole(1000)).alerts))
    const reader = await log.openReader([{ topic: deadLettersTopic(prefix), partition: 0, offset: 0 }])
    const [batch] = await reader.poll(1_000)
    await reader.close()
    const [letter] = batch?.records ?? []
    expect(letter && deadLetterCodec.decode(letter.value)).toMatchObject({
      source: 'detector/transactions',
      code: 'MODEL_MALFORMED_RECORD',
      reason: expect.stringMatching(/^Not a record of a transactions topic: chainId: /),
      origin: expect.stringMatching(/^test\.1\.transactions\/0@\d+$/),
    })
  })
})

const configOf = (flags: Record<string, string>) =>
  loadSettings({ detector: detectorSettings }, { flags: { 'state-folder': folder(), ...flags } }).detector

describe('startDetector', () => {
  test('default: watches until it is stopped, and measures', async () => {
    const { log, append, end } = await openLog()
    await append(...history)
    await end()
    const stop = new AbortController()
    const metrics = createMetrics()
    const running = startDetector(
      { ...configOf({ param: 'transfer-volume.over=20000' }), topicPrefix: prefix },
      { log, logger: silentLogger, metrics, clock, random: () => 0 },
      stop.signal,
    )
    const deadline = clock() + 30_000
    const found = async () =>
      (await log.partitions('test.alerts').catch(() => 0)) > 0 && (await readFinalAlerts(log, prefix, chainId))
    for (let alerts = await found(); !alerts || alerts.length < 20; alerts = await found()) {
      if (clock() > deadline) expect.fail('No alerts within 30 s.')
      await sleep(20)
    }
    stop.abort()
    await running
    const exposition = await metrics.exposition()
    expect(exposition).toMatch(/tocsin_detector_elements\{chain="1"\} \d{2,}/)
    expect(exposition).toMatch(
      /tocsin_detector_suppressed_total\{detector="running-total",reason="cool-down",chain="1"\} \d/,
    )
  }, 60_000)

  test('error: wrong parameters stop it before anything is opened', async () => {
    const { log } = await openLog()
    const config = {
      ...configOf({}),
      topicPrefix: prefix,
      detectors: ['passthrough'],
      parameters: ['transfer-volume.over=lots'],
    }
    const dependencies = { log, logger: silentLogger, metrics: createMetrics(), clock, random: () => 0 }
    const started = startDetector(config, dependencies, new AbortController().signal)
    await expect(started).rejects.toThrow(ParameterError)
    await expect(started).rejects.toThrow(/did you mean pass-through\?\ntransfer-volume\.over: expected an amount/)
  })
})

describe('detectorSettings', () => {
  test('error: wrong detectors and parameters are refused with the other settings, all at once', () => {
    const load = () =>
      configOf({ detectors: 'passthrough', param: 'transfer-volume.over=lots', 'alert-partitions': '0' })
    expect(load).toThrow(SettingsError)
    expect(load).toThrow(
      /did you mean pass-through\?\n.*transfer-volume\.over: expected an amount.*\n.*--alert-partitions says/,
    )
  })
})
