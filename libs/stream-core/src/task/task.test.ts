import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { priceHistory, storm, stormTopology, type ChainRecord, type PriceRecord } from '../../testing/storm.ts'
import { testDriver } from '../../testing/test-driver.ts'
import { jsonStateCodec, numberCodec, StreamBuilder, stringKey, tumbling, type SourceRecord } from '../index.ts'
import type { Emission } from './output-buffer.ts'
import { Task } from './task.ts'

const countAll = {
  createAccumulator: () => 0,
  add: (_: string, count: number) => count + 1,
  merge: (a: number, b: number) => a + b,
  getResult: (count: number) => count,
}

const runs = Number(process.env['STREAM_RUNS'] ?? 100)

const newTask = () => {
  const task = new Task({
    topology: stormTopology(),
    partitions: (topic) => (topic === 'prices' ? 2 : 1),
    deadLetters: { topic: 'dead', encode: (letter) => Buffer.from(`${letter.operator} ${letter.origin}`) },
  })
  task.attach({ tables: {}, read: () => undefined, readSpill: () => undefined })
  return task
}

const asText = ({ sink, record }: Emission) => `${sink} ${record.partition} ${Buffer.from(record.value).toString()}`

/** The logs of the inputs, in their order: prices/0, prices/1, chain. */
type Logs = readonly (readonly (ChainRecord | PriceRecord)[])[]

/** All that a checkpoint would hold now: equal folds give equal bytes. */
const checkpointOf = (task: Task) => {
  const { snapshot, tables } = task.beginCheckpoint()
  while (task.noteForCheckpoint());
  const cells = tables.flatMap(([name, table]) =>
    [...table.changedCells()].map((cell) => {
      const { key, sub, value } = cell ?? { key: '', sub: null, value: null }
      const bytes = value === null ? null : Buffer.from(value).toString('hex')
      return JSON.stringify([name, key, sub, bytes])
    }),
  )
  return { snapshot, cells: cells.sort() }
}

/** Folds all that is there, in steps that are left when `pauses` says so, and taken up again. */
const runWithPauses = (logs: Logs, pauses: readonly boolean[]) => {
  const task = newTask()
  logs.forEach((records, index) => {
    const logRecords = records.map((record, offset) => ({
      offset,
      key: null,
      value: Buffer.from(JSON.stringify(record)),
    }))
    task.inputs[index]?.offer(logRecords, logRecords.length)
  })
  let asked = 0
  let paused = 0
  for (;;) {
    const before = asked
    const ended = task.advance(Infinity, () => {
      asked += 1
      return pauses[asked % Math.max(pauses.length, 1)] ?? false
    })
    if (task.isInStep) paused += 1
    else if (ended === 0 && asked === before) break
  }
  return { outputs: task.outputs.drain().map(asText), checkpoint: checkpointOf(task), paused }
}

/** Offers the logs in pieces, in the order and sizes of `offers`, then the rest. */
const runInPieces = (logs: Logs, offers: readonly { readonly input: number; readonly count: number }[]) => {
  const task = newTask()
  const outputs: string[] = []
  const read = logs.map(() => 0)
  const offer = (index: number, count: number) => {
    const from = read[index] ?? 0
    const records = (logs[index] ?? []).slice(from, from + count)
    read[index] = from + records.length
    const logRecords = records.map((record, i) => ({
      offset: from + i,
      key: null,
      value: Buffer.from(JSON.stringify(record)),
    }))
    task.inputs[index]?.offer(logRecords, from + records.length)
    task.advance(Infinity)
    outputs.push(...task.outputs.drain().map(asText))
  }
  for (const { input, count } of offers) offer(input, count)
  for (let index = 0; index < logs.length; index += 1) offer(index, Infinity)
  return outputs
}

