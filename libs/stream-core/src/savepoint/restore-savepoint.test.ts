import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StormRun } from '../../testing/savepoint-run.ts'
import { Crash } from '../../testing/storm-log.ts'
import { priceHistory, storm } from '../../testing/storm.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 20)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'restore-'))
})
afterAll(() => rm(folder, { recursive: true }))
const file = (name: string) => join(folder, name)

const shards = fc.option(fc.integer({ min: 1, max: 8 }))
const share = fc.integer({ min: 0, max: 20 }).map((part) => part / 20)

/** What stands in the end of each id: its last transition without the revision; and that revisions have no holes. */
const outcome = (run: StormRun): ReadonlyMap<string, string> => {
  const last = new Map<string, string>()
  for (const [id, transitions] of run.written()) {
    transitions.forEach((text, index) => {
      const parts = JSON.parse(text) as readonly unknown[]
      expect(parts.at(-1)).toBe(index + 1)
      last.set(id, JSON.stringify(parts.slice(0, -1)))
    })
  }
  return new Map([...last].filter(([, text]) => !text.includes('retracted')).sort(([a], [b]) => (a < b ? -1 : 1)))
}

describe('restoreSavepoint', () => {
  test('property: a savepoint of what was restored, into any number of shards, has the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        storm,
        priceHistory(0),
        priceHistory(1),
        shards,
        shards,
        share,
        async ({ stormy }, a, b, n, m, part) => {
          const [first, second] = [a, b].map((all) => all.slice(0, Math.ceil(part * all.length)))
          const run = await StormRun.on(stormy.slice(0, Math.ceil(part * stormy.length)), [first ?? [], second ?? []])
          const job = await run.open(n)
          await job.runToEnd()
          await job.savepoint(file('one'))
          await job.close()
          const restored = await run.open(m, { savepoint: file('one') })
          await restored.savepoint(file('two'))
          await restored.close()
          expect(await readFile(file('two'), 'utf8')).toBe(await readFile(file('one'), 'utf8'))
        },
      ),
      { numRuns: runs },
    )
  })

  test('property: from n shards to m, in the middle of a storm, outputs end as if nothing had happened', async () => {
    let found = 0
    await fc.assert(
      fc.asyncProperty(
        storm,
        priceHistory(0),
        priceHistory(1),
        fc.array(shards, { minLength: 2, maxLength: 4 }),
        async ({ stormy }, a, b, plan) => {
          const calm = await StormRun.on(stormy, [a, b])
          const whole = await calm.open(null)
          await whole.runToEnd()
          await whole.close()
          const run = await StormRun.on([], [[], []])
          let savepoint: string | null = null
          for (const [index, n] of plan.entries()) {
            const piece = <T>(all: readonly T[]) =>
              all.slice(
                Math.floor((index / plan.length) * all.length),
                Math.floor(((index + 1) / plan.length) * all.length),
              )
            await run.append('chain', 0, piece(stormy))
            await run.append('prices', 0, piece(a))
            await run.append('prices', 1, piece(b))
            const job = await run.open(n, { savepoint })
            await job.runToEnd()
            savepoint = file(`step-${index}`)
            await job.savepoint(savepoint)
            await job.close()
          }
          found += outcome(calm).size
          expect([...outcome(run)]).toEqual([...outcome(calm)])
        },
      ),
      { numRuns: runs },
    )
    expect(found).toBeGreaterThan(5 * runs)
  })

  test('property: killed at any write of a savepoint, a job goes on or is restored as if nothing had happened', async () => {
    let crashes = 0
    await fc.assert(
      fc.asyncProperty(
        storm,
        priceHistory(0),
        priceHistory(1),
        shards,
        share,
        fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async ({ stormy }, a, b, n, part, kills, isRestored) => {
          const calm = await StormRun.on(stormy, [a, b])
          const whole = await calm.open(null)
          await whole.runToEnd()
          await whole.close()
          const cut = (all: readonly unknown[]) => Math.ceil(part * all.length)
          const run = await StormRun.on(stormy.slice(0, cut(stormy)), [a.slice(0, cut(a)), b.slice(0, cut(b))])
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
          if (isRestored) {
            await job.savepoint(file('after-kills'))
            await job.close()
            job = await run.open(null, { savepoint: file('after-kills') })
          }
          await run.append('chain', 0, stormy.slice(cut(stormy)))
          await run.append('prices', 0, a.slice(cut(a)))
          await run.append('prices', 1, b.slice(cut(b)))
          await job.runToEnd()
          await job.close()
          expect([...outcome(run)]).toEqual([...outcome(calm)])
        },
      ),
      { numRuns: runs },
    )
    expect(crashes).toBeGreaterThan(runs / 2)
  })
})
