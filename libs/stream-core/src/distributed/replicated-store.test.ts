import { openSimulatedLog } from '@tocsin/event-log/testing'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { interposedStore } from '../../testing/interposed-store.ts'
import { stateStoreSuite } from '../../testing/state-store.suite.ts'
import { newMemoryStoreContents, openMemoryStore } from '../state/memory-store.ts'
import type { StateStore } from '../state/state-store.ts'
import { CheckpointReplica, splitMeta } from './checkpoint-replica.ts'
import { openReplicatedStore } from './replicated-store.ts'

const at = { topic: 'checkpoints', partition: 0, transactionalId: 'job.0.checkpoints' }
const openLog = async () => {
  const log = openSimulatedLog()
  await log.createTopics([{ topic: at.topic, partitions: 1 }])
  return log
}
const text = (value: string) => Buffer.from(value)

const checkpoint = async (store: StateStore, meta: string, cells: Readonly<Record<string, string | null>>) => {
  const write = store.begin()
  for (const [key, value] of Object.entries(cells)) write.put('t', key, null, value === null ? null : text(value))
  await write.commit(text(meta))
}
const contentsOf = async (store: StateStore) => {
  const cells: Record<string, string> = {}
  for await (const { key, value } of store.cells()) cells[key] = Buffer.from(value).toString()
  const meta = await store.readMeta()
  return { meta: meta && Buffer.from(meta).toString(), cells }
}
/** What a process without any state finds. */
const elsewhere = async (log: Awaited<ReturnType<typeof openLog>>) => {
  const local = openMemoryStore()
  const replica = await CheckpointReplica.open(log, at, local)
  await replica.catchUp()
  await replica.closeReader()
  const { cells } = await contentsOf(local)
  const stored = await local.readMeta()
  const meta = stored && splitMeta(stored).meta
  return { meta: meta && Buffer.from(meta).toString(), cells }
}

