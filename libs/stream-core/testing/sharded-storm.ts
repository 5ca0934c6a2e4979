import { EventLogError } from '@tocsin/event-log'
import { openSimulatedGroup, openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { openShardedJob } from '../src/distributed/sharded-job.ts'
import type { ShardEvent } from '../src/distributed/shard-slot.ts'
import { CheckpointMissingError, planTrim } from '../src/distributed/trim-job.ts'
import { openJob } from '../src/job.ts'
import { StoreFullError } from '../src/state/level-store.ts'
import { openMemoryStore } from '../src/state/memory-store.ts'
import { seededRandom } from './seeded-random.ts'
import { Owner, type Disk } from './simulation/owner.ts'
import { VirtualTime } from './simulation/virtual-time.ts'
import { defineJob } from './storm-job.ts'
import type { ChainRecord, PriceRecord } from './storm.ts'

/** What a storm job reads. */
export interface ShardedHistory {
  readonly chain: readonly ChainRecord[]
  readonly prices: readonly (readonly PriceRecord[])[]
}

/** What befalls the processes of a job, by the seed alone. */
export interface ShardedWeather {
  readonly seed: number
  readonly shards: number
  readonly standbys: number
  /** How many starts, stops, crashes, pauses and outages. */
  readonly faults: number
  /** The tasks themselves trim nothing; now and then an operator trims what `planTrim` says. Default: the tasks do. */
  readonly isTrimmedByHand?: boolean
}

export interface ShardedStormReport {
  readonly written: Written
  readonly events: readonly ShardEvent['type'][]
  readonly faults: readonly string[]
  readonly rebalances: number
  /** Offsets of topics of the job that were trimmed by hand. */
  readonly trimmed: number
}

/** Records of the sinks by key, in order, and dead letters in any. */
export type Written = readonly (readonly [key: string, values: readonly string[]])[]

const topics = { progressTopic: 'progress', internalTopics: 'internal' }
const sessionTimeoutMs = 300
const heartbeatIntervalMs = 20
const maxProcesses = 4
const maxEvents = 400_000
/** In fine weather, after all has come: what would be written twice comes now. */
const aftermathMs = 1000
const sinks = [
  { topic: 'findings', partitions: 3 },
  { topic: 'dead', partitions: 1 },
]

/** What one process writes that nothing befalls. */
export const undisturbed = async (history: ShardedHistory): Promise<Written> => {
  const log = openSimulatedLog()
  await createTopics(log)
  await append(log, history, history.chain.length, history.prices.length * 1000)
  let now = 0
  const job = await openJob({
    ...defineJob(),
    log,
    clock: () => (now += 1),
    stateFolder: '',
    store: openMemoryStore(),
    progressTopic: 'progress',
    restart: { type: 'none' },
  })
  await job.runToEnd()
  await job.close()
  return writtenTo(log)
}

/** Runs the job in processes that come and go, while its input comes in; then in fine weather to its end. */
export const shardedStorm = async (
  history: ShardedHistory,
  weather: ShardedWeather,
  expected: Written,
): Promise<ShardedStormReport> => {
  const time = new VirtualTime()
  const log = openSimulatedLog()
  const random = seededRandom(weather.seed)
  const group = openSimulatedGroup({
    now: () => time.now,
    sessionTimeoutMs,
    heartbeatIntervalMs,
    isUnsuspecting: random.fraction() < 0.5,
  })
  await createTopics(log)
  const processes: { readonly owner: Owner; readonly ended: Promise<void> }[] = []
  const events: ShardEvent['type'][] = []
  const faults: string[] = []
  const failures: unknown[] = []
  let awayUntil = 0
  /** The disk that all processes share has no room for another store. */
  let fullUntil = 0
  let isFine = false
  const fateOf = (): AppendFate =>
    isFine || random.fraction() < 0.97 ? 'committed' : random.oneOf(['lost', 'commit-unknown', 'full'])

  const start = (): void => {
    const disk: Disk = new Map()
    const owner = new Owner(`process-${processes.length}`, {
      host: processes.length,
      disk,
      around: {
        time,
        log,
        random,
        meet: () => !isFine && awayUntil > time.now,
        fateOf,
        appended: () => undefined,
        mayWrite: () => undefined,
        note: () => undefined,
        count: () => undefined,
      },
    })
    const eventLoop = owner.eventLoop()
    const run = async (): Promise<void> => {
      const job = await openShardedJob({
        definition: { ...defineJob(), clock: () => time.now },
        log: weather.isTrimmedByHand === true ? { ...owner.log(), trim: async () => undefined } : owner.log(),
        group: group.member((ms, signal) => eventLoop.wait(ms, signal)),
        eventLoop,
        openStore: async (task) => {
          if (!isFine && fullUntil > time.now) throw new StoreFullError(task)
          return owner.store(task)
        },
        onEvent: ({ type }) => events.push(type),
        shards: weather.shards,
        standbys: weather.standbys,
        stateFolder: '',
        ...topics,
        checkpointIntervalMs: random.oneOf([0, 50, 500]),
        commitIntervalMs: random.oneOf([0, 5, 25]),
        batchSize: random.oneOf([1, 3, 100]),
        retryWaitMs: 5,
      })
      await job.run(owner.stop.signal)
    }
    const ended = untilOpened(run).then(
      () => void (owner.hasEnded = true),
      (error: unknown) => void failures.push(error),
    )
    processes.push({ owner, ended: ended.then(() => undefined) })
  }
  let trimmed = 0
  const trimByHand = async (): Promise<void> => {
    try {
      for (const { beginning, before, ...at } of await planTrim({ ...defineJob(), ...weather, ...topics, log })) {
        await log.trim(at, before)
        trimmed += before - beginning
      }
    } catch (error) {
      if (!(error instanceof CheckpointMissingError)) throw error
    }
  }
  /** As a process manager does where the log cannot be reached. Of a full disk a process waits for the end itself. */
  const untilOpened = async (run: () => Promise<void>): Promise<void> => {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (!(error instanceof EventLogError) || error.handling !== 'retry') throw error
        await time.after(20)
      }
    }
  }
  const living = () => processes.filter(({ owner }) => owner.isAlive && !owner.stop.signal.aborted)
  const meetFault = (): void => {
    const [one] = living().length > 0 ? [living()[random.integer(0, living().length - 1)]] : []
    const kind = random.oneOf(['start', 'start', 'stop', 'crash', 'pause', 'away', 'full'])
    if (kind === 'start' || one === undefined) {
      if (living().length < maxProcesses) start()
    } else if (kind === 'stop') one.owner.stop.abort()
    else if (kind === 'crash') one.owner.isCrashed = true
    else if (kind === 'pause') one.owner.pausedUntil = time.now + random.integer(20, 3 * sessionTimeoutMs)
    else if (kind === 'full') fullUntil = time.now + random.integer(20, 3 * sessionTimeoutMs)
    else awayUntil = time.now + random.integer(20, sessionTimeoutMs)
    faults.push(kind)
  }

  const play = async (): Promise<void> => {
    start()
    let [blocks, ticks] = [0, 0]
    const end = { blocks: history.chain.length, ticks: Math.max(0, ...history.prices.map(({ length }) => length)) }
    for (let left = weather.faults; left > 0 || blocks < end.blocks || ticks < end.ticks;) {
      await time.after(random.integer(1, 60))
      if (left > 0 && random.fraction() < 0.3) {
        meetFault()
        left -= 1
      }
      if (weather.isTrimmedByHand === true) await trimByHand()
      const next = { blocks: Math.min(end.blocks, blocks + random.integer(0, 3)), ticks: ticks + random.integer(0, 2) }
      await append(log, history, next.blocks, next.ticks, { blocks, ticks })
      ;({ blocks, ticks } = next)
    }
    isFine = true
    for (const { owner } of living()) owner.pausedUntil = 0
    if (living().length === 0) start()
    const wanted = total(expected)
    while (total(await writtenTo(log)) < wanted) await time.after(50)
    await time.after(aftermathMs)
    for (const { owner } of living()) owner.stop.abort()
    await Promise.all(processes.filter(({ owner }) => !owner.isCrashed).map(({ ended }) => ended))
  }
  let isDone = false
  const playing = play().then(
    () => (isDone = true),
    (error: unknown) => void failures.push(error),
  )
  const isOver = await time.runUntil(() => isDone || failures.length > 0, maxEvents)
  for (const failure of failures) throw failure
  if (!isOver) {
    const done = total(await writtenTo(log))
    throw new Error(`After ${faults.join(' ')} (seed ${weather.seed}) only ${done} of ${total(expected)} outputs came.`)
  }
  await playing
  return { written: await writtenTo(log), events, faults, rebalances: group.rebalances, trimmed }
}

