import type { Admin } from 'kafkajs'
import { LogUnavailableError, TopicMismatchError, TopicSettingsError } from './errors.ts'
import type { TopicSpec } from './event-log.ts'
import { kafkaErrorTypes, logErrorOf } from './kafka-errors.ts'
import { loadKafkajs } from './kafka-internals.ts'
import { parseTopicSpec } from './topic-spec.ts'
import { problemsOf, replicationFor, settingsFor, type TopicProblem, type TopicState } from './topic-settings.ts'

/** The topics of a cluster, for those who set it up. What processes need of them is `EventLog.createTopics`. */
export interface TopicAdmin {
  /** Of those topics, the ones that exist, in the order given. @throws {LogUnavailableError} */
  describe(topics: readonly string[]): Promise<readonly TopicState[]>
  /** What is wrong with those that exist. @throws {LogUnavailableError} */
  check(specs: readonly TopicSpec[]): Promise<readonly TopicProblem[]>
  /** Creates those that do not exist. @returns their names @throws {LogUnavailableError} */
  create(specs: readonly TopicSpec[]): Promise<readonly string[]>
  /**
   * Gives those that exist the settings they are created with, and leaves others that were set for them. Partitions and
   * replicas stay. @returns the names of those that were changed, once a broker says so @throws {LogUnavailableError}
   */
  repair(specs: readonly TopicSpec[]): Promise<readonly string[]>
}

/** Brokers hear of a change from their controller, a moment after who made it. */
const TOLD_DEADLINE_MS = 10_000
const TOLD_INTERVAL_MS = 20

/** ConfigSource.TOPIC_CONFIG: set for this topic, not a broker's default. */
const SET_FOR_TOPIC = 1

interface WayToCluster {
  admin(): Promise<Admin>
  /** What did not answer is not asked again: the next `admin()` is another. */
  hangUp(): void
  /** Resolves when its leaders are known. */
  waitForTopic(topic: string): Promise<unknown>
}

export class KafkaTopics implements TopicAdmin {
  readonly #way: WayToCluster
  readonly #replicationFactor: number | undefined

  constructor(way: WayToCluster, replicationFactor: number | undefined) {
    this.#way = way
    this.#replicationFactor = replicationFactor
  }

