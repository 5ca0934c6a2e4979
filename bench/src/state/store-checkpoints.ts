import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { openLevelStore, type LevelStoreOptions } from '@tocsin/stream-core/testing'
import { measure, median, rest, rounded } from '../measure.ts'
import { watchStretches } from '../stretches.ts'

const sliceMs = 2
const cellsALook = 16
const passes = 3

interface CheckpointCost {
  readonly cpuSeconds: number
  readonly longestStretchMs: number
}

/** A checkpoint of `cells` cells that the store holds already, as a task writes it: in slices. */
const checkpoint = async (folder: string, cells: number, options: LevelStoreOptions): Promise<CheckpointCost> => {
  const store = await openLevelStore(folder, options)
  await rest()
  const stretches = watchStretches()
  const span = measure(cells)
  const write = store.begin()
  let endsAt = performance.now() + sliceMs
  for (let n = 0; n < cells; n += 1) {
    write.put('bench/cells', `wallet-${n}`, null, Buffer.alloc(40, n))
    if (n % cellsALook > 0 || performance.now() < endsAt) continue
    await setImmediate()
    await write.drain()
    endsAt = performance.now() + sliceMs
  }
  await write.commit(Buffer.from('{}'))
  const longestStretchMs = stretches()
  await rest() // until LevelDB has compacted
  const { cpuSeconds } = span()
  await store.close()
  return { cpuSeconds, longestStretchMs }
}

/** What a checkpoint costs the store and how long it holds the thread at once: in one batch, and in parts as it is. */
export const compareCheckpoints = async (cells: number): Promise<object> => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
  const ways = { oneBatch: { partBytes: Infinity }, parts: {} }
  const costs = { oneBatch: new Array<CheckpointCost>(), parts: new Array<CheckpointCost>() }
  try {
    for (let pass = 0; pass <= passes; pass += 1) {
      for (const way of ['oneBatch', 'parts'] as const) {
        const cost = await checkpoint(join(folder, way), cells, ways[way])
        if (pass > 0) costs[way].push(cost) // the first finds nothing there
      }
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  const of = (way: readonly CheckpointCost[]): CheckpointCost => ({
    cpuSeconds: median(way.map(({ cpuSeconds }) => cpuSeconds)),
    longestStretchMs: median(way.map(({ longestStretchMs }) => longestStretchMs)),
  })
  const [oneBatch, parts] = [of(costs.oneBatch), of(costs.parts)]
  return {
    measure: 'store',
    oneBatch,
    parts,
    stretchOfOneBatch: rounded(parts.longestStretchMs / oneBatch.longestStretchMs),
    cpuOfOneBatch: rounded(parts.cpuSeconds / oneBatch.cpuSeconds),
  }
}
