import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type KafkaEventLog, openKafkaLog, type Producer } from '@tocsin/event-log'
import type { ShardEvent } from '@tocsin/stream-core'
import type { CountInput } from './count-job.ts'
import { spawnGuarded } from '../guarded-process.ts'
import { root } from '../source-files.ts'

export interface CountClusterOptions {
  readonly bootstrap: string
  /** Begins the names of its topics, and names its group. */
  readonly name: string
  readonly shards: number
  readonly standbys?: number
  readonly sessionTimeoutMs?: number
  readonly heartbeatIntervalMs?: number
  readonly checkpointIntervalMs?: number
}

/** What a process is started with. */
export interface CountProcessOptions {
  readonly brokers: readonly string[]
  readonly name: string
  readonly shards: number
  readonly standbys: number
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly checkpointIntervalMs: number
  readonly stateFolder: string
}

/** `at` is in ms since 1970, by this machine's clock. */
export type CountProcessEvent = { readonly at: number } & (
  ShardEvent | { readonly type: 'terminating' } | { readonly type: 'ended' }
)

export interface CountProcess {
  readonly child: ChildProcess
  readonly events: CountProcessEvent[]
  /** Shards that it runs, by what it has told. */
  readonly owned: () => readonly number[]
  /** Its shards that it could take over at once. */
  readonly ready: () => readonly number[]
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  readonly errors: () => string
}

const inputs = 4
const entry = join(root, 'test/kafka-broker/count-process.ts')

/** The counting job in real processes on a real broker, its input and what comes out. */
export class CountCluster {
  readonly #options: CountClusterOptions
  readonly #log: KafkaEventLog
  readonly #producer: Producer
  readonly #folder: string
  readonly #processes: CountProcess[] = []
  readonly #expected = new Map<string, { counted: number; readonly told: string[] }>()
  readonly #told = new Map<string, string[]>()
  readonly #ending = new AbortController()
  #reading: Promise<void> = Promise.resolve()
  #time = 0
  /** When each output was read, and how many there are. */
  #arrivals: number[] = []
  #due = 0

  private constructor(options: CountClusterOptions, log: KafkaEventLog, producer: Producer, folder: string) {
    this.#options = options
    this.#log = log
    this.#producer = producer
    this.#folder = folder
  }

  static async open(options: CountClusterOptions): Promise<CountCluster> {
    const { bootstrap, name } = options
    const log = openKafkaLog({ brokers: [bootstrap], clientId: `${name}-test` })
    await log.createTopics([
      { topic: `${name}.in`, partitions: inputs },
      { topic: `${name}.out`, partitions: 1 },
      { topic: `${name}.dead`, partitions: 1 },
    ])
    const cluster = new CountCluster(
      options,
      log,
      await log.openProducer(`${name}.feeder`),
      await mkdtemp(join(tmpdir(), 'tocsin-shards-')),
    )
    cluster.#reading = cluster.#read()
    return cluster
  }

  /** Each process has a disk of its own; that of another can be given. */
  start(folder = `${this.#processes.length}`): CountProcess {
    const { bootstrap, name, shards, standbys = 1, sessionTimeoutMs = 6000, heartbeatIntervalMs = 100 } = this.#options
    const options: CountProcessOptions = {
      brokers: [bootstrap],
      name,
      shards,
      standbys,
      sessionTimeoutMs,
      heartbeatIntervalMs,
      checkpointIntervalMs: this.#options.checkpointIntervalMs ?? 1000,
      stateFolder: join(this.#folder, folder),
    }
    const child = spawnGuarded([process.execPath, '--conditions=@tocsin/source', entry, JSON.stringify(options)])
    const events: CountProcessEvent[] = []
    createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as CountProcessEvent))
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    const started: CountProcess = {
      child,
      events,
      owned: () => [...heldBy(events, 'taken')].toSorted((a, b) => a - b),
      ready: () => [...heldBy(events, 'standing-by')].toSorted((a, b) => a - b),
      exited: once(child, 'exit').then(([code, signal]) => ({
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
      })),
      errors: () => errors,
    }
    this.#processes.push(started)
    return started
  }

  /** Counts each of the keys once more, in one transaction; `isQuiet`: nothing is told of it. */
  async feed(keys: readonly number[], { isQuiet = false } = {}): Promise<void> {
    this.#time += 1
    const byPartition = Array.from({ length: inputs }, (): string[] => [])
    for (const key of keys) {
      const name = `key-${key}`
      byPartition[key % inputs]?.push(name)
      const known = this.#expected.get(name) ?? { counted: 0, told: [] }
      known.counted += 1
      if (!isQuiet) known.told.push(`${name} ${known.counted}`)
      this.#expected.set(name, known)
    }
    if (!isQuiet) this.#due += keys.length
    const time = this.#time
    await this.#producer.append(
      byPartition.map((names, partition) => {
        const input: CountInput = { time, keys: names, isQuiet }
        return { topic: `${this.#options.name}.in`, partition, key: null, value: Buffer.from(JSON.stringify(input)) }
      }),
    )
  }

  get isComplete(): boolean {
    return this.#arrivals.length >= this.#due
  }
  /** Outputs come as fast as they are asked for. */
  get isFlowing(): boolean {
    return this.#due > 0 && this.#due - this.#arrivals.length < 5000
  }
  /** The longest time without an output from `since` (ms since 1970) on; up to now if none has come. */
  longestGapMs(since: number): number {
    const after = [since, ...this.#arrivals.filter((at) => at >= since)]
    if (after.length === 1) return Date.now() - since
    return Math.max(...after.slice(1).map((at, index) => at - (after[index] ?? at)))
  }
  /** Of each key what was told and should have been: nothing lost, nothing twice, nothing out of order. */
  differences(): readonly { readonly key: string; readonly told: string; readonly expected: string }[] {
    return [...this.#expected].flatMap(([key, { told: wanted }]) => {
      const [told, expected] = [(this.#told.get(key) ?? []).join(), wanted.join()]
      return told === expected ? [] : [{ key, told, expected }]
    })
  }
  get processes(): readonly CountProcess[] {
    return this.#processes
  }

  async close(): Promise<void> {
    for (const { child } of this.#processes) child.kill('SIGKILL')
    await Promise.all(this.#processes.map(({ exited }) => exited))
    this.#ending.abort()
    await this.#reading
    await this.#log.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #read(): Promise<void> {
    const reader = await this.#log.openReader([{ topic: `${this.#options.name}.out`, partition: 0, offset: 0 }])
    while (!this.#ending.signal.aborted) {
      for (const { records } of await reader.poll(50)) {
        const now = Date.now()
        for (const { value } of records) {
          const line = Buffer.from(value).toString()
          const key = line.split(' ')[0] ?? ''
          const told = this.#told.get(key)
          if (told === undefined) this.#told.set(key, [line])
          else told.push(line)
          this.#arrivals.push(now)
        }
      }
    }
    await reader.close()
  }
}

/** Shards of which the last that was told is that they are held like that. */
const heldBy = (events: readonly CountProcessEvent[], as: 'taken' | 'standing-by'): ReadonlySet<number> => {
  const held = new Set<number>()
  for (const event of events) {
    if (event.type === 'lost') for (const shard of event.shards) held.delete(shard)
    if (!('shard' in event)) continue
    if (event.type === as) held.add(event.shard)
    else held.delete(event.shard)
  }
  return held
}
