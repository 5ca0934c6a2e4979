import type { Alert } from '@tocsin/chain-model'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { detectorDriver } from '../testing/detector-driver.ts'
import { isRecordedDataMissing, recordedBlocks } from '../testing/recorded-range.ts'
import { address, dai, tick, transaction, transfer, units, usdc, usdt, wbtc, weth } from '../testing/scripted-chain.ts'
import { evidenceHash } from './alert.ts'
import type { Recording } from './detector.ts'
import { priceOf } from './features/price.ts'
import { recordedTransactions } from './recorded-transactions.ts'
import { verifyAlert } from './verify-alert.ts'

const constants = [tick(usdc, '1'), tick(usdt, '1'), tick(dai, '1'), tick(weth, '1773'), tick(wbtc, '33930')]

/** Every alert with one digit of one entry of its evidence changed, in each (or every so many a) place. */
function* withOneDigitChanged(alert: Alert, every = 1): Generator<{ readonly forged: Alert; readonly where: string }> {
  let place = 0
  for (const [index, entry] of alert.evidence.entries())
    for (const [field, value] of Object.entries(entry)) {
      const text = typeof value === 'bigint' || typeof value === 'number' ? String(value) : value
      if (typeof text !== 'string') continue
      for (const { index: at } of text.matchAll(/\d/g)) {
        if (place++ % every !== 0) continue
        const changed = `${text.slice(0, at)}${(Number(text[at]) + 1) % 10}${text.slice(at + 1)}`
        const back = typeof value === 'bigint' ? BigInt(changed) : typeof value === 'number' ? Number(changed) : changed
        const evidence = alert.evidence.with(index, { ...entry, [field]: back })
        yield { forged: { ...alert, evidence }, where: `${entry.type}.${field} at ${at}` }
      }
    }
}

/** Alerts of all four detectors on a scripted chain, with the recording that proves them. */
function scripted() {
  const [eve, mule, fresh] = [address('eve'), address('mule'), address('fresh')]
  const driver = detectorDriver([], {
    'transfer-volume': { window: 'trailing' },
    'price-deviation': { join: 'as-of' },
  })
  driver.price(...constants)
  driver.pricesUntil()
  const moved = (name: string, from: typeof eve, to: typeof eve, display: string) =>
    transaction({ name, from, events: [transfer(usdc, from, to, units(usdc, display))] })
  const swapped = transaction({
    name: 'swap',
    from: eve,
    events: [
      {
        event: {
          type: 'uniswap-v3-swap',
          address: address('pool'),
          token0: usdc.address,
          token1: weth.address,
          sender: eve,
          recipient: eve,
          amount0: -units(usdc, '16000'),
          amount1: units(weth, '10'),
          sqrtPriceX96: 1n,
          liquidity: 1n,
          tick: 0,
        },
        tokens: [usdc, weth],
      },
    ],
  })
  const transactions = [
    driver.block(1, moved('in', eve, mule, '150000'), swapped),
    driver.block(2, moved('out', mule, fresh, '149000')),
    driver.block(
      3,
      transaction({
        name: 'many',
        from: fresh,
        events: Array.from({ length: 140 }, () => transfer(dai, fresh, eve, units(dai, '1000'))),
      }),
    ),
  ].flat()
  driver.end()
  return { alerts: driver.alerts(), recording: recordedTransactions(transactions), transactions }
}

