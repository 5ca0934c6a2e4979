import { describe, expect, test } from 'vitest'
import { detectorDriver, genesis, slotMs, timeOf } from '../../testing/detector-driver.ts'
import { address, hashOf, swap, tick, transaction, units, usdc, wbtc, weth } from '../../testing/scripted-chain.ts'

const [pool, trader] = [address('pool'), address('trader')]
type Script = readonly [sold: string, bought: string]

/** Sells `ether` WETH for `dollars` USDC. */
const sale = (name: string, [ether, dollars]: Script) =>
  transaction({
    name,
    from: trader,
    events: [swap(pool, [weth, units(weth, ether)], [usdc, units(usdc, dollars)])],
  })

interface Case {
  readonly ticks: readonly ReturnType<typeof tick>[]
  readonly trade?: Script
  readonly at?: number
  readonly parameters?: Record<string, unknown>
}

/** One sale at `at`, by default at genesis, against the ticks. */
function alertsOf({ ticks, trade = ['10', '18000'], at = genesis, parameters = {} }: Case) {
  const driver = detectorDriver(['price-deviation'], { 'price-deviation': parameters })
  driver.price(tick(usdc, '1'), ...ticks.toSorted((a, b) => a.time - b.time))
  driver.pricesUntil()
  driver.blockAt(0, { timestamp: at }, sale('sale', trade))
  driver.end()
  expect(driver.stream.deadLetters()).toEqual([])
  return driver.alerts()
}
const feed = (price: string, time = genesis, source = 'feed') => tick(weth, price, { time, source })

