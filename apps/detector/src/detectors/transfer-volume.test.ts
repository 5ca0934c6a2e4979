import { describe, expect, test } from 'vitest'
import { detectorDriver, genesis, slotMs, timeOf } from '../../testing/detector-driver.ts'
import {
  address,
  dai,
  hashOf,
  tick,
  transaction,
  transfer,
  units,
  usdc,
  wbtc,
  type ScriptedEvent,
} from '../../testing/scripted-chain.ts'
import type { Tally } from '../detector.ts'

const [eve, ann, bob] = [address('eve'), address('ann'), address('bob')]
const minute = 60_000

const send = (name: string, ...events: readonly ScriptedEvent[]) => transaction({ name, from: eve, events })
const dollars = (name: string, display: string) => send(name, transfer(usdc, eve, ann, units(usdc, display)))

function driverWith(parameters: Record<string, unknown>, options?: Parameters<typeof detectorDriver>[2]) {
  const driver = detectorDriver(['transfer-volume'], { 'transfer-volume': parameters }, options)
  driver.price(tick(usdc, '1'), tick(dai, '1'), tick(wbtc, '33930'))
  driver.pricesUntil()
  return driver
}

const occurrences = (driver: ReturnType<typeof driverWith>) => driver.alerts().map(({ occurrence }) => occurrence)