const total = (written: Written): number => written.reduce((sum, [, values]) => sum + values.length, 0)

const createTopics = (log: SimulatedLog) =>
  log.createTopics([{ topic: 'chain', partitions: 1 }, { topic: 'prices', partitions: 2 }, ...sinks])

/** The history up to `blocks` and `ticks`, from where it was. */
const append = async (
  log: SimulatedLog,
  { chain, prices }: ShardedHistory,
  blocks: number,
  ticks: number,
  from = { blocks: 0, ticks: 0 },
): Promise<void> => {
  const producer = await log.openProducer('history')
  const recordOf = (topic: string, partition: number) => (record: object) => ({
    topic,
    partition,
    key: null,
    value: Buffer.from(JSON.stringify(record)),
  })
  await producer.append([
    ...chain.slice(from.blocks, blocks).map(recordOf('chain', 0)),
    ...prices.flatMap((records, partition) => records.slice(from.ticks, ticks).map(recordOf('prices', partition))),
  ])
}

const writtenTo = async (log: SimulatedLog): Promise<Written> => {
  const byKey = new Map<string, string[]>()
  for (const { topic, partitions } of sinks) {
    for (let partition = 0; partition < partitions; partition += 1) {
      for (const { key, value } of log.records({ topic, partition })) {
        const text = Buffer.from(value).toString()
        const name = `${topic} ${key === null ? text : Buffer.from(key).toString()}`
        byKey.set(name, [...(byKey.get(name) ?? []), text])
      }
    }
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1))
}
