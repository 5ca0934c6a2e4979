import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import {
  openDistributedJob,
  openJob,
  restoreSavepoint,
  type Job,
  type RestoreOptions,
  type Topology,
} from '../src/index.ts'
import { newMemoryStoreContents, openMemoryStore, type MemoryStoreContents } from '../src/state/memory-store.ts'
import { stormTopology, type ChainRecord, type PriceRecord } from './storm.ts'

/** The storm's job on a log, one run after the other, each with its own state and progress topic. */
export class StormRun {
  readonly log: SimulatedLog
  #opened = 0
  #stores = new Map<string, MemoryStoreContents>()

  private constructor(log: SimulatedLog) {
    this.log = log
  }

  static async on(chain: readonly ChainRecord[], prices: readonly (readonly PriceRecord[])[]): Promise<StormRun> {
    const log = openSimulatedLog()
    await log.createTopics([
      { topic: 'chain', partitions: 1 },
      { topic: 'prices', partitions: prices.length },
      { topic: 'findings', partitions: 3 },
      { topic: 'dead', partitions: 1 },
    ])
    const run = new StormRun(log)
    await run.append('chain', 0, chain)
    for (const [partition, records] of prices.entries()) await run.append('prices', partition, records)
    return run
  }

  async append(topic: string, partition: number, records: readonly object[]): Promise<void> {
    const producer = await this.log.openProducer(`writer-${topic}-${partition}`)
    const values = records.map((record) => Buffer.from(JSON.stringify(record)))
    await producer.append(values.map((value) => ({ topic, partition, key: null, value })))
    await producer.close()
  }

  /** A new run of the job, out of a savepoint if there is one: in one task if `shards` is null. */
  async open(
    shards: number | null,
    {
      topology = stormTopology(),
      savepoint = null,
      match = {},
      isAgain = false,
    }: {
      readonly topology?: Topology
      readonly savepoint?: string | null
      readonly match?: Partial<RestoreOptions>
      /** The run before goes on. */
      readonly isAgain?: boolean
    } = {},
  ): Promise<Job> {
    if (!isAgain) {
      this.#opened += 1
      this.#stores = new Map()
    }
    const progressTopic = `progress-${this.#opened}`
    let now = 0
    const clock = () => (now += 1)
    const deadLetters = {
      topic: 'dead',
      encode: ({ operator, origin }: { operator: string; origin: string }) => Buffer.from(`${operator} ${origin}`),
    }
    const shape = {
      log: this.log,
      stateFolder: '',
      progressTopic,
      checkpointIntervalMs: 0,
      commitIntervalMs: 0,
      batchSize: 3,
      restart: { type: 'none' },
    } as const
    const stores = this.#stores
    const openStore = async (task: string) => {
      const contents = stores.get(task) ?? newMemoryStoreContents()
      stores.set(task, contents)
      return openMemoryStore(contents)
    }
    const internalTopics = `internal-${this.#opened}`
    if (savepoint !== null) {
      const distributed = shards === null ? {} : { distributed: { shards, internalTopics } }
      const at = { file: savepoint, log: this.log, stateFolder: '', progressTopic, topology, openStore }
      await restoreSavepoint({ ...at, ...distributed, ...match })
    }
    if (shards === null) return openJob({ ...shape, topology, deadLetters, clock, store: await openStore('') })
    return openDistributedJob({
      ...shape,
      definition: { topology, deadLetters, clock },
      shards,
      internalTopics,
      openStore,
    })
  }

  /** What the sinks have told of each id, in order. */
  written(): ReadonlyMap<string, readonly string[]> {
    const byKey = new Map<string, string[]>()
    for (const partition of [0, 1, 2]) {
      for (const { key, value } of this.log.records({ topic: 'findings', partition })) {
        const id = key === null ? '' : Buffer.from(key).toString()
        byKey.set(id, [...(byKey.get(id) ?? []), Buffer.from(value).toString()])
      }
    }
    return byKey
  }
}