describe('transferVolume, trailing', () => {
  test('default: at the transfer that lifts the sum above the limit, with all transfers as evidence', () => {
    const driver = driverWith({ window: 'trailing' })
    driver.block(1, dollars('first', '60000'))
    driver.block(2, dollars('second', '40000.000001'))
    const [alert, ...others] = driver.alerts()
    expect(others).toEqual([])
    expect(alert).toMatchObject({
      status: 'provisional',
      revision: 1,
      chainId: 1,
      detector: 'transfer-volume',
      severity: 'high',
      confidence: 80,
      key: eve,
      occurrence: hashOf('second'),
      eventTime: timeOf(2),
      title: expect.stringMatching(/^0x\w{4}…\w{4} sent 100,000\.000001 USD within 10 min$/),
      sentence:
        `${eve} sent 100,000.000001 USD in 2 EIP-20 transfers in the 10 min from 2023-11-14T22:00:24.000Z ` +
        'to 2023-11-14T22:10:24.000Z, more than the limit of 100,000.00 USD.',
      blocks: [{ number: 1 }, { number: 2 }],
    })
    expect(alert?.evidence.map(({ type }) => type)).toEqual([
      'log',
      'log',
      'token',
      'price',
      'state',
      'state',
      'threshold',
    ])
    expect(alert?.evidence.at(-1)).toEqual({
      type: 'threshold',
      parameter: 'over',
      limit: '100000',
      observed: '100000.000001',
    })
  })

  test('behavior: exactly the limit is silent, one base unit more is not', () => {
    const driver = driverWith({ window: 'trailing' })
    driver.block(1, dollars('exactly', '100000'))
    expect(driver.alerts()).toEqual([])
    driver.block(2, dollars('one unit', '0.000001'))
    expect(occurrences(driver)).toEqual([hashOf('one unit')])
  })

  test('behavior: 600.000 s apart are one window, 600.001 s are not', () => {
    for (const [apart, expected] of [
      [600_000, 1],
      [600_001, 0],
    ] as const) {
      const driver = driverWith({ window: 'trailing' })
      driver.block(1, dollars('first', '60000'))
      driver.blockAt(60, { timestamp: timeOf(1) + apart }, dollars('second', '60000'))
      expect(driver.alerts()).toHaveLength(expected)
    }
  })

  test('behavior: armed again once the sum falls back, silent while it stays above', () => {
    const driver = driverWith({ window: 'trailing' })
    driver.block(0, dollars('a', '90000'))
    driver.block(1, dollars('b', '20000'))
    driver.block(2, dollars('c', '20000'))
    driver.block(51, dollars('d', '70000')) // a has left the window: 40,000 and 70,000
    expect(occurrences(driver)).toEqual([hashOf('b'), hashOf('d')])
  })

  test('behavior: 6, 8 and 18 decimals in one sum, each cut for itself', () => {
    const driver = driverWith({ window: 'trailing' })
    const parts = [
      transfer(usdc, eve, ann, units(usdc, '33035')),
      transfer(wbtc, eve, ann, units(wbtc, '1')), // 33,930
      transfer(dai, eve, bob, units(dai, '33035') + 9_999_999_999n), // less than 1e-8 USD over
    ]
    driver.block(1, send('exactly', ...parts))
    expect(driver.alerts()).toEqual([])
    driver.block(2, send('and more', transfer(dai, eve, bob, 10_000_000_000n)))
    expect(driver.alerts()[0]?.evidence.at(-1)).toMatchObject({ observed: '100000.00000001' })
  })

  test('behavior: amounts beyond 2^53 are exact', () => {
    const over = '90071992547409930'
    const driver = driverWith({ window: 'trailing', over })
    driver.block(1, send('exactly', transfer(dai, eve, ann, units(dai, over))))
    expect(driver.alerts()).toEqual([])
    driver.block(2, send('one', transfer(dai, eve, ann, 10_000_000_000n)))
    expect(driver.alerts()[0]?.evidence.at(-1)).toMatchObject({ observed: `${over}.00000001` })
  })

  test('behavior: self-transfers, failed transactions, zero values and unpriced tokens do not count', () => {
    const unpriced: string[] = []
    const tally: Tally = { unpriced: (detector) => unpriced.push(detector), suppressed: () => {} }
    const driver = driverWith({ window: 'trailing' }, { tally })
    const fake = { ...usdc, address: address('fake usdc'), recognised: false }
    driver.block(
      1,
      dollars('below', '100000'),
      send('to oneself', transfer(usdc, eve, eve, units(usdc, '500000'))),
      transaction({
        name: 'failed',
        from: eve,
        status: 'failed',
        events: [transfer(usdc, eve, ann, units(usdc, '500000'))],
      }),
      send('zero', transfer(usdc, eve, ann, 0n)),
      send('forged', transfer(fake, eve, ann, units(usdc, '500000'))),
    )
    expect(driver.alerts()).toEqual([])
    expect(unpriced).toEqual(['transfer-volume'])
  })

  test('behavior: a labelled router is left out by default and counted; an empty list leaves out nobody', () => {
    const suppressed: string[] = []
    const tally: Tally = { unpriced: () => {}, suppressed: (_, label) => suppressed.push(label) }
    const script = {
      name: 'routed',
      from: eve,
      events: [transfer(usdc, eve, ann, units(usdc, '200000'))],
      labels: [[eve, 'dex-router']],
    } as const
    const byDefault = driverWith({ window: 'trailing' }, { tally })
    byDefault.block(1, transaction(script))
    expect([byDefault.alerts(), suppressed]).toEqual([[], ['dex-router']])
    const literal = driverWith({ window: 'trailing', exclude: [] })
    literal.block(1, transaction(script))
    expect(literal.alerts()).toHaveLength(1)
    const byAddress = driverWith({ window: 'trailing', exclude: [eve] })
    byAddress.block(1, transaction(script))
    expect(byAddress.alerts()).toEqual([])
  })

  test('behavior: more than 100 transfers are first and last 50 and a digest of the rest', () => {
    const driver = driverWith({ window: 'trailing', over: 120 })
    for (let block = 0; block < 11; block++)
      driver.block(
        block,
        send(`${block}`, ...Array.from({ length: 11 }, () => transfer(usdc, eve, ann, units(usdc, '1')))),
      )
    const [alert] = driver.alerts()
    const references = alert?.evidence.filter(({ type }) => type === 'log' || type === 'range') ?? []
    expect(references).toHaveLength(101)
    expect(references[50]).toMatchObject({ type: 'range', count: 21, usd8: 2_100_000_000n })
  })
})

