import type { Admin } from 'kafkajs'
import { TopicMismatchError, TopicSettingsError } from './errors.ts'
import type { TopicSpec } from './event-log.ts'
import { kafkaErrorTypes, unavailable } from './kafka-errors.ts'
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
   * replicas stay. @returns the names of those that were changed @throws {LogUnavailableError}
   */
  repair(specs: readonly TopicSpec[]): Promise<readonly string[]>
}

/** ConfigSource.TOPIC_CONFIG: set for this topic, not a broker's default. */
const SET_FOR_TOPIC = 1

export class KafkaTopics implements TopicAdmin {
  readonly #admin: () => Promise<Admin>
  readonly #replicationFactor: number | undefined
  readonly #waitForTopic: (topic: string) => Promise<unknown>

  constructor(
    admin: () => Promise<Admin>,
    replicationFactor: number | undefined,
    waitForTopic: (topic: string) => Promise<unknown>,
  ) {
    this.#admin = admin
    this.#replicationFactor = replicationFactor
    this.#waitForTopic = waitForTopic
  }

  async describe(topics: readonly string[]): Promise<readonly TopicState[]> {
    const admin = await this.#admin()
    return asking(`describing ${topics.join(', ')}`, async () => {
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
    const admin = await this.#admin()
    const names = parsed.map(({ topic }) => topic)
    return asking(`creating ${names.join(', ')}`, async () => {
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
      for (const { topic } of missing) await this.#waitForTopic(topic)
      return missing.map(({ topic }) => topic)
    })
  }

  async repair(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    const admin = await this.#admin()
    const states = await this.describe(specs.map(({ topic }) => topic))
    return asking('changing settings', async () => {
      const own = await this.#settings(states.map(({ topic }) => topic))
      const changed: string[] = []
      for (const { topic, replication, settings } of states) {
        const wanted = settingsFor(specs.find((spec) => spec.topic === topic) ?? {}, replication)
        if (Object.entries(wanted).every(([name, value]) => settings?.[name] === value)) continue
        // kafkajs has no incremental request: what is not sent goes back to the brokers' default.
        const kept = (own?.get(topic) ?? []).filter(({ source }) => source === SET_FOR_TOPIC)
        const all = { ...Object.fromEntries(kept.map(({ name, value }) => [name, value])), ...wanted }
        const resource = { type: loadKafkajs().ConfigResourceTypes.TOPIC, name: topic, configEntries: entriesOf(all) }
        await admin.alterConfigs({ validateOnly: false, resources: [resource] })
        changed.push(topic)
      }
      return changed
    })
  }

  async #brokers(): Promise<number> {
    const admin = await this.#admin()
    const { brokers } = await asking('asking for the brokers', () => admin.describeCluster())
    return brokers.length
  }

  /** By topic. Null where this client may not ask: then the rest is checked. */
  async #settings(topics: readonly string[]) {
    if (topics.length === 0) return new Map<string, readonly Setting[]>()
    const admin = await this.#admin()
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

const entriesOf = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => ({ name, value }))

async function asking<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw unavailable(`${what} failed`, error)
  }
}
