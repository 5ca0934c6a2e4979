import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import {
  openDistributedJob,
  openJob,
  restoreSavepoint,
  type Job,
  type RestoreOptions,
  type Topology,
} from '../src/index.ts'
import { appendJson, fillStormLog, storesByTask } from './storm-log.ts'
import { stormTopology } from './storm.ts'

/** A job over a chain and prices, the storm's by default, one run after the other, each with its own state and progress topic. */
export class StormRun {
  readonly log: SimulatedLog
  readonly #topology: Topology
  #opened = 0
  #openStore = storesByTask()

  private constructor(log: SimulatedLog, topology: Topology) {
    this.log = log
    this.#topology = topology
  }

  static async on(
    chain: readonly object[],
    prices: readonly (readonly object[])[],
    topology = stormTopology(),
  ): Promise<StormRun> {
    const log = openSimulatedLog({ markers: true }) // as on Kafka, so that a task that has caught up stands before the end
    await fillStormLog(log, chain, prices)
    for (const topic of sinkTopicsOf(topology)) {
      if (topic !== 'findings') await log.createTopics([{ topic, partitions: 1 }])
    }
    return new StormRun(log, topology)
  }

  append(topic: string, partition: number, records: readonly object[]): Promise<void> {
    return appendJson(this.log, topic, partition, records)
  }

  /** A new run of the job, out of a savepoint if there is one: in one task if `shards` is null. */
  async open(
    shards: number | null,
    {
      topology = this.#topology,
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
      this.#openStore = storesByTask()
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
    const openStore = this.#openStore
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
  async written(): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
    const byKey = new Map<string, Uint8Array[]>()
    for (const topic of sinkTopicsOf(this.#topology)) {
      for (let partition = 0; partition < (await this.log.partitions(topic)); partition += 1) {
        for (const { key, value } of this.log.records({ topic, partition })) {
          const id = key === null ? '' : Buffer.from(key).toString()
          byKey.set(id, [...(byKey.get(id) ?? []), value])
        }
      }
    }
    return byKey
  }
}

const sinkTopicsOf = ({ nodes }: Topology): ReadonlySet<string> =>
  new Set(nodes.flatMap(({ sink }) => sink?.topic ?? []))
