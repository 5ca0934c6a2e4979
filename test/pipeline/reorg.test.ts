import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AlertJson } from '@tocsin/alerts-api'
import { openTestChain, type TestBlock, type TestChain } from '@tocsin/demo'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPipeline, type Pipeline } from './pipeline.ts'

const parameters = [
  'transfer-volume.window=sliding',
  'transfer-volume.exclude=[]',
  'price-deviation.join=as-of',
  'running-total.over=400000',
]

const wallets = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay', 'gil', 'hal']

/** An alert without what tells how often it was taken back and found again. */
const standing = ({ revision: _, ...alert }: AlertJson) => alert

const confirmedOf = (alerts: ReadonlyMap<string, AlertJson>) =>
  [...alerts.values()]
    .filter(({ status }) => status === 'confirmed')
    .map(standing)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))

/**
 * Frauds on both sides of a reorg of the newest `depth` blocks. Before it: half of a volume, received funds, half of a
 * total. On the old branch each is completed. On the new one some are not, some are in another block and another window,
 * and some come only there.
 */
async function stage(chain: TestChain, depth: number) {
  const [ann, bob, cyd, dan] = [chain.account('ann'), chain.account('bob'), chain.account('cyd'), chain.account('dan')]
  const [eve, fay, gil, hal] = [chain.account('eve'), chain.account('fay'), chain.account('gil'), chain.account('hal')]
  const fresh = (name: string) => chain.account(`fresh ${depth} ${name}`).address
  const base = (await chain.chain.head()).timestamp
  const spread = (blocks: readonly TestBlock[], from: number, step: number): readonly TestBlock[] =>
    Array.from({ length: depth + 1 }, (_, n) => ({ ...blocks[n], timestamp: from + n * step }))
  const kept: readonly TestBlock[] = [
    {
      timestamp: base + 20,
      calls: [chain.transfer('usdc', ann, bob.address, '60000'), chain.transfer('usdc', gil, hal.address, '250000')],
    },
    {
      timestamp: base + 25,
      calls: [chain.transfer('usdc', hal, cyd.address, '20000'), chain.transfer('usdc', fay, dan.address, '30000')],
    },
  ]
  // The newest `depth` blocks of the old branch: frauds as early in them as the depth allows.
  const completed = [
    chain.transfer('usdc', ann, bob.address, '50000'), // 110,000 in the window: volume
    chain.transfer('usdc', cyd, fresh('cyd'), '19000'), // within a minute of receiving: pass-through
    chain.transfer('usdc', gil, hal.address, '250000'), // 500,000 in all: total
    ...chain.swap('v2', eve, 'usdc', '90000'), // moves the pool: price
  ]
  const old: readonly TestBlock[] = Array.from({ length: depth }, (_, n) => ({
    timestamp: base + 30 + n,
    ...(n === 0 && { calls: completed }),
  }))
  const other: readonly TestBlock[] = spread(
    [
      { calls: [chain.transfer('usdc', dan, fresh('dan'), '25000')] }, // only here: pass-through
      { calls: [chain.transfer('usdc', ann, bob.address, '50000')] }, // again, in other windows
    ],
    base + 31,
    depth > 10 ? 2 : 45,
  )
  const after: readonly TestBlock[] = [{ calls: [chain.transfer('usdc', cyd, fresh('cyd late'), '19000')] }]
  return { kept, old, other, after }
}

describe.each([1, 2, 7, 40])('a reorg of depth %i on a local chain', (depth) => {
  let chain: TestChain
  let stormy: Pipeline
  let calm: Pipeline | undefined

  beforeAll(async () => {
    chain = await openTestChain({ folder: await mkdtemp(join(tmpdir(), 'tocsin-chain-')), wallets })
    stormy = await startPipeline(chain, parameters)
  })
  afterAll(async () => {
    await stormy.stop()
    await calm?.stop()
    await chain.stop()
  })

  test('behavior: PostgreSQL and a webhook receiver end as if only the final chain had been', async () => {
    const { kept, old, other, after } = await stage(chain, depth)
    for (const block of [...kept, ...old]) await chain.mine(block)
    await stormy.caughtUp()
    const before = await stormy.alerts()
    expect([...before.values()].map(({ detector }) => detector)).toEqual(
      expect.arrayContaining(['pass-through', 'running-total', 'price-deviation']),
    )

    await chain.reorg(depth, other)
    await stormy.caughtUp()
    const retracted = [...(await stormy.alerts()).values()].filter(({ status }) => status === 'retracted')
    expect(retracted.map(({ detector }) => detector)).toEqual(
      expect.arrayContaining(['pass-through', 'running-total', 'price-deviation']),
    )

    for (const block of after) await chain.mine(block)
    const { timestamp } = await chain.chain.head()
    // Past the last window, then so deep that all of it is final.
    await chain.mine({ timestamp: timestamp + 3_600 })
    for (let n = 0; n <= chain.finalityDepth; n++) await chain.mine()
    await stormy.caughtUp()

    calm = await startPipeline(chain, parameters)
    await calm.caughtUp()
    const expected = confirmedOf(await calm.alerts())
    expect(expected.map(({ detector }) => detector)).toEqual(
      expect.arrayContaining(['pass-through', 'transfer-volume']),
    )

    const found = await stormy.alerts()
    expect(confirmedOf(found)).toEqual(expected)
    expect([...found.values()].filter(({ status }) => status === 'provisional')).toEqual([])
    expect([...found.values()].some(({ status }) => status === 'retracted')).toBe(true)

    // The receiver: revisions of each alert in order and without a hole, ending as PostgreSQL says.
    const received = stormy.received()
    expect([...received.keys()].toSorted()).toEqual([...found.keys()].toSorted())
    for (const [id, transitions] of received) {
      expect(transitions.map(({ revision }) => revision)).toEqual(transitions.map((_, n) => n + 1))
      expect(transitions.at(-1)?.status).toBe(found.get(id)?.status)
    }
  }, 240_000)
})
