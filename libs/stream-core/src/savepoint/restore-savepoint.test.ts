import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StormRun } from '../../testing/savepoint-run.ts'
import type { ReadOutput } from '../../testing/simulation/laws.ts'
import {
  chainLogs,
  chainSteps,
  priceLog,
  priceSteps,
  readFinding,
  watchTopology,
} from '../../testing/simulation/market.ts'
import { Crash } from '../../testing/storm-log.ts'
import { priceHistory, storm, stormTopology } from '../../testing/storm.ts'
import type { SourceRecord } from '../source.ts'
import { maxTimestamp } from '../time.ts'
import type { Topology } from '../topology.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 20)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'restore-'))
})
afterAll(() => rm(folder, { recursive: true }))
const file = (name: string) => join(folder, name)

const shards = fc.option(fc.integer({ min: 1, max: 8 }))
const share = fc.integer({ min: 0, max: 20 }).map((part) => part / 20)

/** A job, and histories for it. */
interface World {
  readonly name: string
  readonly topology: () => Topology
  readonly chain: fc.Arbitrary<readonly object[]>
  readonly prices: (partition: number) => fc.Arbitrary<readonly object[]>
  readonly read: (output: Uint8Array) => ReadOutput
}

/** Prices that keep up with the blocks: else a savepoint in the middle holds nothing. */
const hastened = (records: readonly SourceRecord<unknown>[]): readonly SourceRecord<unknown>[] =>
  records.map((record) => {
    if (record.type === 'element') return { ...record, timestamp: 3 * record.timestamp }
    if (record.type === 'clock') return { ...record, time: 3 * record.time }
    if (record.type !== 'watermark' || record.watermark === maxTimestamp) return record
    return { ...record, watermark: 3 * record.watermark }
  })

const stormWorld: World = {
  name: 'windows, timers and joins',
  topology: stormTopology,
  chain: storm.map(({ stormy }) => stormy),
  prices: (partition) => priceHistory(partition).map(hastened),
  read: (output) => {
    const parts = JSON.parse(Buffer.from(output).toString()) as readonly unknown[] // the storm's sinks wrote it
    const [id, type, revision] = [parts[0], ...parts.slice(-2)] as [string, ReadOutput['type'], number]
    return { id, type, revision, content: JSON.stringify(parts.slice(0, -2)) }
  },
}

const parsed = (records: readonly Uint8Array[]) =>
  records.map((record) => JSON.parse(Buffer.from(record).toString()) as SourceRecord<unknown>) // the market wrote it
const watchWorld: World = {
  name: 'broadcast state, the journaled clock, a temporal join, sessions, TTL and enrichment beside them',
  topology: () => watchTopology({ maxFinishedIds: 100_000 }),
  chain: chainSteps.map((steps) => {
    // The market's blocks are slow to be final.
    const final = steps.map((step) => (step.type === 'finalize' ? { ...step, depth: step.depth % 2 } : step))
    return parsed(chainLogs(final, true).stormy)
  }),
  prices: (partition) =>
    priceSteps(false).map((steps) => {
      const readable = steps.filter(({ type }) => type !== 'garbage')
      return hastened(parsed(priceLog(partition, readable, true)))
    }),
  read: readFinding,
}

/** What stands in the end of each id: its last transition without the revision; and that revisions have no holes. */
const outcome = async (run: StormRun, { read }: World): Promise<ReadonlyMap<string, string>> => {
  const last = new Map<string, string>()
  for (const [id, outputs] of await run.written()) {
    const transitions = outputs.map(read)
    expect(transitions.map(({ revision }) => revision)).toEqual(transitions.map((_, index) => index + 1))
    const { type, content } = transitions.at(-1) ?? {}
    if (type !== 'retracted') last.set(id, `${content} ${type}`)
  }
  return new Map([...last].sort(([a], [b]) => (a < b ? -1 : 1)))
}

