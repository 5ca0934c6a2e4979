import type { AbiArgument, Alert, ChainTransaction } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { detectorDriver, timeOf } from '../../testing/detector-driver.ts'
import {
  address,
  contractCall,
  contractEvent,
  dai,
  hashOf,
  transaction,
  transfer,
  usdc,
} from '../../testing/scripted-chain.ts'
import { recordedTransactions } from '../recorded-transactions.ts'
import { verifyAlert } from '../verify-alert.ts'

const [vault, other, eve, ann] = [address('vault'), address('other'), address('eve'), address('ann')]

const withdrawal = (owner: typeof eve, amount: bigint, of = vault) =>
  contractEvent(of, 'Withdrawal', ['address owner', owner], ['uint256 amount', `${amount}`])
const withdraws = (name: string, owner: typeof eve, amount: bigint, of = vault) =>
  transaction({ name, from: ann, events: [withdrawal(owner, amount, of)] })

const driverWith = (rule: object) => {
  const driver = detectorDriver([], {}, { rules: [{ name: 'my-rule', ...rule }] })
  driver.pricesUntil()
  return driver
}
type Driver = ReturnType<typeof driverWith>
const found = (driver: Driver) => driver.alerts().map(({ key, occurrence }) => [key, occurrence])
const letters = (driver: Driver) => driver.stream.deadLetters().map(({ code, reason }) => [code, reason])

/** Every alert proves itself, and with any digit of a reference changed it does not. */
function expectProven(alerts: readonly Alert[], transactions: readonly ChainTransaction[]): void {
  expect(alerts).not.toEqual([])
  const recording = recordedTransactions(transactions)
  for (const alert of alerts) {
    expect(verifyAlert(alert, recording)).toEqual({ holds: true, reasons: [] })
    const forged = JSON.parse(
      JSON.stringify(alert, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part)).replace(
        '"value":"2501"',
        '"value":"9501"',
      ),
    ) as Alert
    if (JSON.stringify(forged).includes('9501')) expect(verifyAlert(forged, recording).holds).toBe(false)
  }
}

