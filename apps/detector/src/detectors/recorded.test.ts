import { describe, expect, test } from 'vitest'
import { detectorDriver } from '../../testing/detector-driver.ts'
import { dexPriceRows, isRecordedDataMissing, recordedBlocks, recordedLabels } from '../../testing/recorded-range.ts'
import { dai, tick, usdc, usdt, wbtc, weth } from '../../testing/scripted-chain.ts'

const stablecoins = [tick(usdc, '1'), tick(usdt, '1'), tick(dai, '1')]

describe.skipIf(isRecordedDataMissing)('passThrough on 51 recorded mainnet blocks', () => {
  const run = (parameters: Record<string, unknown>, labels = recordedLabels()) => {
    const driver = detectorDriver(['pass-through'], { 'pass-through': parameters })
    driver.price(...stablecoins, tick(weth, '1770'), tick(wbtc, '33900'))
    driver.pricesUntil()
    for (const block of recordedBlocks(labels)) driver.recorded(block)
    driver.end()
    expect(driver.stream.deadLetters()).toEqual([])
    return driver.alerts()
  }

  test('default: 13 wallets with nothing left out, 8 alerts after labels, hubs and the cool-down', () => {
    const raw = run({ exclude: [], coolDown: 0 })
    expect([raw.length, new Set(raw.map(({ key }) => key)).size]).toEqual([19, 13])
    // Ten minutes of log prove nothing new, and there is no envelope: −30 and −20.
    expect(raw.every(({ confidence }) => confidence <= 35)).toBe(true)
    const left = run({})
    expect(left.length).toBe(8)
  })
})

describe.skipIf(isRecordedDataMissing)('priceDeviation on 51 recorded mainnet blocks', () => {
  const run = (parameters: Record<string, unknown>, delay = 0) => {
    const driver = detectorDriver(['price-deviation'], { 'price-deviation': { coolDown: 0, ...parameters } })
    const ether = dexPriceRows()
      .filter(({ pair }) => pair === 'WETH/USDC' || pair === 'WETH/USDT')
      .map(({ time, price, venue }) => tick(weth, price, { time: time + delay, source: venue }))
    driver.price(...stablecoins, ...ether)
    driver.pricesUntil()
    for (const block of recordedBlocks()) driver.recorded(block)
    driver.end()
    expect(driver.stream.deadLetters()).toEqual([])
    return driver.alerts()
  }

  test.each(['window', 'as-of'])('default: %s, none against the prices of the same pools', (join) => {
    expect(run({ join })).toEqual([])
  })

  test('behavior: the same trades do fire where a twentieth of a percent is far', () => {
    // So say plain loops over the recorded logs, too.
    expect(run({ over: '0.05' }).length).toBe(47)
  })

  test('behavior: a feed delayed by ten minutes raises nothing from old ticks', () => {
    expect(run({}, 600_000)).toEqual([])
    expect(run({ join: 'as-of' }, 600_000)).toEqual([])
  })
})
