import { days, minutes } from '@tocsin/stream-core'
import { describe, expect, test } from 'vitest'
import { detectorDriver, timeOf } from '../../testing/detector-driver.ts'
import { address, dai, hashOf, tick, transaction, transfer, units, usdc } from '../../testing/scripted-chain.ts'

const [eve, ann] = [address('eve'), address('ann')]
const dollars = (name: string, display: string) =>
  transaction({ name, from: eve, events: [transfer(usdc, eve, ann, units(usdc, display))] })

function driverWith(parameters: Record<string, unknown>) {
  const driver = detectorDriver(['running-total'], { 'running-total': parameters })
  driver.price(tick(usdc, '1'), tick(dai, '1'), tick('native', '2000'))
  driver.pricesUntil()
  return driver
}
const occurrences = (driver: ReturnType<typeof driverWith>) => driver.alerts().map(({ occurrence }) => occurrence)
const totals = (driver: ReturnType<typeof driverWith>) =>
  driver.alerts().map(({ evidence }) => evidence.flatMap((entry) => (entry.type === 'threshold' ? entry.observed : [])))

describe('runningTotal', () => {
  test('default: at the transfer that exceeds the limit, with the total before it and after', () => {
    const driver = driverWith({})
    driver.block(1, dollars('below', '99999.999999'))
    driver.block(2, dollars('equal', '0.000001'))
    expect(driver.alerts()).toEqual([])
    driver.block(3, dollars('above', '0.000001'))
    expect(driver.alerts()).toMatchObject([
      { severity: 'low', confidence: 90, key: eve, occurrence: `${hashOf('above')}/0`, eventTime: timeOf(3) },
    ])
    expect(driver.alerts()[0]?.evidence).toContainEqual({ type: 'state', name: 'total-before', value: '100000' })
    expect(totals(driver)).toEqual([['100000.000001']])
  })

  test('behavior: every further transfer alerts when nothing is muted', () => {
    const driver = driverWith({ coolDown: 0 })
    for (const block of [1, 2, 3]) driver.block(block, dollars(`${block}`, '60000'))
    expect(totals(driver)).toEqual([['120000'], ['180000']])
  })

  test('behavior: the cool-down mutes for 10 min inclusive, and the next alert counts what it muted', () => {
    const driver = driverWith({})
    driver.block(1, dollars('first', '100001'))
    driver.block(2, dollars('muted', '1'))
    driver.blockAt(51, { timestamp: timeOf(1) + minutes(10) }, dollars('muted too', '1'))
    driver.blockAt(52, { timestamp: timeOf(1) + minutes(10) + 1 }, dollars('speaks', '1'))
    driver.block(60, dollars('muted again', '1'))
    expect(occurrences(driver)).toEqual([`${hashOf('first')}/0`, `${hashOf('speaks')}/0`])
    const [, second] = driver.alerts()
    expect(second?.evidence).toContainEqual({ type: 'state', name: 'muted', value: '2' })
    expect(second?.sentence).toMatch(/ Muted before it: 2\.$/)
  })

  test('behavior: by crossing, once per multiple of the limit, however many one transfer crosses', () => {
    const driver = driverWith({ report: 'crossing', coolDown: 0 })
    for (const [block, display] of ['100000', '0.01', '99999.99', '0.01', '250000'].entries())
      driver.block(block, dollars(`${block}`, display))
    expect(totals(driver)).toEqual([['100000.01'], ['200000.01'], ['450000.01']])
  })

  test('behavior: a wallet idle for 30 days goes on, one ms longer and it starts at 0', () => {
    for (const [idle, expected] of [
      [days(30), 1],
      [days(30) + 1, 0],
    ] as const) {
      const driver = driverWith({})
      driver.block(1, dollars('first', '60000'))
      driver.blockAt(2, { timestamp: timeOf(1) + idle }, dollars('second', '60000'))
      expect(driver.alerts()).toHaveLength(expected)
    }
    const never = driverWith({ idle: 'never' })
    never.block(1, dollars('first', '60000'))
    never.blockAt(2, { timestamp: timeOf(1) + days(400) }, dollars('second', '60000'))
    expect(never.alerts()).toHaveLength(1)
  })

  test('behavior: an idle wallet’s state is gone', () => {
    const driver = driverWith({ idle: '1 h' })
    driver.block(1, dollars('first', '1'))
    driver.block(2, dollars('second', '1'))
    driver.block(400)
    expect(Object.keys(driver.state()).filter((name) => name.startsWith('running-total'))).toEqual([])
  })

  test('behavior: native value counts, totals beyond 2^53 are exact', () => {
    const driver = driverWith({ over: '9007199254740993', coolDown: 0 })
    driver.block(1, transaction({ name: 'native', from: eve, to: ann, value: 10n ** 18n }))
    driver.block(
      2,
      transaction({
        name: 'dai',
        from: eve,
        events: [transfer(dai, eve, ann, units(dai, '9007199254738993'))],
      }),
    )
    expect(driver.alerts()).toEqual([])
    driver.block(3, transaction({ name: 'one', from: eve, events: [transfer(dai, eve, ann, 10_000_000_000n)] }))
    expect(totals(driver)).toEqual([['9007199254740993.00000001']])
  })

  test('behavior: a revert takes the amount out of the total', () => {
    const driver = driverWith({})
    driver.block(1, dollars('first', '60000'))
    driver.block(2, dollars('reverted', '60000'))
    driver.revert(2)
    driver.blockAt(2, { fork: 'b' }, dollars('small', '40000'))
    expect(driver.alerts()).toMatchObject([{ status: 'retracted' }])
    driver.block(3, dollars('more', '0.000001'))
    expect(totals(driver)).toEqual([['120000'], ['100000.000001']])
  })
})