  async describe(topics: readonly string[]): Promise<readonly TopicState[]> {
    const admin = await this.#way.admin()
    return this.#asking(`describing ${topics.join(', ')}`, async () => {
      const known = new Set(await admin.listTopics())
      const existing = topics.filter((topic) => known.has(topic))
      if (existing.length === 0) return []
      const { topics: metadata } = await admin.fetchTopicMetadata({ topics: existing })
      const settings = await this.#settings(existing)
      return existing.map((topic): TopicState => {
        const partitions = metadata.find(({ name }) => name === topic)?.partitions ?? []
        const own = settings?.get(topic)
        return {
          topic,
          partitions: partitions.length,
          replication: Math.min(...partitions.map(({ replicas }) => replicas.length)),
          settings: own === undefined ? null : Object.fromEntries(own.map(({ name, value }) => [name, value])),
        }
      })
    })
  }

  async check(specs: readonly TopicSpec[]): Promise<readonly TopicProblem[]> {
    const parsed = specs.map(parseTopicSpec)
    const states = await this.describe(parsed.map(({ topic }) => topic))
    if (states.length === 0) return []
    const brokers = await this.#brokers()
    return parsed.flatMap((spec) => {
      const state = states.find(({ topic }) => topic === spec.topic)
      return state === undefined ? [] : problemsOf(spec, state, brokers)
    })
  }

  async create(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    const parsed = specs.map(parseTopicSpec)
    const admin = await this.#way.admin()
    const names = parsed.map(({ topic }) => topic)
    return this.#asking(`creating ${names.join(', ')}`, async () => {
      const known = new Set(await admin.listTopics())
      const missing = parsed.filter(({ topic }) => !known.has(topic))
      if (missing.length === 0) return []
      const replicationFactor = this.#replicationFactor ?? replicationFor(await this.#brokers())
      await admin.createTopics({
        waitForLeaders: false, // its wait fails now and then for a topic that was created
        topics: missing.map((spec) => ({
          topic: spec.topic,
          numPartitions: spec.partitions,
          replicationFactor,
          configEntries: entriesOf(settingsFor(spec, replicationFactor)),
        })),
      })
      for (const { topic } of missing) await this.#way.waitForTopic(topic)
      return missing.map(({ topic }) => topic)
    })
  }

  async repair(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    const admin = await this.#way.admin()
    const states = await this.describe(specs.map(({ topic }) => topic))
    return this.#asking('changing settings', async () => {
      const own = await this.#settings(states.map(({ topic }) => topic))
      const changed: string[] = []
      for (const { topic, replication, settings } of states) {
        const wanted = settingsFor(specs.find((spec) => spec.topic === topic) ?? {}, replication)
        if (settings !== null && includesAll(settings, wanted)) continue
        // kafkajs has no incremental request: what is not sent goes back to the brokers' default.
        const kept = (own?.get(topic) ?? []).filter(({ source }) => source === SET_FOR_TOPIC)
        const all = { ...Object.fromEntries(kept.map(({ name, value }) => [name, value])), ...wanted }
        const resource = { type: loadKafkajs().ConfigResourceTypes.TOPIC, name: topic, configEntries: entriesOf(all) }
        await admin.alterConfigs({ validateOnly: false, resources: [resource] })
        await this.#untilTold(topic, wanted)
        changed.push(topic)
      }
      return changed
    })
  }

  /** So that who looks next sees what was changed; a cluster that takes longer, or will not say, is not waited for. */
  async #untilTold(topic: string, wanted: Readonly<Record<string, string>>): Promise<void> {
    const start = performance.now()
    while (performance.now() - start < TOLD_DEADLINE_MS) {
      const [state] = await this.describe([topic])
      if (state === undefined || state.settings === null || includesAll(state.settings, wanted)) return
      await new Promise((resolve) => setTimeout(resolve, TOLD_INTERVAL_MS))
    }
  }

  async #asking<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      const failure = logErrorOf(`${what} failed`, error)
      if (failure instanceof LogUnavailableError) this.#way.hangUp()
      throw failure
    }
  }

  async #brokers(): Promise<number> {
    const admin = await this.#way.admin()
    const { brokers } = await this.#asking('asking for the brokers', () => admin.describeCluster())
    return brokers.length
  }

  /** By topic. Null where this client may not ask: then the rest is checked. */
  async #settings(topics: readonly string[]) {
    if (topics.length === 0) return new Map<string, readonly Setting[]>()
    const admin = await this.#way.admin()
    const { ConfigResourceTypes } = loadKafkajs()
    try {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
      })
      return new Map(
        resources.map(({ resourceName, configEntries }) => [
          resourceName,
          configEntries.map(({ configName: name, configValue: value, configSource: source }): Setting => ({
            name,
            value,
            source,
          })),
        ]),
      )
    } catch (error) {
      if (kafkaErrorTypes(error).some((type) => type.endsWith('_AUTHORIZATION_FAILED'))) return null
      throw error
    }
  }
}

interface Setting {
  readonly name: string
  readonly value: string
  readonly source: number
}

/** @throws {TopicMismatchError | TopicSettingsError} of the first topic that a process cannot run on. */
export function refuseProblems(specs: readonly TopicSpec[], problems: readonly TopicProblem[]): void {
  const breaking = problems.filter(({ severity }) => severity === 'breaks')
  const [first] = breaking
  if (first === undefined) return
  const { topic, setting, value } = first
  const wanted = specs.find((spec) => spec.topic === topic)?.partitions ?? 0
  if (setting === 'partitions') throw new TopicMismatchError({ topic, existing: Number(value), wanted })
  throw new TopicSettingsError({ topic, problems: breaking.filter((problem) => problem.topic === topic) })
}

const includesAll = (settings: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>>) =>
  Object.entries(wanted).every(([name, value]) => settings[name] === value)

const entriesOf = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => ({ name, value }))