describe('priceDeviation', () => {
  test('default: a sale 10 % below its feed, with tick and both tokens as evidence', () => {
    expect(alertsOf({ ticks: [feed('2000')] })).toMatchObject([
      {
        severity: 'medium', // exactly 10 % is not more than 10 %
        confidence: 60,
        key: `${weth.address}/${usdc.address}`,
        occurrence: `${hashOf('sale')}/0`,
        eventTime: genesis + 9_999,
        title: 'WETH traded 10.00 % below its feed',
        sentence:
          `In ${pool} WETH changed hands for USDC at 1,800.00 USD, 10.00 % below the 2,000.00 USD of feed; more than ` +
          '5.00 % is far, and the trade was worth 18,000.00 USD.',
        evidence: [
          { type: 'swap', tokenIn: weth.address, tokenOut: usdc.address },
          { type: 'token', address: usdc.address },
          { type: 'token', address: weth.address },
          { type: 'price', asset: usdc.address },
          { type: 'price', asset: weth.address, price8: 200_000_000_000n },
          { type: 'threshold', parameter: 'over', limit: '5', observed: '10' },
          { type: 'threshold', parameter: 'notional', limit: '1000', observed: '18000' },
        ],
      },
    ])
  })

  test('behavior: 4.99 and 5.00 % are silent, 5.01 % is not, on both sides, and one base unit decides', () => {
    const run = (dollars: string) => alertsOf({ ticks: [feed('2000')], trade: ['10', dollars] }).length
    expect(['19002', '19000', '18998', '18999.999999'].map(run)).toEqual([0, 0, 1, 1])
    expect(['20998', '21000', '21002', '21000.000001'].map(run)).toEqual([0, 0, 1, 1])
  })

  test('behavior: severity by how far, one lower for up to 10,000 USD', () => {
    const run = (ether: string, dollars: string) =>
      alertsOf({ ticks: [feed('2000')], trade: [ether, dollars] }).map(({ severity }) => severity)
    expect(run('10', '17999.999999')).toEqual(['high'])
    expect(run('10', '15000')).toEqual(['high'])
    expect(run('10', '14999.999999')).toEqual(['critical'])
    expect(run('5.5', '10000')).toEqual(['low'])
    expect(run('5.5', '10000.000001')).toEqual(['medium'])
  })

  test('behavior: 1,000 USD do not count, a base unit more does', () => {
    const run = (dollars: string) => alertsOf({ ticks: [feed('2000')], trade: ['1', dollars] }).length
    expect([run('1000'), run('1000.000001')]).toEqual([0, 1])
  })

  test('behavior: window, a tick at 9.999 s joins a trade in [0, 10 s), one at 10.000 s does not', () => {
    expect(alertsOf({ ticks: [feed('2000', genesis + 9_999)] })).toHaveLength(1)
    expect(alertsOf({ ticks: [feed('2000', genesis + 10_000)] })).toEqual([])
    expect(alertsOf({ ticks: [feed('2000', genesis - 1)] })).toEqual([])
  })

  test('behavior: window, a feed that runs minutes ahead of the watermark loses no tick of a trade that waits', () => {
    const driver = detectorDriver(['price-deviation'])
    driver.price(tick(usdc, '1'), feed('2000', genesis))
    for (let minute = 0; minute < 10; minute++) driver.price(feed('2000', genesis + 1_000 + minute * 60_000))
    driver.block(0, sale('sale', ['10', '18000']))
    driver.blockAt(1, { timestamp: genesis + 3_600_000 })
    driver.pricesUntil()
    driver.end()
    expect(driver.alerts()).toHaveLength(1)
  })

  test('behavior: window, the newest at or before the trade, else the first after', () => {
    const at = genesis + 4_000
    const run = (ticks: Case['ticks']) => alertsOf({ at, ticks }).map(({ evidence }) => evidence)
    const early = feed('2000', genesis + 1_000)
    const later = feed('1800', genesis + 5_000)
    expect(run([early, feed('1800', genesis + 4_000)])).toEqual([])
    expect(run([early, later])).toHaveLength(1)
    expect(run([later])).toEqual([])
    expect(run([feed('2000', genesis + 5_000), feed('1800', genesis + 6_000)])).toHaveLength(1)
  })

  test('behavior: as-of, a tick 10 s old joins, 10.001 s does not, nor one from after', () => {
    const run = (time: number) => alertsOf({ ticks: [feed('2000', time)], parameters: { join: 'as-of' } })
    expect(run(genesis - 10_000)).toMatchObject([{ eventTime: genesis }])
    expect(run(genesis - 10_001)).toEqual([])
    expect(run(genesis + 1)).toEqual([])
  })

  test('behavior: a constant price holds throughout, and WETH takes the native coin’s where it has none', () => {
    const constants = [tick(weth, '2000'), tick('native', '2000')].flatMap((constant) =>
      ['window', 'as-of'].flatMap((join) => alertsOf({ ticks: [constant], parameters: { join } })),
    )
    expect(constants.map(({ key }) => key)).toEqual(Array(4).fill(`${weth.address}/${usdc.address}`))
    expect(alertsOf({ ticks: [tick('native', '2000'), tick(weth, '1800')] })).toEqual([])
    expect(alertsOf({ ticks: [tick('native', '2000', { time: genesis })] })).toHaveLength(1)
  })

  test('behavior: a second source that agrees raises confidence, a feed that jumped lowers it', () => {
    const confidence = (ticks: Case['ticks']) =>
      alertsOf({ at: genesis + 5_000, ticks }).map((alert) => alert.confidence)
    const main = feed('2000', genesis + 5_000)
    expect(confidence([main, feed('2001', genesis + 4_000, 'other')])).toEqual([80])
    expect(confidence([main, feed('1801', genesis + 4_000, 'other')])).toEqual([60])
    expect(confidence([main, feed('1960.78431372', genesis - 54_999)])).toEqual([30]) // a hair more than 2 %
    expect(confidence([main, feed('1960.78431373', genesis - 54_999)])).toEqual([60])
    expect(confidence([main, feed('1900', genesis - 55_000)])).toEqual([30])
    expect(confidence([main, feed('1900', genesis - 55_001)])).toEqual([60])
  })

  test('behavior: stale ticks and trades without prices are silent; an answer of 0 is no price', () => {
    expect(alertsOf({ ticks: [feed('2000', genesis - 600_000)] })).toEqual([])
    expect(alertsOf({ ticks: [feed('2000', genesis - 600_000)], parameters: { join: 'as-of' } })).toEqual([])
    const driver = detectorDriver(['price-deviation'])
    driver.price(tick(usdc, '1'), { ...feed('2000'), price8: 0n })
    driver.pricesUntil()
    driver.block(0, sale('sale', ['10', '18000']))
    driver.end()
    expect(driver.alerts()).toEqual([])
    expect(driver.stream.deadLetters()).toMatchObject([{ operator: 'prices', code: 'MODEL_MALFORMED_RECORD' }])
  })

  test('behavior: two volatile sides, the one that is not the native coin is held against its feed', () => {
    const driver = detectorDriver(['price-deviation'])
    driver.price(tick(weth, '2000'), tick(wbtc, '30000'))
    driver.pricesUntil()
    const buy = swap(pool, [weth, units(weth, '20')], [wbtc, units(wbtc, '1')]) // 40,000 USD for one
    driver.block(0, transaction({ name: 'buy', from: trader, events: [buy] }))
    driver.end()
    expect(driver.alerts()).toMatchObject([
      { key: `${wbtc.address}/${weth.address}`, severity: 'critical', title: 'WBTC traded 33.33 % above its feed' },
    ])
  })

  test('behavior: a reverted trade is taken back, found again when it comes again', () => {
    const driver = detectorDriver(['price-deviation'], { 'price-deviation': { join: 'as-of' } })
    driver.price(tick(usdc, '1'), tick(weth, '2000'))
    driver.pricesUntil()
    driver.block(1, sale('sale', ['10', '18000']))
    driver.revert(1)
    driver.blockAt(1, { fork: 'b' })
    driver.blockAt(2, { timestamp: timeOf(1) + slotMs }, sale('sale', ['10', '18000']))
    driver.finalize(2)
    expect(driver.transitions().map(({ status, revision }) => [status, revision])).toEqual([
      ['provisional', 1],
      ['retracted', 2],
      ['provisional', 3],
      ['confirmed', 4],
    ])
  })
})
