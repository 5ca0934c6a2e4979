import type { Alert, PriceTick } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { detectorDriver, timeOf } from '../testing/detector-driver.ts'
import { address, swap, tick, transaction, transfer, units, usdc, weth } from '../testing/scripted-chain.ts'
import type { Price } from './features/price.ts'
import { withPrice } from './pricing.ts'
import { recordedTransactions } from './recorded-transactions.ts'
import { verifyAlert } from './verify-alert.ts'

const [eve, ann, pool] = [address('eve'), address('ann'), address('pool')]
/** Each transfer of 1 WETH speaks, with what it was worth as `observed`. */
const each = { 'running-total': { over: '1', coolDown: 0 } }
const oneEther = (name: string) =>
  transaction({ name, from: eve, events: [transfer(weth, eve, ann, units(weth, '1'))] })
const told = (display: string, block: number, source = `uniswap-v2 ${pool} in constant ${usdc.address}`): PriceTick =>
  tick(weth, display, { time: timeOf(block), source, maxAge: 600_000 })

const valued = (alert: Alert | undefined) =>
  alert?.evidence.flatMap((entry) => (entry.type === 'log' ? [entry.usd8] : []))
const worths = (alerts: readonly Alert[]) => alerts.map(valued)
const usd8 = (display: string) => units({ decimals: 8 }, display)

function driverOf() {
  const driver = detectorDriver(['running-total'], each)
  driver.pricesUntil()
  return driver
}

describe('priceTransactions', () => {
  test('default: a price that a block tells holds from the next block on, and not for the block itself', () => {
    const driver = driverOf()
    driver.blockAt(1, { prices: [told('2000', 1)] }, oneEther('a'))
    driver.blockAt(2, { prices: [told('3000', 2)] }, oneEther('b'))
    driver.block(3, oneEther('c'))
    expect(worths(driver.alerts())).toEqual([[usd8('2000')], [usd8('3000')]])
  })

  test('behavior: a reverted block takes its price with it, though the new one comes a slot later', () => {
    const driver = driverOf()
    driver.blockAt(1, { prices: [told('2000', 1)] })
    driver.blockAt(2, { prices: [told('9000', 2)] })
    driver.blockAt(3, { prices: [told('9001', 3)] }, oneEther('reverted'))
    driver.revert(3, 2)
    driver.blockAt(2, { fork: 'b', timestamp: timeOf(2) + 6_000 }, oneEther('kept'))
    const standing = driver.alerts().filter(({ status }) => status !== 'retracted')
    expect(worths(standing)).toEqual([[usd8('2000')]])
    expect(JSON.stringify(standing[0]?.evidence, (_, part: unknown) => String(part))).not.toContain('900')
  })

  test('property: after any storm of reorgs alerts and state are those of the chain that is left', () => {
    const block = fc.record({ price: fc.option(fc.integer({ min: 1, max: 9 })), later: fc.nat({ max: 30_000 }) })
    const branch = fc.record({ depth: fc.nat({ max: 3 }), blocks: fc.array(block, { minLength: 1, maxLength: 4 }) })
    fc.assert(
      fc.property(fc.array(branch, { minLength: 1, maxLength: 5 }), (branches) => {
        interface Told {
          readonly number: number
          readonly timestamp: number
          readonly fork: string
          readonly price: number | null
        }
        const include = (driver: ReturnType<typeof driverOf>, { number, timestamp, fork, price }: Told) => {
          const prices = price === null ? [] : [tick(weth, `${price}`, { time: timestamp, maxAge: 20_000 })]
          driver.blockAt(number, { timestamp, fork, prices }, oneEther(`${number} ${fork}`))
        }
        const stormy = driverOf()
        let chain: readonly Told[] = []
        for (const [at, { depth, blocks }] of branches.entries()) {
          const lost = chain.slice(Math.max(0, chain.length - depth))
          stormy.revert(...lost.map(({ number }) => number))
          chain = chain.slice(0, chain.length - lost.length)
          for (const { price, later } of blocks) {
            const number = chain.length + 1
            const timestamp = Math.max(timeOf(number), (chain.at(-1)?.timestamp ?? 0) + 1) + later
            const next = { number, timestamp, fork: `${at}`, price }
            include(stormy, next)
            chain = [...chain, next]
          }
        }
        const calm = driverOf()
        for (const one of chain) include(calm, one)
        const standing = stormy.alerts().filter(({ status }) => status !== 'retracted')
        const anew = ({ revision: _, ...alert }: Alert) => alert
        expect(standing.map(anew)).toEqual(calm.alerts().map(anew))
        expect(stormy.state()).toEqual(calm.state())
      }),
      { numRuns: 30 },
    )
  })

  test('behavior: nothing is valued with an outlier, and evidence names the one passed over', () => {
    const driver = detectorDriver(['running-total'], each)
    const outlier: PriceTick = { ...tick(weth, '9000', { time: timeOf(1) - 500 }), outlier: true }
    driver.price(tick(weth, '2000', { time: timeOf(1) - 1_000 }), outlier)
    driver.pricesUntil()
    const transactions = driver.block(1, oneEther('a'))
    const [alert] = driver.alerts()
    expect(valued(alert)).toEqual([usd8('2000')])
    const prices = alert?.evidence.filter(({ type }) => type === 'price')
    expect(prices).toMatchObject([{ price8: usd8('2000') }, { price8: usd8('9000'), outlier: true }])
    expect(prices?.[0]).not.toHaveProperty('outlier')
    if (alert === undefined) throw new Error('There is no alert.')
    const recording = recordedTransactions(transactions)
    expect(verifyAlert(alert, recording)).toEqual({ holds: true, reasons: [] })
    const unmarked = alert.evidence.map((entry) => (entry.type === 'price' ? { ...entry, outlier: undefined } : entry))
    expect(verifyAlert({ ...alert, evidence: unmarked }, recording).holds).toBe(false)
  })

  test('behavior: with no price but an outlier there is none', () => {
    const driver = detectorDriver(['running-total'], each)
    driver.price({ ...tick(weth, '9000', { time: timeOf(1) - 500 }), outlier: true })
    driver.pricesUntil()
    driver.block(1, oneEther('a'))
    expect(driver.alerts()).toEqual([])
  })
})

