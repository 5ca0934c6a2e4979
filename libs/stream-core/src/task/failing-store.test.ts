import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { interposedStore } from '../../testing/interposed-store.ts'
import { appendJson, fillStormLog } from '../../testing/storm-log.ts'
import { stormTopology } from '../../testing/storm.ts'
import { openJob } from '../job.ts'
import { openLevelStore } from '../state/level-store.ts'
import type { StateStore, StoredCell } from '../state/state-store.ts'
import { maxTimestamp } from '../time.ts'
import { checkpointedCells } from './checkpoint.ts'

const people = ['ann', 'bob', 'cyd', 'dan', 'eve']
/** Final as soon as sealed, so that each epoch can be a checkpoint. */
const epoch = (number: number): readonly object[] => {
  const [from, to] = [people[number % 5], people[(2 * number + 1) % 5]]
  return [
    { type: 'element', timestamp: 10 * number + 1, value: { from, to, amount: 10 + number } },
    { type: 'sealed', epoch: number, watermark: 10 * number + 9 },
    { type: 'finalized', epoch: number },
  ]
}
const epochs = 6

/** A store whose writes may fail before anything is written, or after all was. */
const failing = (store: StateStore, fateOf: () => 'written' | 'lost' | 'unknown'): StateStore =>
  interposedStore(store, async (batch, write) => {
    const fate = fateOf()
    if (fate !== 'lost') await write(batch)
    if (fate !== 'written') throw new Error(`the write is ${fate}`)
  })

/** Epoch by epoch, each followed by a checkpoint; then what was written and what the store holds. */
const run = async (fateOf: (write: number) => 'written' | 'lost' | 'unknown') => {
  const log = openSimulatedLog()
  await fillStormLog(log, [], [[{ type: 'watermark', watermark: maxTimestamp }]])
  const folder = join(mkdtempSync(join(tmpdir(), 'failing-store-')), 'store')
  let writes = 0
  const store = failing(await openLevelStore(folder), () => fateOf(writes++))
  const job = await openJob({
    topology: stormTopology({ maxFinishedIds: 3 }),
    log,
    store,
    stateFolder: '',
    progressTopic: 'progress',
    deadLetters: { topic: 'dead', encode: ({ operator, origin }) => Buffer.from(`${operator} ${origin}`) },
    clock: () => performance.now(),
    restart: { type: 'none' },
    checkpointIntervalMs: 1e9,
  })
  let failed = 0
  for (let number = 1; number <= epochs; number += 1) {
    await appendJson(log, 'chain', 0, epoch(number))
    await job.runToEnd()
    failed = job.progress().failedCheckpoints
  }
  const { checkpoints } = job.progress()
  await job.close()
  const opened = await openLevelStore(folder)
  const cells: (Omit<StoredCell, 'value'> & { readonly value: string })[] = []
  for await (const cell of checkpointedCells(opened)) {
    cells.push({ ...cell, value: Buffer.from(cell.value).toString('latin1') })
  }
  await opened.close()
  const written = [0, 1, 2].map((partition) =>
    log.records({ topic: 'findings', partition }).map(({ value }) => Buffer.from(value).toString()),
  )
  return { cells, written, writes, failed, checkpoints }
}

describe('a LevelDB store whose writes fail', () => {
  test('property: whichever write fails, the job goes on, and the next checkpoint has all that the failed one lacked', async () => {
    const calm = await run(() => 'written')
    expect(calm).toMatchObject({ failed: 0, writes: calm.checkpoints })
    expect(calm.cells.length).toBeGreaterThan(5)
    for (const fate of ['lost', 'unknown'] as const) {
      for (let at = 0; at < calm.writes - 1; at += 1) {
        const { cells, written, failed } = await run((write) => (write === at ? fate : 'written'))
        expect({ fate, at, cells, written, failed }).toEqual({
          fate,
          at,
          cells: calm.cells,
          written: calm.written,
          failed: 1,
        })
      }
      const stubborn = await run((write) => (write < calm.writes - 1 ? fate : 'written'))
      expect({ cells: stubborn.cells, written: stubborn.written }).toEqual({ cells: calm.cells, written: calm.written })
      expect(stubborn.failed).toBe(calm.writes - 1)
    }
  })
})
