import type { EventLog } from '@tocsin/event-log'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../src/state/memory-store.ts'
import type { StateStore } from '../src/state/state-store.ts'
import { interposedStore } from './interposed-store.ts'

/** Appends records as the JSON of themselves. */
export const appendJson = async (
  log: EventLog,
  topic: string,
  partition: number,
  records: readonly object[],
): Promise<void> => {
  const producer = await log.openProducer(`writer-${topic}-${partition}`)
  const values = records.map((record) => Buffer.from(JSON.stringify(record)))
  await producer.append(values.map((value) => ({ topic, partition, key: null, value })))
  await producer.close()
}

/** The storm's topics, and in them its history. */
export const fillStormLog = async (
  log: EventLog,
  chain: readonly object[],
  prices: readonly (readonly object[])[],
): Promise<void> => {
  await log.createTopics([
    { topic: 'chain', partitions: 1 },
    { topic: 'prices', partitions: prices.length },
    { topic: 'findings', partitions: 3 },
    { topic: 'dead', partitions: 1 },
  ])
  await appendJson(log, 'chain', 0, chain)
  for (const [partition, records] of prices.entries()) await appendJson(log, 'prices', partition, records)
}

/** The end of a process, as far as a test of one process can have it. */
export class Crash extends Error {
  readonly handling = 'stop'
}

/** To be called before each write: so many pass, the next one crashes. */
export const crashAfter = (writes: number): (() => void) => {
  let left = writes
  return () => {
    left -= 1
    if (left < 0) throw new Crash('killed')
  }
}

/** A store whose checkpoints crash the process before they are written, if `mayWrite` does. */
export const crashingStore = (contents: MemoryStoreContents, mayWrite: () => void): StateStore =>
  interposedStore(openMemoryStore(contents), async (batch, write) => {
    mayWrite()
    await write(batch)
  })

/** Stores by task that outlive who opens them, as disks do. */
export const storesByTask = () => {
  const all = new Map<string, MemoryStoreContents>()
  return async (task: string): Promise<StateStore> => {
    const contents = all.get(task) ?? newMemoryStoreContents()
    all.set(task, contents)
    return openMemoryStore(contents)
  }
}