describe('withPrice', () => {
  const price = (time: number, source: string, more: Partial<Price> = {}): Price => ({
    ...{ asset: 'native', price8: 1n, source, time, maxAge: 60_000 },
    ...more,
  })

  test('default: a minute, the newest before that of each source, and the newest constant; an outlier is none of them', () => {
    const [constant, hourly, old] = [price(0, 'c', { maxAge: null }), price(10, 'h'), price(20, 'x')]
    const [newer, outlier, now] = [price(30, 'x'), price(40, 'x', { outlier: true }), price(90_000, 'x')]
    const kept = [constant, hourly, old, newer, outlier, now].reduce(withPrice, [] as readonly Price[])
    expect(kept).toEqual([constant, hourly, newer, now])
  })
})

describe('priceDeviation', () => {
  const sale = transaction({
    name: 'sale',
    from: eve,
    events: [swap(pool, [weth, units(weth, '10')], [usdc, units(usdc, '18000')])],
  })
  const deviations = (prices: readonly PriceTick[], after: readonly PriceTick[] = []) => {
    const driver = detectorDriver(['price-deviation'], {})
    driver.price(tick(usdc, '1'), ...prices)
    driver.pricesUntil()
    driver.blockAt(1, { prices: after }, sale)
    driver.end()
    return driver.alerts()
  }

  test('behavior: no trade is held against an outlier, and the alert says that one was passed over', () => {
    const feed = tick(weth, '2000', { time: timeOf(1) - 1 })
    const outlier: PriceTick = { ...tick(weth, '1800', { time: timeOf(1) }), outlier: true }
    expect(deviations([outlier])).toEqual([])
    const [alert] = deviations([
      { ...feed, time: timeOf(1) },
      { ...outlier, time: timeOf(1), source: 'u' },
    ])
    expect(alert).toMatchObject({
      confidence: 30,
      sentence: expect.stringMatching(/ A tick that is marked as an outlier was passed over\.$/) as string,
    })
    expect(alert?.evidence.filter((entry) => entry.type === 'price' && entry.outlier === true)).toHaveLength(1)
  })

  test('behavior: a pool is no witness of its own trades', () => {
    expect(deviations([], [told('2000', 1)])).toEqual([])
    expect(deviations([], [told('2000', 1, `uniswap-v2 ${address('another pool')}`)])).toHaveLength(1)
  })
})