describe.each([stormWorld, watchWorld])('restoreSavepoint of a job with $name', (world) => {
  const histories = [world.chain, world.prices(0), world.prices(1)] as const

  test('property: a savepoint of what was restored, into any number of shards, has the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(...histories, shards, shards, share, async (chain, a, b, n, m, part) => {
        const [first, ...prices] = [chain, a, b].map((all) => all.slice(0, Math.ceil(part * all.length)))
        const run = await StormRun.on(first ?? [], prices, world.topology())
        const job = await run.open(n)
        await job.runToEnd()
        await job.savepoint(file('one'))
        await job.close()
        const restored = await run.open(m, { savepoint: file('one') })
        await restored.savepoint(file('two'))
        await restored.close()
        expect(await readFile(file('two'), 'utf8')).toBe(await readFile(file('one'), 'utf8'))
      }),
      { numRuns: runs },
    )
  })

  test('property: from n shards to m, in the middle of a storm, outputs end as if nothing had happened', async () => {
    let restored = 0
    await fc.assert(
      fc.asyncProperty(...histories, fc.array(shards, { minLength: 2, maxLength: 4 }), async (chain, a, b, plan) => {
        const calm = await StormRun.on(chain, [a, b], world.topology())
        const whole = await calm.open(null)
        await whole.runToEnd()
        await whole.close()
        const run = await StormRun.on([], [[], []], world.topology())
        let savepoint: string | null = null
        for (const [index, n] of plan.entries()) {
          const piece = <T>(all: readonly T[]) =>
            all.slice(
              Math.floor((index / plan.length) * all.length),
              Math.floor(((index + 1) / plan.length) * all.length),
            )
          await run.append('chain', 0, piece(chain))
          await run.append('prices', 0, piece(a))
          await run.append('prices', 1, piece(b))
          const job = await run.open(n, { savepoint })
          await job.runToEnd()
          savepoint = file(`step-${index}`)
          const { cells } = await job.savepoint(savepoint)
          if (index < plan.length - 1) restored += cells
          await job.close()
        }
        const expected = await outcome(calm, world)
        expect([...(await outcome(run, world))]).toEqual([...expected])
      }),
      { numRuns: runs },
    )
    expect(restored).toBeGreaterThan(0)
  })

  test('property: killed at any write of a savepoint, a job goes on or is restored as if nothing had happened', async () => {
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(
        ...histories,
        shards,
        share,
        fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }),
        fc.option(shards, { nil: undefined }),
        async (chain, a, b, n, part, kills, restoredInto) => {
          const calm = await StormRun.on(chain, [a, b], world.topology())
          const whole = await calm.open(null)
          await whole.runToEnd()
          await whole.close()
          const cut = (all: readonly unknown[]) => Math.ceil(part * all.length)
          const [first, ...prices] = [chain, a, b].map((all) => all.slice(0, cut(all)))
          const run = await StormRun.on(first ?? [], prices, world.topology())
          let job = await run.open(n)
          await job.runToEnd()
          for (const after of kills) {
            let left = after
            run.log.decideAppends(() => {
              left -= 1
              if (left < 0) throw new Crash('killed')
              return 'committed'
            })
            await job.savepoint(file('killed')).catch((error: unknown) => {
              if (!(error instanceof Crash)) throw error
              crashes += 1
            })
            await job.close()
            run.log.decideAppends(() => 'committed')
            job = await run.open(n, { isAgain: true })
          }
          if (restoredInto !== undefined) {
            await job.savepoint(file('after-kills'))
            await job.close()
            job = await run.open(restoredInto, { savepoint: file('after-kills') })
          }
          await run.append('chain', 0, chain.slice(cut(chain)))
          await run.append('prices', 0, a.slice(cut(a)))
          await run.append('prices', 1, b.slice(cut(b)))
          await job.runToEnd()
          await job.close()
          expect([...(await outcome(run, world))]).toEqual([...(await outcome(calm, world))])
        },
      ),
      { numRuns: Math.ceil(runs / 2) },
    )
    expect(crashes).toBeGreaterThan(0)
  })
})