describe('userRule', () => {
  test('default: an event whose arguments fit, with all of them as evidence and who acted', () => {
    const driver = driverWith({
      ...{ event: 'Withdrawal', contract: vault, where: 'amount > 2500 and owner != $actor' },
      ...{ severity: 'high', title: 'A large withdrawal' },
    })
    const included = [
      ...driver.block(1, withdraws('equal', eve, 2500n), withdraws('elsewhere', eve, 9999n, other)),
      ...driver.block(2, withdraws('above', eve, 2501n), withdraws('own', ann, 2501n)),
    ]
    expect(driver.alerts()).toMatchObject([
      {
        ...{ detector: 'my-rule', key: vault, severity: 'high', title: 'A large withdrawal', confidence: 90 },
        ...{ occurrence: `${hashOf('above')}/0`, eventTime: timeOf(2), blocks: [{ number: 2 }] },
        sentence:
          `A large withdrawal: ${vault} emitted Withdrawal(owner ${eve}, amount 2501), by ${ann}. ` +
          'The rule is about each where amount > 2500 and owner != $actor.',
        evidence: [
          {
            ...{ type: 'contract-event', abi: 'Vault', signature: 'Withdrawal(address,uint256)', address: vault },
            ...{ actor: ann, transactionHash: hashOf('above'), logIndex: 0 },
            arguments: [
              { name: 'owner', type: 'address', value: eve },
              { name: 'amount', type: 'uint256', value: '2501' },
            ],
          },
          {
            type: 'threshold',
            parameter: 'where',
            limit: 'amount > 2500 and owner != $actor',
            observed: `amount = 2501, owner = ${eve}, $actor = ${ann}`,
          },
        ],
      },
    ])
    expectProven(driver.alerts(), included)
    expect(letters(driver)).toEqual([])
  })

  test('behavior: tuples and lists by name and position; a list that ends before is not known, and fires nothing', () => {
    const component = (name: string, type: string, value: AbiArgument['value']): AbiArgument => ({ name, type, value })
    const order = (maker: string, price: string) => [
      component('maker', 'address', maker),
      component('price', 'int256', price),
    ]
    const filled = (name: string, ...orders: readonly AbiArgument[][]) =>
      transaction({
        name,
        from: ann,
        events: [contractEvent(vault, 'Filled', ['(address,int256)[] orders', orders], ['string note', null])],
      })
    const driver = driverWith({ event: 'Filled', where: 'orders[1].price < -5', keyBy: 'orders[1].maker' })
    driver.block(1, filled('one', order(eve, '-9')), filled('equal', order(eve, '0'), order(eve, '-5')))
    driver.block(2, filled('below', order(eve, '0'), order(ann, '-6')))
    expect(found(driver)).toEqual([[ann, `${hashOf('below')}/0`]])
    // Text that is not told is neither equal to anything nor different from it.
    for (const where of ['note == "a"', 'note != "a"', 'not note == "a"', 'note in ["a"]']) {
      const silent = driverWith({ event: 'Filled', where })
      silent.block(1, filled('unknown', order(eve, '1')))
      expect([found(silent), letters(silent)]).toEqual([[], []])
    }
  })

  test('behavior: a key that is text of a stranger is shown as what it is', () => {
    const noted = (name: string) =>
      transaction({ name, from: ann, events: [contractEvent(vault, 'Noted', ['string note', 'gift\u202e\n\u0007'])] })
    const each = { event: 'Noted', keyBy: 'note' }
    const told = [{}, { within: '1 min', count: 1 }, { absentFor: '1 s' }].flatMap((more) => {
      const driver = driverWith({ ...each, ...more })
      driver.block(1, noted('a'))
      driver.block(2)
      return driver.alerts().map(({ title, sentence }) => `${title} ${sentence}`)
    })
    expect(told).toHaveLength(3)
    for (const words of told) {
      expect(words).toMatch(/gift\?\?\? \(altered\)/)
      expect(words).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    }
  })

  test('error: what is compared with another kind is a dead letter, where no ABI told so at the start', () => {
    for (const where of ['amount == "2501"', 'owner > 5', 'amount in [0x12]', 'amount > owner']) {
      const driver = driverWith({ event: 'Withdrawal', where })
      driver.block(1, withdraws('a', eve, 2501n))
      expect([found(driver), letters(driver)]).toEqual([[], [['DETECTOR_RULE_EVALUATION', expect.any(String)]]])
    }
  })

  test('behavior: so many within a span, both ends in, by key; once until they are fewer again', () => {
    const driver = driverWith({ event: 'Withdrawal(address,uint256)', keyBy: 'owner', within: '60 s', count: 3 })
    const at = (block: number, ms: number, name: string, owner = eve) =>
      driver.blockAt(block, { timestamp: timeOf(0) + ms }, withdraws(name, owner, 1n))
    const included = [...at(1, 0, 'a'), ...at(2, 1, 'not hers', ann), ...at(3, 30_000, 'b')]
    expect(found(driver)).toEqual([])
    included.push(
      ...driver.blockAt(
        4,
        { timestamp: timeOf(0) + 60_000 },
        withdraws('third', eve, 1n),
        withdraws('fourth', eve, 1n),
      ),
    )
    included.push(...at(6, 200_000, 'c'), ...at(7, 230_000, 'd'))
    expect(found(driver)).toEqual([[eve, `${hashOf('third')}/0`]])
    included.push(...at(8, 260_001, 'too late'), ...at(9, 260_002, 'again'))
    expect(found(driver)).toEqual([
      [eve, `${hashOf('third')}/0`],
      [eve, `${hashOf('again')}/0`],
    ])
    expect(driver.alerts()[0]?.evidence).toContainEqual({
      type: 'threshold',
      parameter: 'count',
      limit: '3',
      observed: '3',
    })
    expectProven(driver.alerts(), included)
    const [alert] = driver.alerts()
    const few = { ...alert, evidence: alert?.evidence.slice(1) } as Alert
    expect(verifyAlert(few, recordedTransactions(included)).reasons).toContainEqual(
      expect.stringMatching(/does not fire: 2 is not enough/),
    )
  })

  test('behavior: an argument’s sum within a span must exceed the limit, beyond 2^53 too', () => {
    const driver = driverWith({ event: 'Withdrawal', keyBy: 'owner', within: '10 min', sum: 'amount', over: '2e18' })
    const included = [
      ...driver.block(1, withdraws('first', eve, 10n ** 18n)),
      ...driver.block(2, withdraws('equal', eve, 10n ** 18n)),
    ]
    expect(found(driver)).toEqual([])
    included.push(...driver.block(3, withdraws('above', eve, 1n)))
    expect(found(driver)).toEqual([[eve, `${hashOf('above')}/0`]])
    expect(driver.alerts()[0]?.evidence).toContainEqual({
      ...{ type: 'threshold', parameter: 'over', limit: '2000000000000000000', observed: '2000000000000000001' },
    })
    expectProven(driver.alerts(), included)
  })

  test('behavior: what does not come again in time, which the last ms is; told once, and again after it came', () => {
    const rule = { event: 'Heartbeat', absentFor: '60 s' }
    const beat = (name: string) => transaction({ name, from: ann, events: [contractEvent(vault, 'Heartbeat')] })
    const driver = driverWith(rule)
    const at = (block: number, ms: number, ...beats: readonly string[]) =>
      driver.blockAt(block, { timestamp: timeOf(0) + ms }, ...beats.map(beat))
    const included = [...at(1, 0, 'one'), ...at(2, 60_000, 'in time')]
    at(3, 108_000) // nothing before the next slot, 12 s later, can follow: all until 119,999 ms is known
    expect(found(driver)).toEqual([])
    at(4, 108_001)
    expect(driver.alerts()).toMatchObject([
      {
        key: vault,
        occurrence: `${hashOf('in time')}/0`,
        eventTime: timeOf(0) + 120_000,
        title: expect.stringContaining('no Heartbeat for 1 min'),
      },
    ])
    at(5, 400_000)
    expect(found(driver)).toHaveLength(1)
    included.push(...at(6, 500_000, 'back'))
    expect(driver.transitions()).toHaveLength(1)
    included.push(...at(7, 560_001, '1 ms late'))
    expect(found(driver).slice(1)).toEqual([[vault, `${hashOf('back')}/0`]])
    expectProven(driver.alerts(), included)
    const hidden = [...included]
    const forged = driver.alerts()[0]
    expect(forged).toBeDefined()
    if (forged === undefined) return
    hidden.push(...detectorDriver([]).blockAt(4, { timestamp: timeOf(0) + 61_000 }, beat('came after all')))
    expect(verifyAlert(forged, recordedTransactions(hidden)).reasons).toEqual([
      `Another came, in ${hashOf('came after all')}.`,
    ])
  })

  test('behavior: a call, by who made it; one in a frame that failed, or a failed transaction, is none', () => {
    const call = (traceAddress: readonly number[], amount: string) =>
      contractCall({ caller: eve, to: vault, value: 7n, traceAddress }, 'withdraw', ['uint256 amount', amount])
    const frame = (traceAddress: number[], error: string | null) => ({
      ...{
        traceAddress,
        type: 'call' as const,
        from: eve,
        to: vault,
        value: 0n,
        selector: '0x12345678' as const,
        error,
      },
    })
    const driver = driverWith({ call: 'withdraw', where: '$value == 7 and amount >= 2501', keyBy: '$caller' })
    const included = [
      ...driver.block(
        1,
        transaction({ name: 'failed', from: eve, status: 'failed', calls: [call([], '2501')] }),
        transaction({
          ...{ name: 'some', from: ann, calls: [call([0], '2501'), call([1], '2501'), call([2], '1')] },
          frames: [frame([], null), frame([0], 'reverted'), frame([1], null), frame([2], null)],
        }),
        transaction({
          name: 'event',
          from: eve,
          events: [contractEvent(vault, 'withdraw', ['uint256 amount', '9999'])],
        }),
      ),
    ]
    expect(found(driver)).toEqual([[eve, `${hashOf('some')}/call-1`]])
    expect(driver.alerts()[0]?.evidence[0]).toMatchObject({
      ...{ type: 'contract-call', position: 1, traceAddress: [1], caller: eve, address: vault, value: 7n },
    })
    expectProven(driver.alerts(), included)
  })

  test('behavior: logs that nothing decodes by their first topic, with all of their words as evidence', () => {
    const topics = [hashOf('topic'), hashOf('argument')]
    const log = { event: { type: 'log' as const, address: vault, topics, data: '0x1234' as const }, tokens: [] }
    const driver = driverWith({
      event: hashOf('topic').toUpperCase().replace('0X', '0x'),
      where: `$contract == ${vault}`,
    })
    const included = driver.block(
      1,
      transaction({
        name: 'raw',
        from: eve,
        events: [log, { ...log, event: { ...log.event, topics: [hashOf('x')] } }],
      }),
    )
    expect(found(driver)).toEqual([[vault, `${hashOf('raw')}/0`]])
    expect(driver.alerts()[0]?.evidence[0]).toMatchObject({ type: 'raw-log', topics, data: '0x1234', actor: eve })
    expectProven(driver.alerts(), included)
  })

  test('behavior: what Tocsin decodes itself, by its type and fields, beside a user’s function that is called alike', () => {
    const rule = {
      event: 'tocsin.erc20-transfer',
      contract: usdc.address,
      where: 'value > 2500 and to != $actor',
      keyBy: 'to',
    }
    const driver = driverWith(rule)
    const moves = (name: string, amount: bigint) =>
      transaction({ name, from: ann, events: [transfer(usdc, eve, other, amount), transfer(dai, eve, other, 9999n)] })
    const included = [...driver.block(1, moves('equal', 2500n)), ...driver.block(2, moves('above', 2501n))]
    expect(found(driver)).toEqual([[other, `${hashOf('above')}/0`]])
    expect(driver.alerts()[0]?.evidence[0]).toMatchObject({
      ...{ type: 'contract-event', abi: 'tocsin', signature: 'erc20-transfer(address,address,int256)' },
      arguments: [
        { name: 'from', value: eve },
        { name: 'to', value: other },
        { name: 'value', value: '2501' },
      ],
    })
    expectProven(driver.alerts(), included)
    const calls = (of: object) => {
      const calling = driverWith(of)
      const own = {
        type: 'transfer' as const,
        traceAddress: [],
        caller: eve,
        address: usdc.address,
        value: 0n,
        rest: 0,
      }
      const theirs = contractCall({ caller: eve, to: vault }, 'transfer', ['uint256 shares', '9'])
      calling.block(1, transaction({ name: 'calls', from: eve, calls: [{ ...own, to: other, amount: 9n }, theirs] }))
      return found(calling)
    }
    expect(calls({ call: 'tocsin.transfer', where: 'amount == 9' })).toEqual([
      [usdc.address, `${hashOf('calls')}/call-0`],
    ])
    expect(calls({ call: 'transfer', where: 'shares == 9' })).toEqual([[vault, `${hashOf('calls')}/call-1`]])
  })

  test('behavior: a reverted block takes its alert back, counts and absences too; included again it is the same', () => {
    for (const [rule, alerts] of [
      [{ event: 'Withdrawal', where: 'amount > 1' }, 1],
      [{ event: 'Withdrawal', within: '10 min', count: 2 }, 1],
      [{ event: 'Withdrawal', absentFor: '10 s' }, 1],
    ] as const) {
      const driver = driverWith(rule)
      if ('count' in rule) driver.block(0, withdraws('before', eve, 1n))
      driver.block(1)
      const before = driver.state()
      driver.block(2, withdraws('it', eve, 2n))
      const [first] = driver.alerts()
      expect(driver.alerts().map(({ status }) => status)).toEqual(Array(alerts).fill('provisional'))
      driver.revert(2)
      expect(driver.state()).toEqual(before)
      expect(driver.alerts().map(({ status }) => status)).toEqual(Array(alerts).fill('retracted'))
      driver.blockAt(2, { fork: 'b' })
      driver.blockAt(3, { fork: 'b' }, withdraws('it', eve, 2n))
      driver.finalize(3)
      expect(driver.alerts()).toMatchObject([
        {
          id: first?.id,
          status: 'confirmed',
          blocks: expect.arrayContaining([expect.objectContaining({ number: 3 })]) as unknown,
        },
      ])
    }
  })

  test('behavior: a rule that a record does not fit puts it aside, and other rules and records go on', () => {
    const driver = detectorDriver(
      [],
      {},
      {
        rules: [
          { name: 'wrong', event: 'Withdrawal', where: 'amuont > 1' },
          { name: 'right', event: 'Withdrawal', where: 'amount > 1' },
        ],
      },
    )
    driver.pricesUntil()
    driver.block(1, withdraws('it', eve, 2n))
    expect(driver.stream.deadLetters().map(({ code, reason }) => [code, reason])).toEqual([
      ['DETECTOR_RULE_EVALUATION', 'amuont: there is no amuont; did you mean amount?'],
    ])
    expect(driver.alerts().map(({ detector }) => detector)).toEqual(['right'])
  })

  test('behavior: the cool-down mutes a key', () => {
    const driver = driverWith({ event: 'Withdrawal', keyBy: 'owner', coolDown: '10 min' })
    driver.block(1, withdraws('one', eve, 1n), withdraws('two', eve, 1n), withdraws('three', ann, 1n))
    expect(new Map(found(driver).map(([key, occurrence]) => [key, occurrence]))).toEqual(
      new Map([
        [eve, `${hashOf('one')}/0`],
        [ann, `${hashOf('three')}/0`],
      ]),
    )
    expect(driver.alerts()).toHaveLength(2)
  })
})
