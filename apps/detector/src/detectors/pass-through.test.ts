import type { Actor, Address } from '@tocsin/chain-model'
import { hours } from '@tocsin/stream-core'
import { describe, expect, test } from 'vitest'
import { detectorDriver, genesis, timeOf } from '../../testing/detector-driver.ts'
import {
  address,
  dai,
  hashOf,
  tick,
  transaction,
  transfer,
  units,
  usdc,
  weth,
  type ScriptedTransaction,
  type TransactionScript,
} from '../../testing/scripted-chain.ts'
import type { Tally } from '../detector.ts'

const [eve, mule, fresh, bundler] = [address('eve'), address('mule'), address('fresh'), address('bundler')]
const payIn = (display: string, name = 'in', script: TransactionScript = {}) =>
  transaction({ name, from: eve, events: [transfer(usdc, eve, mule, units(usdc, display))], ...script })
const payOut = (display: string, name = 'out', to = fresh, script: TransactionScript = {}) =>
  transaction({ name, from: mule, events: [transfer(usdc, mule, to, units(usdc, display))], ...script })

/** A log that reaches back more than 24 h, in which eve and mule are known; prices hold throughout. */
function driverWith(parameters: Record<string, unknown> = {}, tally?: Tally, known = [eve, mule]) {
  const driver = detectorDriver(['pass-through'], { 'pass-through': parameters }, tally === undefined ? {} : { tally })
  driver.price(tick(usdc, '1'), tick(dai, '1'), tick('native', '2000'))
  driver.pricesUntil()
  driver.blockAt(
    0,
    { timestamp: genesis - hours(25) },
    ...known.map((who) => transaction({ name: `known ${who}`, from: who })),
  )
  return driver
}

/** Alerts of a receipt in block 1 and a send in block 2. */
function alertsOf(
  first: readonly ScriptedTransaction[],
  second: readonly ScriptedTransaction[],
  parameters: Record<string, unknown> = {},
) {
  const driver = driverWith(parameters)
  driver.block(1, ...first)
  driver.block(2, ...second)
  return driver.alerts()
}