describe('Task', () => {
  test('property: outputs depend on the logs alone, not on when and in what pieces they are read', () => {
    fc.assert(
      fc.property(
        storm,
        priceHistory(0),
        priceHistory(1),
        fc.array(fc.record({ input: fc.nat(2), count: fc.integer({ min: 1, max: 6 }) }), { maxLength: 40 }),
        ({ stormy }, first, second, offers) => {
          const logs = [first, second, stormy]
          const atOnce = runInPieces(logs, [])
          expect(runInPieces(logs, offers)).toEqual(atOnce)
        },
      ),
      { numRuns: runs },
    )
  })

  test('property: outputs and state do not depend on where a step is left and taken up again', () => {
    let pausedInSteps = 0
    fc.assert(
      fc.property(
        storm,
        priceHistory(0),
        priceHistory(1),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 50 }),
        ({ stormy }, first, second, pauses) => {
          const logs = [first, second, stormy]
          const { paused, ...withPauses } = runWithPauses(logs, pauses)
          const { paused: none, ...atOnce } = runWithPauses(logs, [])
          pausedInSteps += paused
          expect(none).toBe(0)
          expect(withPauses).toEqual(atOnce)
        },
      ),
      { numRuns: runs },
    )
    expect(pausedInSteps).toBeGreaterThan(10 * runs)
  })

  test('behavior: a watermark that fires 100,000 windows can be left after every 16, and its undo in slices', () => {
    const builder = new StreamBuilder({ job: 'windows', version: '1' })
    const asWritten = {
      decode: (value: Uint8Array) => JSON.parse(Buffer.from(value).toString()) as SourceRecord<string>,
    }
    builder
      .source('in', { topic: 'in', codec: asWritten, watermarks: { type: 'in-log' }, epochs: true })
      .keyBy((key) => key, stringKey)
      .window(tumbling(1000))
      .aggregate('count', countAll, numberCodec, (_, window, key, emit: (id: string) => void) =>
        emit(`${key}-${window.start}`),
      )
      .sinkTo('out', {
        topic: 'out',
        codec: {
          idOf: (id) => id,
          encode: (id) => ({ key: null, value: Buffer.from(id) }),
          outputCodec: jsonStateCodec(),
        },
      })
    const task = new Task({
      topology: builder.build(),
      partitions: () => 1,
      deadLetters: { topic: 'dead', encode: () => Buffer.from('') },
    })
    const keys = 100_000
    const records: SourceRecord<string>[] = [
      // In no order, so that the keys of the window must be sorted.
      ...Array.from({ length: keys }, (_, index) => {
        const value = `${(index * 7919) % keys}`
        return { type: 'element', timestamp: 1, value } as const
      }),
      { type: 'sealed', epoch: 1, watermark: 1 },
      { type: 'sealed', epoch: 2, watermark: 999 },
      { type: 'reverted', epoch: 2 },
      { type: 'sealed', epoch: 2, watermark: 999 },
      { type: 'finalized', epoch: 2 },
    ]
    const logRecords = records.map((record, offset) => ({
      offset,
      key: null,
      value: Buffer.from(JSON.stringify(record)),
    }))
    task.inputs[0]?.offer(logRecords, logRecords.length)
    task.advance(keys)
    const unitsOfStep = () => {
      let units = 0
      while (task.advance(1, () => true) === 0 && task.isInStep) units += 1
      return units
    }
    const [first, fired, reverted, again, finalized] = records.slice(keys).map(unitsOfStep)
    // 784 slices of sorting, the first of them at once, then 16 keys a unit; the pane goes in slices of 64 changes of 16 cells; compaction of the
    // epoch before in slices of 500 cells.
    expect(fired).toBe(784 - 2 + keys / 16 + Math.ceil(keys / (16 * 64)) + keys / 500 - 1)
    // Besides the sinks' 100,000 cells and the pane, each retraction of what was emitted is a unit.
    expect(reverted).toBeGreaterThan(keys + (keys + keys / 16) / 500)
    expect(again).toBe(fired)
    expect(finalized).toBeGreaterThan(keys + keys / 500)
    expect(first).toBe(0)
    expect(task.outputs.position).toBe(4 * keys)
    expect(task.tables.get('count/#panes')?.size).toBe(0)
  })

  test('property: after any storm of reorgs, state and what stands equal those of the canonical chain alone', () => {
    let outputs = 0
    let retractions = 0
    fc.assert(
      fc.property(storm, priceHistory(0), priceHistory(1), ({ canonical, stormy }, first, second) => {
        const run = (chain: readonly ChainRecord[]) => {
          const driver = testDriver(stormTopology(), { partitions: { prices: 2 } })
          driver.push('chain', ...chain.slice(0, chain.length / 2))
          driver.pushTo('prices', 0, ...first)
          driver.push('chain', ...chain.slice(chain.length / 2))
          driver.pushTo('prices', 1, ...second)
          return driver
        }
        const [calm, wild] = [run(canonical), run(stormy)]
        outputs += calm.outputs().length
        retractions += wild.outputs().filter(({ transition }) => transition.type === 'retracted').length
        expect(wild.dump()).toEqual(calm.dump())
        for (const sink of ['findings', 'others']) expect(wild.standing(sink)).toEqual(calm.standing(sink))
        expect(wild.watermark).toBe(calm.watermark)
        expect(wild.waiting).toBe(0)
      }),
      { numRuns: runs },
    )
    // The law would hold of a run in which nothing happens.
    expect(outputs).toBeGreaterThan(10 * runs)
    expect(retractions).toBeGreaterThan(runs)
  })

  test('behavior: what came after the last epoch is confirmed with the last watermark, whoever emitted it', () => {
    const driver = testDriver(stormTopology())
    driver.push('chain', { type: 'sealed', epoch: 1, watermark: 0 })
    driver.push('prices', { type: 'element', timestamp: 500, value: { token: 'ann', price: 7 } }, end)
    driver.push('chain', { type: 'watermark', watermark: 2999 }, { type: 'finalized', epoch: 1 })
    // The window of the price has fired: after epoch 1, and before the chain said that nothing follows.
    expect([...driver.standing('others')]).toMatchObject([['ticks-ann-0', { status: 'added' }]])
    driver.push('chain', end)
    expect([...driver.standing('others')]).toMatchObject([['ticks-ann-0', { status: 'confirmed' }]])
  })

  test.each([1.5, NaN, Infinity, 2 ** 53 + 100])('error: an element at %s becomes a dead letter', async (timestamp) => {
    const driver = testDriver(stormTopology())
    const value = { token: 'ann', price: 7 }
    driver.push('prices', { type: 'element', timestamp, value }, { type: 'element', timestamp: 900, value }, end)
    driver.push('chain', end)
    expect(driver.deadLetters()).toMatchObject([{ operator: 'prices', code: 'STREAM_TIMESTAMP' }])
    expect([...driver.standing('others').keys()]).toEqual(['ticks-ann-0'])
    await driver.checkpoint() // it can hold what there is
  })

  test('property: revisions of an id count its transitions, and it ends in one of confirmed, retracted or added', () => {
    fc.assert(
      fc.property(storm, priceHistory(0), ({ stormy }, first) => {
        const driver = testDriver(stormTopology())
        driver.push('chain', ...stormy)
        driver.push('prices', ...first)
        const revisions = new Map<string, number>()
        for (const { sink, key, transition } of driver.outputs()) {
          const id = `${sink} ${key === null ? '' : Buffer.from(key).toString()}`
          expect(transition.revision).toBe((revisions.get(id) ?? 0) + 1)
          revisions.set(id, transition.revision)
        }
      }),
      { numRuns: runs },
    )
  })
})

const end = { type: 'watermark', watermark: Number.MAX_SAFE_INTEGER } as const
