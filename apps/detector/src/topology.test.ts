import type { Alert } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { detectorDriver, type DetectorDriver } from '../testing/detector-driver.ts'
import { address, swap, tick, transaction, transfer, units, usdc, weth } from '../testing/scripted-chain.ts'
import { configureDetectors } from './configure.ts'
import { silentTally } from './detect.ts'
import { detectionTopology } from './topology.ts'

const parameters = {
  'transfer-volume': { over: '30000', length: '2 min', slide: '30 s' },
  'pass-through': { coolDown: '1 min' },
  'running-total': { over: '50000', coolDown: '1 min' },
}

/** What may happen in a block: few wallets and large amounts, so that every rule is met often. */
const happening = fc.oneof(
  fc.record({
    type: fc.constant('transfer' as const),
    from: fc.integer({ min: 0, max: 3 }),
    to: fc.integer({ min: 0, max: 40 }),
    dollars: fc.integer({ min: 5_000, max: 25_000 }),
  }),
  fc.record({ type: fc.constant('sale' as const), dollars: fc.integer({ min: 17_000, max: 22_000 }) }),
)
const fork = fc.record({
  depth: fc.integer({ min: 0, max: 7 }),
  blocks: fc.array(fc.array(happening, { maxLength: 3 }), { minLength: 1, maxLength: 8 }),
})

interface PlannedBlock {
  readonly number: number
  readonly fork: string
  readonly happenings: readonly (typeof happening extends fc.Arbitrary<infer T> ? T : never)[]
}

function append(driver: DetectorDriver, { number, fork: name, happenings }: PlannedBlock): void {
  const scripted = happenings.map((one, index) =>
    transaction(
      one.type === 'sale'
        ? {
            name: `${number} ${index} ${one.dollars}`,
            from: address('wallet 0'),
            events: [swap(address('pool'), [weth, units(weth, '10')], [usdc, units(usdc, `${one.dollars}`)])],
          }
        : {
            name: `${number} ${index} ${one.from} ${one.to} ${one.dollars}`,
            from: address(`wallet ${one.from}`),
            events: [
              transfer(usdc, address(`wallet ${one.from}`), address(`wallet ${one.to}`), units(usdc, `${one.dollars}`)),
            ],
          },
    ),
  )
  driver.blockAt(number, { fork: name }, ...scripted)
}

function newDriver(): DetectorDriver {
  const driver = detectorDriver([], parameters)
  driver.price(tick(usdc, '1'), tick('native', '2000'))
  driver.pricesUntil()
  return driver
}

const standing = (alerts: readonly Alert[]) =>
  alerts.filter(({ status }) => status !== 'retracted').map(({ revision: _, ...alert }) => alert)

describe('detectionTopology', () => {
  test('property: after any storm of reorgs, alerts and state are those of the chain that stands', () => {
    let withAlerts = 0
    fc.assert(
      fc.property(fc.array(fork, { minLength: 1, maxLength: 6 }), (forks) => {
        const stormy = newDriver()
        let chain: readonly PlannedBlock[] = []
        for (const [name, { depth, blocks }] of forks.entries()) {
          const reverted = chain.slice(Math.max(0, chain.length - depth))
          stormy.revert(...reverted.map(({ number }) => number))
          chain = chain.slice(0, chain.length - reverted.length)
          for (const happenings of blocks) {
            const block = { number: chain.length, fork: `${name}`, happenings }
            append(stormy, block)
            chain = [...chain, block]
          }
        }
        const calm = newDriver()
        for (const block of chain) append(calm, block)
        expect(stormy.state()).toEqual(calm.state())
        for (const driver of [stormy, calm]) {
          driver.finalize(chain.length - 1)
          driver.end()
        }
        const expected = standing(calm.alerts())
        if (expected.length > 0) withAlerts++
        expect(standing(stormy.alerts())).toEqual(expected)
        // Nothing is left open: final, or taken back.
        expect(stormy.alerts().filter(({ status }) => status === 'provisional')).toEqual([])
      }),
      { numRuns: 60 },
    )
    expect(withAlerts).toBeGreaterThan(30)
  }, 120_000)

  test('default: the whole of detection on one screen', () => {
    const topology = detectionTopology({
      chainId: 1,
      prefix: 'tocsin',
      detectors: configureDetectors([]),
      tally: silentTally,
    })
    expect(topology.describe().replace(/version \w{12}$/m, 'version …')).toMatchInlineSnapshot(`
      "Job detection, version …
      Sub-topology 0
        #0 source prices (topic tocsin.1.prices, in-log watermarks)
        #1 filter <- #0
        #2 source transactions (topic tocsin.1.transactions, in-log watermarks, epochs)
        #3 keyBy <- #1
        #4 keyBy <- #2
      Sub-topology 1
        #5 coProcess priced-transactions <- #3, #4
        #6 sideOutput (feed) <- #5
        #7 flatMap <- #5
        #8 keyBy <- #7
        #16 keyBy <- #6
        #17 flatMap <- #5
        #18 filter <- #17
        #19 keyBy <- #18
        #24 flatMap <- #5
        #25 keyBy <- #24
        #30 flatMap <- #5
        #31 keyBy <- #30
      Sub-topology 2
        #9 process address-profile <- #8
        #10 flatMap <- #9
        #11 keyBy <- #10
      Sub-topology 3
        #12 process pass-through-receipts <- #11
        #13 keyBy <- #12
      Sub-topology 4
        #14 process pass-through-alerts <- #13
        #15 sink pass-through-sink (topic tocsin.alerts) <- #14
      Sub-topology 5
        #20 coProcess price-deviation-join <- #16, #19
        #21 keyBy <- #20
      Sub-topology 6
        #22 process price-deviation-alerts <- #21
        #23 sink price-deviation-sink (topic tocsin.alerts) <- #22
      Sub-topology 7
        #26 process running-total-totals <- #25
        #27 keyBy <- #26
      Sub-topology 8
        #28 process running-total-alerts <- #27
        #29 sink running-total-sink (topic tocsin.alerts) <- #28
      Sub-topology 9
        #32 window transfer-volume-windows (sliding 600000 ms by 60000 ms) <- #31
        #33 keyBy <- #32
      Sub-topology 10
        #34 process transfer-volume-alerts <- #33
        #35 sink transfer-volume-sink (topic tocsin.alerts) <- #34"
    `)
  })
})