describe('verifyAlert', () => {
  const { alerts, recording, transactions } = scripted()
  const alertOf = (detector: string, key = '') => {
    const found = alerts.find((alert) => alert.detector === detector && alert.key.startsWith(key))
    if (found === undefined) throw new Error(`The script makes no alert of ${detector}.`)
    return found
  }
  const rehashed = (alert: Alert): Alert => ({ ...alert, evidenceHash: evidenceHash(alert) })

  test('default: an alert of every detector holds, from its evidence and the recording alone', () => {
    expect(new Set(alerts.map(({ detector }) => detector)).size).toBe(4)
    for (const alert of alerts) expect(verifyAlert(alert, recording)).toEqual({ holds: true, reasons: [] })
  })

  test('property: one digit changed anywhere in its evidence is found', () => {
    let changes = 0
    for (const alert of alerts)
      for (const { forged, where } of withOneDigitChanged(alert, alert.evidence.length > 100 ? 97 : 1)) {
        changes++
        expect(verifyAlert(forged, recording).holds, `${alert.detector} ${where}`).toBe(false)
      }
    expect(changes).toBeGreaterThan(1_000)
  }, 300_000)

  test('property: what the recording can prove is found even with the evidence hash made anew', () => {
    const provable = new Set(['log', 'swap', 'transaction', 'frame', 'token', 'threshold', 'range'])
    const changes = alerts.flatMap((alert) => [...withOneDigitChanged(alert, alert.evidence.length > 100 ? 97 : 1)])
    fc.assert(
      fc.property(
        fc.constantFrom(...changes.filter(({ where }) => provable.has(where.split('.')[0] ?? ''))),
        ({ forged, where }) => {
          expect(verifyAlert(rehashed(forged), recording).holds, where).toBe(false)
        },
      ),
      { numRuns: 500 },
    )
  }, 120_000)

  test('error: says in plain words what is wrong', () => {
    const alert = alertOf('pass-through')
    const reasonsOf = (forged: Partial<Alert>, against: Recording = recording) =>
      verifyAlert({ ...alert, ...forged }, against).reasons
    expect(reasonsOf({ severity: 'low' })).toEqual(['alert: severity is "low", not "high".'])
    expect(reasonsOf({ key: address('someone') })).toContainEqual(expect.stringContaining('did not act'))
    expect(reasonsOf({ sentence: 'Nothing happened.' })[0]).toMatch(/^alert: sentence is "Nothing happened."/)
    expect(reasonsOf({ version: '2.0.0' })).toEqual(['It was made by version 2.0.0; this is 1.0.0.'])
    expect(reasonsOf({ detector: 'none' })).toEqual([
      'There is no detector none to derive it with, and its parameters are no rule’s.',
    ])
    expect(reasonsOf({}, recordedTransactions([]))[0]).toMatch(/there is no such transaction of chain 1/)
    const evidence = alert.evidence.map((entry) =>
      entry.type === 'log' && entry.from === alert.key ? { ...entry, amount: 150_000_000_000n } : entry,
    )
    expect(reasonsOf({ evidence })).toEqual([
      'Parameters or evidence were changed: they do not have the evidence hash that the alert states.',
      expect.stringMatching(/^log 0x\w{64} log 0: amount is "150000000000", not "149000000000"\.$/),
      expect.stringMatching(/^evidence 1: amount is /),
    ])
    const cheaper = { ...alert.parameters, over: '500000' }
    expect(verifyAlert(rehashed({ ...alert, parameters: cheaper }), recording).reasons).toContainEqual(
      'The rule does not fire: What went out is not more than the limit.',
    )
  })

  test('error: a recipient that an earlier transaction names was not new', () => {
    const earlier = {
      ...(transactions[0] ?? raise()),
      hash: address('x').padEnd(66, '0') as never,
      to: address('fresh'),
    }
    const first = { ...earlier, block: { ...earlier.block, number: 0, timestamp: 0 } }
    const reasons = verifyAlert(alertOf('pass-through'), recordedTransactions([first, ...transactions])).reasons
    expect(reasons).toContainEqual(expect.stringMatching(/^The recipient .* is named before, in /))
  })

  test('error: a transfer listed twice instead of another is found, whatever the hash says', () => {
    const alert = alertOf('transfer-volume', address('fresh'))
    const evidence = alert.evidence.map((entry, index) => (index === 7 ? (alert.evidence[6] ?? entry) : entry))
    expect(verifyAlert(rehashed({ ...alert, evidence }), recording).reasons).toContainEqual(
      'The references are not in the order of the chain, each once.',
    )
  })

  test('error: where the prices are at hand, an invented one is found', () => {
    const priced = (price8: bigint) =>
      recordedTransactions(
        transactions,
        constants.map((constant) => ({
          ...priceOf(constant),
          price8: constant.asset === usdc.address ? price8 : constant.price8,
        })),
      )
    expect(verifyAlert(alertOf('pass-through'), priced(100_000_000n)).holds).toBe(true)
    expect(verifyAlert(alertOf('pass-through'), priced(99_000_000n)).reasons).toContainEqual(
      expect.stringMatching(/is not among the prices\.$/),
    )
  })

  test('behavior: of more than 100 references the rest is read again, and a digest that differs is found', () => {
    const alert = alertOf('transfer-volume', address('fresh'))
    expect(alert.evidence.filter(({ type }) => type === 'range')).toMatchObject([{ type: 'range', count: 1 }])
    const short = transactions.map((one) =>
      one.events.length === 140 ? { ...one, events: one.events.toSpliced(50, 1) } : one,
    )
    expect(verifyAlert(alert, recordedTransactions(short)).reasons).toContainEqual(
      expect.stringMatching(/^The range stands for 1 references/),
    )
  })
})

const raise = (): never => {
  throw new Error('The script has no transactions.')
}

describe.skipIf(isRecordedDataMissing)('verifyAlert on 51 recorded mainnet blocks', () => {
  let alerts: readonly Alert[] = []
  let recording: Recording = recordedTransactions([])
  beforeAll(() => {
    const blocks = recordedBlocks()
    const parameters = { exclude: [], coolDown: 0 }
    const driver = detectorDriver([], {
      'transfer-volume': parameters,
      'pass-through': parameters,
      'running-total': parameters,
    })
    driver.price(...constants)
    driver.pricesUntil()
    for (const block of blocks) driver.recorded(block)
    driver.end()
    alerts = driver.alerts()
    recording = recordedTransactions(
      blocks.flat(),
      constants.map((constant) => priceOf(constant)),
    )
  })

  test('default: every real alert holds', () => {
    const counts = Object.fromEntries(
      [...Map.groupBy(alerts, ({ detector }) => detector)].map(([detector, found]) => [detector, found.length]),
    )
    expect(counts).toMatchInlineSnapshot(`
      {
        "pass-through": 19,
        "running-total": 743,
        "transfer-volume": 857,
      }
    `)
    const failing = alerts.flatMap((alert) => {
      const { holds, reasons } = verifyAlert(alert, recording)
      return holds ? [] : [{ id: alert.id, detector: alert.detector, reasons }]
    })
    expect(failing).toEqual([])
  }, 300_000)

  test('property: one digit changed in a real alert is found', () => {
    const some = alerts.filter((_, index) => index % Math.ceil(alerts.length / 12) === 0)
    const unnoticed = some.flatMap((alert) =>
      [...withOneDigitChanged(alert, Math.max(1, alert.evidence.length))]
        .filter(({ forged }) => verifyAlert(forged, recording).holds)
        .map(({ where }) => `${alert.detector} ${alert.id} ${where}`),
    )
    expect(some.length).toBeGreaterThan(10)
    expect(unnoticed).toEqual([])
  }, 300_000)
})