describe('openReplicatedStore', () => {
  let suiteLog = openSimulatedLog()
  let suiteContents = newMemoryStoreContents()
  const reset = async () => {
    suiteLog = await openLog()
    suiteContents = newMemoryStoreContents()
  }
  beforeAll(reset)
  stateStoreSuite('with a checkpoint topic', {
    open: () => openReplicatedStore(suiteLog, at, openMemoryStore(suiteContents)),
    reset,
  })

  test('default: another process reads in what the owner has checkpointed, deletions too', async () => {
    const log = await openLog()
    const store = await openReplicatedStore(log, at, openMemoryStore())
    await checkpoint(store, 'one', { a: '1', b: '1' })
    await checkpoint(store, 'two', { a: '2', b: null, c: '2' })
    expect(await elsewhere(log)).toEqual({ meta: 'two', cells: { a: '2', c: '2' } })
  })

  test('behavior: the next owner goes on from the topic, whatever its own copy was', async () => {
    const log = await openLog()
    const [first, second] = [newMemoryStoreContents(), newMemoryStoreContents()]
    await checkpoint(await openReplicatedStore(log, at, openMemoryStore(first)), 'one', { a: '1', b: '1' })
    await checkpoint(await openReplicatedStore(log, at, openMemoryStore(second)), 'two', { b: '2', c: '2' })
    const back = await openReplicatedStore(log, at, openMemoryStore(first))
    expect(await contentsOf(back)).toEqual({ meta: 'two', cells: { a: '1', b: '2', c: '2' } })
  })

  test('behavior: an owner that was replaced can checkpoint no more', async () => {
    const log = await openLog()
    const zombie = await openReplicatedStore(log, at, openMemoryStore())
    await checkpoint(zombie, 'one', { a: '1' })
    await openReplicatedStore(log, at, openMemoryStore())
    await expect(checkpoint(zombie, 'two', { a: '2' })).rejects.toMatchObject({ code: 'LOG_PRODUCER_FENCED' })
    expect(await elsewhere(log)).toEqual({ meta: 'one', cells: { a: '1' } })
  })

  test('behavior: a checkpoint whose outcome is unknown does not count; the next one holds what it held', async () => {
    const log = await openLog()
    const contents = newMemoryStoreContents()
    const store = await openReplicatedStore(log, at, openMemoryStore(contents))
    await checkpoint(store, 'one', { a: '1' })
    for (const fate of ['lost', 'commit-unknown'] as const) {
      log.decideAppends(() => fate)
      await expect(checkpoint(store, fate, { a: fate, b: fate })).rejects.toMatchObject({ code: 'LOG_COMMIT_UNKNOWN' })
      expect(await contentsOf(store)).toEqual({ meta: 'one', cells: { a: '1' } })
    }
    log.decideAppends(() => 'committed')
    await checkpoint(store, 'three', { a: '3', b: '3', c: '3' })
    expect(await elsewhere(log)).toEqual({ meta: 'three', cells: { a: '3', b: '3', c: '3' } })
    expect(await contentsOf(store)).toEqual(await elsewhere(log))
  })

  test('behavior: what the disk of a standby did not take is read again', async () => {
    const log = await openLog()
    const owner = await openReplicatedStore(log, at, openMemoryStore())
    let isFull = false
    const local = interposedStore(openMemoryStore(), async (batch, next) => {
      if (isFull) throw new Error('ENOSPC')
      await next(batch)
    })
    const standby = await CheckpointReplica.open(log, at, local)
    await checkpoint(owner, 'one', { a: '1' })
    await standby.read(0)
    await checkpoint(owner, 'two', { b: '2' })
    isFull = true
    await expect(standby.read(0)).rejects.toThrow('ENOSPC')
    isFull = false
    await checkpoint(owner, 'three', { c: '3' })
    await standby.catchUp()
    await standby.closeReader()
    const { cells } = await contentsOf(local)
    expect(cells).toEqual({ a: '1', b: '2', c: '3' })
  })

  test('behavior: a checkpoint that broke off half-way is void', async () => {
    const log = await openLog()
    const store = await openReplicatedStore(log, at, openMemoryStore())
    const megabytes = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`${index}`, 'x'.repeat(1_000_000)]))
    let appends = 0
    log.decideAppends(() => ((appends += 1) === 2 ? 'lost' : 'committed'))
    await expect(checkpoint(store, 'half', megabytes)).rejects.toMatchObject({ code: 'LOG_COMMIT_UNKNOWN' })
    expect(await elsewhere(log)).toEqual({ meta: undefined, cells: {} })
    await checkpoint(store, 'other', { a: '1' })
    expect(await elsewhere(log)).toEqual({ meta: 'other', cells: { a: '1' } })
  })

  test('behavior: a checkpoint from before there was a topic is told to it when the store is opened', async () => {
    const log = await openLog()
    const contents = newMemoryStoreContents()
    await checkpoint(openMemoryStore(contents), '{"plain":true}', { a: '1', b: '1' })
    const store = await openReplicatedStore(log, at, openMemoryStore(contents))
    expect(await elsewhere(log)).toEqual({ meta: '{"plain":true}', cells: { a: '1', b: '1' } })
    await checkpoint(store, 'two', { b: '2' })
    expect(await elsewhere(log)).toEqual({ meta: 'two', cells: { a: '1', b: '2' } })
  })

  test('behavior: the topic stays within about twice the state, and one who lags behind begins at its snapshot', async () => {
    const log = await openLog()
    const store = await openReplicatedStore(log, at, openMemoryStore())
    const lagging = openMemoryStore()
    const replica = await CheckpointReplica.open(log, at, lagging)
    await checkpoint(store, 'first', { gone: 'x', large: 'x' })
    await replica.catchUp()
    const mebibyte = 'y'.repeat(1 << 20)
    for (let round = 0; round < 30; round += 1) {
      if (round === 0) await checkpoint(store, 'less', { gone: null })
      await checkpoint(store, `${round}`, { large: `${round}${mebibyte}`, [`key-${round}`]: 'small' })
    }
    const bytes = log.records(at).reduce((sum, { value }) => sum + value.length, 0)
    expect(bytes).toBeLessThan(13 << 20)
    await replica.catchUp()
    expect(await elsewhere(log)).toEqual(await contentsOf(store))
    const { cells } = await contentsOf(lagging)
    expect(cells).toEqual((await contentsOf(store)).cells)
  })

  test('property: whoever reads along, from wherever, with whatever stops, ends with the owner’s checkpoint', async () => {
    const step = fc.oneof(
      fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.string({ maxLength: 3 })), { minKeys: 1 }),
      fc.constantFrom('lost' as const, 'commit-unknown' as const, 'take over' as const, 'read along' as const),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const log = await openLog()
        const followed = newMemoryStoreContents()
        let store = await openReplicatedStore(log, at, openMemoryStore())
        let due: Record<string, string | null> = {}
        for (const [index, one] of steps.entries()) {
          if (one === 'take over') {
            store = await openReplicatedStore(log, at, openMemoryStore())
            due = {}
          } else if (one === 'read along') {
            const replica = await CheckpointReplica.open(log, at, openMemoryStore(followed))
            await replica.catchUp()
            await replica.closeReader()
          } else if (typeof one === 'string') {
            log.decideAppends(() => one)
            due = { ...due, a: `${index}` }
            await checkpoint(store, `${index}`, due).catch(() => undefined)
            log.decideAppends(() => 'committed')
          } else {
            due = { ...due, ...one }
            await checkpoint(store, `${index}`, due)
            due = {}
          }
        }
        await checkpoint(store, 'end', due)
        const replica = await CheckpointReplica.open(log, at, openMemoryStore(followed))
        await replica.catchUp()
        const expected = await contentsOf(store)
        expect((await contentsOf(openMemoryStore(followed))).cells).toEqual(expected.cells)
        expect(await elsewhere(log)).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })
})