describe('passThrough', () => {
  test('default: received, and sent on within a minute to an address never seen', () => {
    const [alert, ...others] = alertsOf([payIn('20000')], [payOut('19000')])
    expect(others).toEqual([])
    expect(alert).toMatchObject({
      severity: 'medium',
      confidence: 70, // 50, and 20 because 95 % went on
      key: mule,
      occurrence: `${hashOf('out')}/0`,
      eventTime: timeOf(2),
      sentence:
        `${mule} sent 19,000.00 USD in USDC to ${fresh}, never seen before, 12 s after it was funded within the limit ` +
        'of 1 min; more than 10,000.00 USD is large.',
    })
    expect(alert?.evidence).toMatchObject([
      { type: 'log', from: eve, to: mule, amount: 20_000_000_000n },
      { type: 'log', from: mule, to: fresh, amount: 19_000_000_000n },
      { type: 'token', symbol: 'USDC', decimals: 6 },
      { type: 'price', price8: 100_000_000n },
      { type: 'state', name: 'log-start', value: `${genesis - hours(25)}` },
      { type: 'state', name: 'recipient-seen-before', value: 'false' },
      { type: 'state', name: 'wallet-seen-before', value: 'true' },
      { type: 'threshold', parameter: 'over', limit: '10000', observed: '19000' },
      { type: 'threshold', parameter: 'within', limit: '60000', observed: '12000' },
    ])
  })

  test('behavior: exactly the limit is silent, a base unit more is not', () => {
    expect(alertsOf([payIn('20000')], [payOut('10000')])).toEqual([])
    expect(alertsOf([payIn('20000')], [payOut('10000.000001')])).toHaveLength(1)
  })

  test('behavior: 60 s after is within, 60.001 s is not', () => {
    for (const [after, expected] of [
      [60_000, 1],
      [60_001, 0],
    ] as const) {
      const driver = driverWith()
      driver.block(1, payIn('20000'))
      driver.blockAt(7, { timestamp: timeOf(1) + after }, payOut('19000'))
      expect(driver.alerts()).toHaveLength(expected)
    }
  })

  test('behavior: 80 % of what was received is not forwarded, a base unit more is', () => {
    expect(alertsOf([payIn('20000')], [payOut('16000')])).toMatchObject([{ severity: 'low', confidence: 50 }])
    expect(alertsOf([payIn('20000')], [payOut('16000.000001')])).toMatchObject([{ severity: 'medium', confidence: 70 }])
  })

  test('behavior: a recipient seen a block before is not new, however little it was named', () => {
    const mention = transaction({ name: 'mention', from: eve, events: [transfer(dai, eve, fresh, 0n)] })
    expect(alertsOf([payIn('20000'), mention], [payOut('19000')])).toEqual([])
    expect(alertsOf([payIn('20000')], [mention, payOut('19000')])).toEqual([])
    expect(alertsOf([payIn('20000')], [payOut('19000'), mention])).toHaveLength(1)
  })

  test('behavior: in and out in one transaction is a swap; a receipt after the send is too late', () => {
    const both = transaction({
      name: 'both',
      from: mule,
      events: [transfer(usdc, eve, mule, units(usdc, '20000')), transfer(usdc, mule, fresh, units(usdc, '19000'))],
    })
    expect(alertsOf([], [both])).toEqual([])
    expect(alertsOf([], [payOut('19000'), payIn('20000')])).toEqual([])
    expect(alertsOf([], [payIn('20000'), payOut('19000')])).toHaveLength(1)
  })

  test('behavior: a failed send, a forged receipt, and a send that another signed are none', () => {
    const fake = { ...usdc, address: address('fake'), recognised: false }
    const forged = transaction({ name: 'forged', from: eve, events: [transfer(fake, eve, mule, units(usdc, '20000'))] })
    expect(alertsOf([payIn('20000')], [payOut('19000', 'out', fresh, { status: 'failed' })])).toEqual([])
    expect(alertsOf([forged], [payOut('19000')], { asset: 'any' })).toEqual([])
    expect(alertsOf([payIn('20000')], [payOut('19000', 'out', fresh, { from: eve })])).toEqual([])
  })

  test('behavior: the same asset by default, native and wrapped native are the same, any on demand', () => {
    const ether = transaction({ name: 'ether', from: eve, to: mule, value: 10n * 10n ** 18n })
    const wrapped = transaction({
      name: 'wrapped',
      from: mule,
      events: [transfer(weth, mule, fresh, 10n * 10n ** 18n)],
    })
    expect(alertsOf([ether], [payOut('19000')])).toEqual([])
    expect(alertsOf([ether], [payOut('19000')], { asset: 'any' })).toMatchObject([{ confidence: 70 }])
    expect(alertsOf([ether], [wrapped])).toMatchObject([{ confidence: 70, severity: 'medium' }])
  })

  test('behavior: value that a contract forwards is seen in the frames, but not below one that failed', () => {
    const frame = (traceAddress: number[], value: bigint, error: string | null) =>
      ({ traceAddress, type: 'call', from: mule, to: fresh, value, selector: '0x', error }) as const
    const out = (failed: string | null) =>
      transaction({
        name: 'forward',
        from: mule,
        to: mule,
        frames: [frame([], 0n, null), frame([0], 0n, failed), frame([0, 1], 10n * 10n ** 18n, null)],
      })
    const ether = transaction({ name: 'ether', from: eve, to: mule, value: 10n * 10n ** 18n })
    expect(alertsOf([ether], [out(null)])).toMatchObject([{ occurrence: `${hashOf('forward')}/frame-0.1` }])
    expect(alertsOf([ether], [out('Reverted')])).toEqual([])
  })

  test('behavior: an asset without a price has a limit of its own', () => {
    const shares = { ...dai, address: address('shares'), symbol: 'SHARES', recognised: false }
    const limit = `${shares.address}=1000`
    const moved = (name: string, from: typeof eve, to: typeof eve, amount: bigint) =>
      transaction({ name, from, events: [transfer(shares, from, to, amount)] })
    const run = (amount: bigint, overBase: readonly string[]) =>
      alertsOf([moved('in', eve, mule, 2000n)], [moved('out', mule, fresh, amount)], { overBase })
    expect(run(1001n, [limit])).toMatchObject([{ severity: 'low' }])
    expect(run(1000n, [limit])).toEqual([])
    expect(run(1001n, [])).toEqual([])
  })

  test('behavior: a wallet that was new itself is worse; a log of less than 24 h proves nothing new', () => {
    const unknown = driverWith({}, undefined, [eve])
    unknown.block(1, payIn('20000'))
    unknown.block(2, payOut('19000'))
    expect(unknown.alerts()).toMatchObject([{ confidence: 85 }])

    for (const [reach, confidence] of [
      [hours(24), 70],
      [hours(24) - 1, 40],
    ] as const) {
      const young = detectorDriver(['pass-through'])
      young.price(tick(usdc, '1'))
      young.pricesUntil()
      young.blockAt(0, { timestamp: timeOf(2) - reach }, payOut('0', 'known', eve))
      young.block(1, payIn('20000'))
      young.block(2, payOut('19000'))
      expect(young.alerts()).toMatchObject([{ confidence }])
      const said = `That ${fresh} was never seen before is unproven: the log reaches back ${hours(24) - 1} ms only.`
      expect(young.alerts()[0]?.sentence.slice(-said.length) === said).toBe(confidence === 40)
    }
  })

  test('behavior: what an account does by a user operation is its own act, whoever bundles it', () => {
    const bundle = (sender: Address, start: number) =>
      payOut('19000', 'bundle', fresh, {
        from: bundler,
        actors: [{ address: sender, by: 'user-operation', events: { start, end: 1 }, frame: null }],
      })
    expect(alertsOf([payIn('20000')], [bundle(mule, 0)])).toMatchObject([{ key: mule, confidence: 70 }])
    // The operation of another account, or a transfer outside of it: the wallet did not act.
    expect(alertsOf([payIn('20000')], [bundle(eve, 0)])).toEqual([])
    expect(alertsOf([payIn('20000')], [bundle(mule, 1)])).toEqual([])
  })

  test('behavior: what is done within a user operation is not the bundler’s act', () => {
    const own = { from: mule, events: [transfer(usdc, mule, fresh, units(usdc, '19000'))] }
    const within: Actor = { address: eve, by: 'user-operation', events: { start: 0, end: 1 }, frame: null }
    expect(alertsOf([payIn('20000')], [transaction({ name: 'out', ...own })])).toHaveLength(1)
    expect(alertsOf([payIn('20000')], [transaction({ name: 'out', ...own, actors: [within] })])).toEqual([])
  })

  test('behavior: native value that an account sends below the frame of its operation is its own act', () => {
    const frame = (traceAddress: number[], from: Address, to: Address, value: bigint) =>
      ({ traceAddress, type: 'call', from, to, value, selector: '0x', error: null }) as const
    const entryPoint = address('entry point')
    const bundle = (operation: number[]) =>
      transaction({
        name: 'bundle',
        from: bundler,
        to: entryPoint,
        frames: [
          frame([], bundler, entryPoint, 0n),
          frame([0], entryPoint, entryPoint, 0n),
          frame([0, 0], entryPoint, mule, 0n),
          frame([0, 0, 0], mule, fresh, 10n * 10n ** 18n),
        ],
        actors: [{ address: mule, by: 'user-operation', events: null, frame: operation }],
      })
    const ether = transaction({ name: 'ether', from: eve, to: mule, value: 10n * 10n ** 18n })
    expect(alertsOf([ether], [bundle([0])])).toMatchObject([{ occurrence: `${hashOf('bundle')}/frame-0.0.0` }])
    expect(alertsOf([ether], [bundle([1])])).toEqual([])
  })

  test('behavior: without envelopes the sender of the transfer is taken for the actor', () => {
    const alerts = alertsOf([payIn('20000', 'in', { from: null })], [payOut('19000', 'out', fresh, { from: null })])
    expect(alerts).toMatchObject([{ key: mule, confidence: 50 }])
  })

  test('behavior: infra as wallet and an exchange as recipient are left out and counted', () => {
    const suppressed: string[] = []
    const tally: Tally = { unpriced: () => {}, suppressed: (_, label) => suppressed.push(label) }
    for (const [who, label] of [
      [mule, 'bridge'],
      [fresh, 'exchange'],
      [fresh, 'bridge'],
    ] as const) {
      const driver = driverWith({}, tally)
      driver.block(1, payIn('20000'))
      driver.block(2, payOut('19000', 'out', fresh, { labels: [[who, label]] }))
      expect(driver.alerts()).toHaveLength(who === fresh && label === 'bridge' ? 1 : 0)
    }
    expect(suppressed).toEqual(['bridge', 'exchange'])
  })

  test('behavior: a hub has 10 counterparties in and 10 out within 10 min, 9 are none', () => {
    for (const [parties, expected] of [
      [9, 1],
      [10, 0],
    ] as const) {
      const driver = driverWith()
      const ins = Array.from({ length: parties - 1 }, (_, index) => address(`payer ${index}`))
      const outs = Array.from({ length: parties - 1 }, (_, index) => address(`payee ${index}`))
      driver.block(
        1,
        ...ins.map((who, index) =>
          transaction({ name: `in ${index}`, from: who, events: [transfer(usdc, who, mule, 1n)] }),
        ),
        ...outs.map((who, index) => payOut('1', `out ${index}`, who)),
        payIn('20000'),
      )
      driver.block(2, payOut('19000'))
      expect(driver.alerts()).toHaveLength(expected)
    }
  })

  test('behavior: nobody passes for a hub by tokens of his own making', () => {
    const fake = { ...usdc, address: address('fake'), recognised: false }
    const driver = driverWith()
    const parties = Array.from({ length: 12 }, (_, index) => address(`party ${index}`))
    const events = parties.flatMap((who) => [transfer(fake, who, mule, 1n), transfer(fake, mule, who, 1n)])
    driver.block(1, transaction({ name: 'spam', from: mule, events }), payIn('20000'))
    driver.block(2, payOut('19000'))
    expect(driver.alerts()).toHaveLength(1)
  })

  test('behavior: the cool-down mutes a wallet’s next, never its first, and not a higher severity', () => {
    const driver = driverWith()
    driver.block(1, payIn('1000000'))
    driver.block(2, payOut('20000', 'first', address('a')))
    driver.block(3, payOut('20000', 'muted', address('b')))
    driver.block(4, payOut('900000', 'higher', address('c')))
    expect(driver.alerts().map(({ occurrence, severity }) => [occurrence, severity])).toEqual([
      [`${hashOf('first')}/0`, 'low'],
      [`${hashOf('higher')}/0`, 'high'],
    ])
  })

  test('behavior: reverted with its block, the same when included again, newness judged anew', () => {
    const driver = driverWith()
    driver.block(1, payIn('20000'))
    driver.block(2, payOut('19000'))
    driver.revert(1, 2)
    driver.blockAt(1, { fork: 'b' }, payIn('20000'))
    driver.blockAt(2, { fork: 'b' })
    driver.block(3, payOut('19000'))
    driver.finalize(3)
    expect(driver.transitions().map(({ status, revision }) => [status, revision])).toEqual([
      ['provisional', 1],
      ['retracted', 2],
      ['provisional', 3],
      ['confirmed', 4],
    ])
    const canonical = driverWith()
    canonical.blockAt(1, { fork: 'b' }, payIn('20000'))
    canonical.blockAt(2, { fork: 'b' })
    canonical.block(3, payOut('19000'))
    expect(driver.state()).toEqual(canonical.state())
    expect(driver.alerts()[0]?.id).toBe(canonical.alerts()[0]?.id)
  })

  test('behavior: receipts are forgotten after a minute, profiles after a year', () => {
    const driver = driverWith()
    driver.block(1, payIn('20000'))
    expect(Object.keys(driver.state())).toContain('pass-through-receipts/receipts')
    driver.block(60)
    expect(Object.keys(driver.state()).filter((name) => name.startsWith('pass-through'))).toEqual([])
    driver.end()
    expect(Object.keys(driver.state()).filter((name) => name.startsWith('address-profile'))).toEqual([])
  })
})