describe('transferVolume, windows', () => {
  test('behavior: sliding, a burst is above the limit in ten windows, each one alert at its end', () => {
    const driver = driverWith({})
    driver.block(60, dollars('burst', '100000.01')) // 12:00 after genesis
    driver.block(61)
    expect(driver.alerts()).toEqual([])
    driver.end()
    const starts = Array.from({ length: 10 }, (_, index) => genesis + (index + 3) * minute)
    expect(driver.alerts().map(({ occurrence, eventTime }) => [Number(occurrence), eventTime])).toEqual(
      starts.map((start) => [start, start + 10 * minute - 1]),
    )
  })

  test('behavior: sliding by episode, the first of a burst is revised while its total grows', () => {
    const driver = driverWith({ report: 'episode' })
    driver.block(60, dollars('a', '100000.01'))
    driver.block(65, dollars('b', '50000')) // a minute later
    driver.end()
    const alerts = driver.alerts()
    expect(alerts.map(({ occurrence, revision, evidence }) => [occurrence, revision, evidence.at(-1)])).toEqual([
      [`${genesis + 3 * minute}`, 2, { type: 'threshold', parameter: 'over', limit: '100000', observed: '150000.01' }],
    ])
  })

  test('behavior: by episode, a wallet is told again only after its sum fell back to the limit', () => {
    for (const [gap, episodes] of [
      [10, 1], // the last window of one burst and the first of the next follow each other
      [11, 2], // one window between them is below
    ] as const) {
      const driver = driverWith({ report: 'episode' })
      driver.blockAt(1, { timestamp: genesis + 12 * minute }, dollars('a', '100001'))
      driver.blockAt(2, { timestamp: genesis + (12 + gap) * minute }, dollars('b', '100001'))
      driver.end()
      expect(driver.alerts().map(({ occurrence }) => Number(occurrence))).toEqual(
        [3, 3 + gap].slice(0, episodes).map((at) => genesis + at * minute),
      )
    }
  })

  test('behavior: by episode, a reverted block takes back what it added, and its own episode', () => {
    const driver = driverWith({ report: 'episode' })
    driver.blockAt(1, { timestamp: genesis + 12 * minute }, dollars('a', '100001'))
    driver.blockAt(2, { timestamp: genesis + 23 * minute })
    const before = driver.state()
    driver.blockAt(3, { timestamp: genesis + 23 * minute + 1 }, dollars('b', '100001'))
    driver.blockAt(4, { timestamp: genesis + 60 * minute })
    expect(driver.alerts().map(({ status }) => status)).toEqual(['provisional', 'provisional'])
    driver.revert(4, 3)
    expect(driver.alerts().map(({ status }) => status)).toEqual(['provisional', 'retracted'])
    expect(driver.state()).toEqual(before)
  })

  test('behavior: tumbling, an element on the edge belongs to the window that begins there', () => {
    const driver = driverWith({ window: 'tumbling' })
    driver.block(0, dollars('at the start', '60000'))
    driver.blockAt(49, { timestamp: genesis + 600_000 - 1 }, dollars('last ms', '40000.01'))
    driver.blockAt(50, { timestamp: genesis + 600_000 }, dollars('next window', '99999'))
    driver.end()
    expect(driver.alerts()).toMatchObject([
      { occurrence: `${genesis}`, eventTime: genesis + 599_999, key: eve, severity: 'high' },
    ])
    expect(driver.alerts()[0]?.evidence).toContainEqual({
      type: 'state',
      name: 'window-end',
      value: `${genesis + 600_000}`,
    })
  })

  test('behavior: exactly the limit in a window is silent, a base unit more is not', () => {
    for (const window of ['tumbling', 'sliding'])
      for (const [display, expected] of [
        ['100000', 0],
        ['100000.000001', window === 'tumbling' ? 1 : 10],
      ] as const) {
        const driver = driverWith({ window })
        driver.block(60, dollars('all', display))
        driver.end()
        expect(driver.alerts()).toHaveLength(expected)
      }
  })

  test('behavior: tumbling and sliding do not join transfers 600 s apart, trailing does', () => {
    const found = (['tumbling', 'sliding', 'trailing'] as const).map((window) => {
      const driver = driverWith({ window })
      driver.block(0, dollars('first', '60000'))
      driver.block(50, dollars('second', '60000'))
      driver.end()
      return driver.alerts().length
    })
    expect(found).toEqual([0, 0, 1])
  })

  test('behavior: under a bound of 30 s out of order, 30 s late still counts and 30.001 s is late', () => {
    for (const [late, expected] of [
      [29_999, 1],
      [30_000, 0],
    ] as const) {
      // After an element at t the watermark is t − 30,001: the window up to t − 30,000 has just closed.
      const end = genesis + 10 * minute
      const driver = driverWith(
        { window: 'tumbling' },
        { watermarks: { type: 'bounded-out-of-orderness', delay: 30_000 } },
      )
      driver.block(0, dollars('first', '60000'))
      driver.blockAt(50, { timestamp: end - 1 + late + 1 }, dollars('another window', '1'))
      driver.blockAt(51, { timestamp: end - 1 }, dollars('late', '60000'))
      driver.end()
      expect([driver.alerts().length, driver.stream.lateElements]).toEqual([expected, 1 - expected])
    }
  })
})

