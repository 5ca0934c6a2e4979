import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StormRun } from '../../testing/savepoint-run.ts'
import { defineJob } from '../../testing/storm-job.ts'
import { priceHistory, storm } from '../../testing/storm.ts'
import { restoreShardedSavepoint, takeShardedSavepoint } from './sharded-savepoint.ts'

const runs = Number(process.env['STREAM_RUNS'] ?? 10)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sharded-savepoint-'))
})
afterAll(() => rm(folder, { recursive: true }))
const file = (name: string) => join(folder, name)
const placeOf = (job: string, shards: number) => ({
  shards,
  progressTopic: `${job}.progress`,
  internalTopics: `${job}.internal`,
})

const example = <History extends readonly unknown[]>(
  history: History,
  n: number,
  m: number,
): [...History, number, number] => [...history, n, m]

describe('restoreShardedSavepoint', () => {
  test('property: a savepoint of what was restored, into any number of shards, has the same bytes', async () => {
    const histories = [storm, priceHistory(0), priceHistory(1)] as const
    const known = fc.sample(fc.tuple(...histories), { seed: 7, numRuns: 1 })
    const shards = fc.integer({ min: 1, max: 6 })
    let [cells, number] = [0, 0]
    await fc.assert(
      fc.asyncProperty(...histories, shards, shards, async ({ stormy }, first, second, n, m) => {
        const run = await StormRun.on(stormy, [first, second])
        const job = await run.open(n)
        await job.runToEnd()
        await job.savepoint(file('one'))
        await job.close()
        const definition = { ...defineJob(), clock: () => 0 }
        const { log } = run
        const at = { ...placeOf('new', m), log }
        number += 1
        await restoreShardedSavepoint({ ...at, topology: definition.topology, file: file('one') })
        const taken = { ...at, definition, file: file('two'), stateFolder: file(`state-${number}`) }
        cells += (await takeShardedSavepoint(taken)).cells
        expect(await readFile(file('two'), 'utf8')).toBe(await readFile(file('one'), 'utf8'))
        // A name is used once.
        await expect(
          restoreShardedSavepoint({ ...at, topology: definition.topology, file: file('one') }),
        ).rejects.toMatchObject({ code: 'STREAM_SAVEPOINT' })
      }),
      // One that is known to end with state, in one shard and in several.
      { numRuns: runs, examples: known.flatMap((one) => [example(one, 3, 1), example(one, 1, 4)]) },
    )
    expect(cells).toBeGreaterThan(0)
  })
})