describe('transferVolume, reorgs', () => {
  const setup = () => {
    const driver = driverWith({ window: 'trailing' })
    driver.block(1, dollars('first', '60000'))
    driver.block(2, dollars('second', '60000'))
    return driver
  }
  const lifecycle = (driver: ReturnType<typeof setup>) =>
    driver.transitions().map(({ revision, status }) => [revision, status])

  test('behavior: a reverted block takes its alert back; included again it is the same, next revision', () => {
    const driver = setup()
    const [before] = driver.alerts()
    driver.revert(2)
    expect(driver.alerts()).toMatchObject([{ id: before?.id, status: 'retracted', revision: 2 }])
    driver.blockAt(2, { fork: 'b' }, dollars('another first', '1'), dollars('second', '60000'))
    driver.finalize(2)
    expect(lifecycle(driver)).toEqual([
      [1, 'provisional'],
      [2, 'retracted'],
      [3, 'provisional'],
      [4, 'confirmed'],
    ])
    expect(new Set(driver.transitions().map(({ id }) => id)).size).toBe(1)
  })

  test('behavior: a replaced block leaves the state of a chain that never had it', () => {
    const driver = setup()
    driver.revert(1, 2)
    driver.blockAt(1, { fork: 'b' }, dollars('small', '10'))
    driver.blockAt(2, { fork: 'b' }, dollars('second', '60000'))
    const canonical = driverWith({ window: 'trailing' })
    canonical.blockAt(1, { fork: 'b' }, dollars('small', '10'))
    canonical.blockAt(2, { fork: 'b' }, dollars('second', '60000'))
    expect(driver.state()).toEqual(canonical.state())
    expect(driver.alerts().map(({ status }) => status)).toEqual(['retracted'])
  })

  test('behavior: the time of a slot cut in two by a reorg fires the same windows', () => {
    const driver = driverWith({ window: 'tumbling' })
    driver.block(48, dollars('first', '60000'))
    driver.block(49, dollars('second', '60000')) // its watermark is one ms short of the window's end
    driver.block(50)
    expect(driver.alerts()).toMatchObject([{ status: 'provisional' }])
    driver.revert(49, 50)
    driver.blockAt(49, { fork: 'b', timestamp: timeOf(49) }, dollars('second', '60000'))
    driver.blockAt(50, { fork: 'b', timestamp: timeOf(49) + slotMs })
    driver.finalize(50)
    expect(driver.alerts()).toMatchObject([{ status: 'confirmed', revision: 4 }])
  })
})
