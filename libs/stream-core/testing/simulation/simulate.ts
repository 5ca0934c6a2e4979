import {
  EventLogError,
  LogUnavailableError,
  ProducerFencedError,
  type EventLog,
  type NewRecord,
  type TopicSpec,
} from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import {
  openDistributedJob,
  openJob,
  type EventLoop,
  type Job,
  type JobDeadLetter,
  type JobProgress,
  type RestartStrategy,
  type Topology,
} from '../../src/index.ts'
import type { StateStore } from '../../src/state/state-store.ts'
import { decodeMarker } from '../../src/task/marker.ts'
import type { Resumption } from '../../src/task/task.ts'
import { seededRandom, type SeededRandom } from '../seeded-random.ts'
import type { GivenAnswers } from '../answers-at-once.ts'
import type { Defect } from './defect.ts'
import { describeFault, type Fault } from './fault.ts'
import { diskStore, Owner, type Disk } from './owner.ts'
import { savepointBytes } from './savepoint-bytes.ts'
import { VirtualTime } from './virtual-time.ts'

/** What is simulated: logs that are written as time goes on, and jobs that fold them; a job may read another's outputs. */
export interface Workload {
  readonly topics: readonly TopicSpec[]
  readonly inputs: readonly {
    readonly topic: string
    readonly partition: number
    readonly records: readonly Uint8Array[]
  }[]
  /** A job that reads what another one writes comes after it. */
  readonly jobs: readonly SimulatedDefinition[]
  /** What an output is about: its outputs come in one order, by however many tasks they are made. */
  readonly idOf: (output: Uint8Array) => string
}

interface SimulatedDefinition {
  readonly name: string
  /** `reach` comes to the service that it asks, in the time of the simulation. */
  readonly topology: (reach?: () => Promise<void>) => Topology
  /** What that service says. */
  readonly answers: GivenAnswers
}

const defaultPace: JobPace = {
  commitIntervalMs: 25,
  checkpointIntervalMs: 100,
  batchSize: 10,
  memoryBudgetBytes: 512 << 20,
  maxUnfinalizedEpochs: 10_000,
  shards: 1,
}

export interface JobPace {
  readonly commitIntervalMs: number
  readonly checkpointIntervalMs: number
  readonly batchSize: number
  readonly memoryBudgetBytes: number
  readonly maxUnfinalizedEpochs: number
  /** 1: the whole topology in one task. Else as many of each sub-topology, in one process. */
  readonly shards: number
}

/** All that is not the workload's: with the same weather a workload runs the same way, event by event. */
export interface Weather {
  /** Of latencies, deliveries, and the order in which the logs are written. */
  readonly seed: number
  readonly paces: readonly JobPace[]
  readonly faults: readonly Fault[]
}

export interface SimulatedRun {
  readonly log: SimulatedLog
  readonly jobs: readonly SimulatedJob[]
  /** What happened, one line each, oldest first. */
  readonly trace: readonly string[]
  /** How many faults met their moment, by kind, with the crashes within a start, the savepoints that were taken and the spills beside them. */
  readonly met: Readonly<Record<string, number>>
  readonly events: number
}

/** What a job left behind. */
export interface SimulatedJob {
  readonly name: string
  /** Of the last owner's host. */
  readonly disk: Disk
  readonly shards: number
  /** Takes it, of a process that nothing befalls; what is not final is taken back. As bytes, a char each. */
  readonly savepoint: () => Promise<string>
  /** From all markers that were committed: where idle inputs went on, which the logs alone do not say. */
  readonly resumptions: readonly Resumption[]
  /** From the same markers: steps that went back to what was final, for a savepoint. */
  readonly returns: readonly number[]
  /** Taken while it ran. */
  readonly savepoints: number
}

/** A promise was broken. */
export class BrokenLawError extends Error {
  override readonly name = 'BrokenLawError'
}

export const deadLetterTopic = 'dead-letters'

const maxEvents = 100_000
const aftermathMs = 150
const hosts = 2

/**
 * Runs the workload in bad weather, then stops its jobs, and lets one more owner of each take all to the end in fine
 * weather. @throws {BrokenLawError} if a job fails or does not come to its end
 */
export const simulate = async (workload: Workload, weather: Weather, defect?: Defect): Promise<SimulatedRun> => {
  const simulation = new Simulation(workload, weather, defect)
  const mend = defect?.breakIn?.()
  try {
    return await simulation.run()
  } catch (error) {
    if (error instanceof BrokenLawError) error.message += `\n${simulation.lastEvents()}`
    throw error
  } finally {
    mend?.()
  }
}

class Simulation {
  readonly #workload: Workload
  readonly #time = new VirtualTime()
  readonly #log = openSimulatedLog()
  readonly #random: SeededRandom
  readonly #trace: string[] = []
  readonly #met = new Map<string, number>()
  readonly #jobs: Supervisor[]
  #failure: unknown

  constructor(workload: Workload, weather: Weather, defect: Defect | undefined) {
    this.#workload = workload
    this.#random = seededRandom(weather.seed)
    this.#jobs = workload.jobs.map(
      ({ name, topology }, index) =>
        new Supervisor({
          name,
          topology,
          pace: weather.paces[index] ?? defaultPace,
          faults: weather.faults.filter(({ job }) => job === index),
          // Of its own, so that a change in what befalls one job leaves the others' weather alone.
          random: seededRandom(weather.seed + 7919 * (index + 1)),
          time: this.#time,
          log: this.#log,
          defect,
          note: (event) => this.#note(event),
          count: (kind) => this.#met.set(kind, (this.#met.get(kind) ?? 0) + 1),
          fail: (error) => (this.#failure ??= error),
        }),
    )
  }

  async run(): Promise<SimulatedRun> {
    let isDone = false
    const play = this.#play().then(
      () => (isDone = true),
      (error: unknown) => (this.#failure ??= error),
    )
    const wasReached = await this.#time.runUntil(() => isDone || this.#failure !== undefined, maxEvents)
    if (this.#failure instanceof BrokenLawError) throw this.#failure
    if (this.#failure !== undefined) throw new BrokenLawError(textOf(this.#failure), { cause: this.#failure })
    if (!wasReached) throw new BrokenLawError(`Nothing goes on after ${this.#time.now} ms.`)
    await play
    return {
      log: this.#log,
      jobs: this.#jobs.map((job) => job.left()),
      trace: this.#trace,
      met: Object.fromEntries([...this.#met].sort(([a], [b]) => (a < b ? -1 : 1))),
      events: this.#time.events,
    }
  }

  lastEvents(): string {
    return this.#trace.slice(-60).join('\n')
  }

  async #play(): Promise<void> {
    await this.#log.createTopics(this.#workload.topics)
    for (const job of this.#jobs) job.start(0)
    await this.#write()
    await this.#time.after(aftermathMs)
    for (const job of this.#jobs) await job.finish()
  }

  /** Appends the inputs, some records of one partition or of two at a time. */
  async #write(): Promise<void> {
    const random = this.#random
    const producer = await this.#log.openProducer('writer')
    const left = this.#workload.inputs.map((input) => ({ ...input, written: 0 }))
    for (;;) {
      const open = left.filter(({ records, written }) => written < records.length)
      if (open.length === 0) break
      const batch: NewRecord[] = []
      for (let n = random.integer(1, 2); n > 0; n -= 1) {
        const input = open[random.integer(0, open.length - 1)]
        if (input === undefined) continue
        const { topic, partition, records } = input
        const next = records.slice(input.written, input.written + random.integer(1, 8))
        input.written += next.length
        for (const value of next) batch.push({ topic, partition, key: null, value })
      }
      await producer.append(batch)
      await this.#time.after(random.integer(0, 20))
    }
    await producer.close()
  }

  #note(event: string): void {
    this.#trace.push(`${String(this.#time.now).padStart(6)} ms  ${event}`)
  }
}

interface SupervisorOptions {
  readonly name: string
  readonly topology: SimulatedDefinition['topology']
  readonly pace: JobPace
  readonly faults: readonly Fault[]
  readonly random: SeededRandom
  readonly time: VirtualTime
  readonly log: SimulatedLog
  readonly defect: Defect | undefined
  readonly note: (event: string) => void
  readonly count: (kind: string) => void
  readonly fail: (error: unknown) => void
}

/** Sees to it that a job has an owner. */
class Supervisor {
  readonly #options: SupervisorOptions
  readonly #disks = Array.from({ length: hosts }, (): Disk => new Map())
  readonly #owners: Owner[] = []
  readonly #resumptions = new Map<number, Resumption>()
  readonly #returns = new Set<number>()
  #savepoints = 0
  #turns = 0
  #appends = 0
  #writes = 0
  #fulls = 0
  #diskFulls = 0
  /** Turns into the start of the owners to come, at which they crash. */
  #again: readonly number[] = []
  #isCalm = false

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  start(host: number, toEnd = false): void {
    const { name, time, log, random, note, count } = this.#options
    const disk = this.#diskOf(host)
    const owner = new Owner(`${name}#${this.#owners.length + 1}`, {
      host,
      disk,
      around: {
        time,
        log,
        random,
        meet: (one, what) => this.#meet(one, what),
        fateOf: () => this.#fate(),
        appended: () => this.#appended(),
        mayWrite: () => this.#verifySpace(),
        note: (one, event) => note(`${one.name} ${event}`),
        count,
      },
    })
    this.#owners.push(owner)
    note(
      `${owner.name} starts on host ${host}${[...disk.values()].some(({ meta }) => meta !== undefined) ? ' from a checkpoint' : ''}`,
    )
    void this.#live(owner, toEnd)
  }

  /** One more owner, in fine weather, takes all to the end. */
  async finish(): Promise<void> {
    const { time } = this.#options
    this.#isCalm = true
    for (const owner of this.#owners) owner.stop.abort()
    while (this.#owners.some(({ isAlive }) => isAlive)) await time.after(1)
    this.start(this.#lastHost, true)
    while (this.#owners.at(-1)?.isAlive === true) await time.after(1)
  }

  left(): SimulatedJob {
    const { name, pace } = this.#options
    const resumptions = [...this.#resumptions.values()].sort((a, b) => a.step - b.step)
    const disk = this.#diskOf(this.#lastHost)
    const [returns, savepoints] = [[...this.#returns], this.#savepoints]
    return { name, disk, shards: pace.shards, resumptions, returns, savepoints, savepoint: () => this.#savepoint(disk) }
  }

  /** In the time of the machine, for savepoints are files. @throws {BrokenLawError} if there is none to be had */
  async #savepoint(disk: Disk): Promise<string> {
    const { log, time, topology, defect } = this.#options
    const mend = defect?.breakIn?.()
    try {
      const job = await this.#open({
        topology: topology(),
        log,
        openStore: (task) => diskStore(disk, task),
        clock: () => time.now,
        restart: { type: 'none' },
      })
      const bytes = await savepointBytes((file) => job.savepoint(file))
      await job.close()
      return bytes
    } catch (error) {
      throw new BrokenLawError(`There is no savepoint: ${textOf(error)}`, { cause: error })
    } finally {
      mend?.()
    }
  }

  #diskOf(host: number): Disk {
    const disk = this.#disks[host]
    if (disk === undefined) throw new Error(`There is no host ${host}.`)
    return disk
  }
  get #lastHost(): number {
    return this.#owners.at(-1)?.host ?? 0
  }

  async #live(owner: Owner, toEnd: boolean): Promise<void> {
    const { topology, defect, time, note, fail } = this.#options
    try {
      const log = owner.log()
      const whole = topology(() => owner.reach())
      const job = await this.#open({
        topology: defect?.topology?.(whole) ?? whole,
        log: defect?.log?.(log, owner.name) ?? log,
        openStore: (task) => defect?.store?.(owner.store(task)) ?? owner.store(task),
        clock: () => time.now,
        onProgress: ({ status, reason }) => {
          if (status !== 'restarting') return
          note(`${owner.name} restarts: ${reason}`)
          // What comes back by itself must be weather, not a fault of the engine that a restart would hide.
          if (!isWeather(reason ?? '')) fail(new BrokenLawError(`${owner.name} restarts: ${reason}`))
        },
        eventLoop: owner.eventLoop(),
      })
      await (toEnd ? job.runToEnd() : job.run(owner.stop.signal))
      if (owner.takesSavepoint) await this.#trySavepoint(owner, job)
      await job.close()
      note(`${owner.name} has stopped`)
    } catch (error) {
      note(`${owner.name} stops: ${textOf(error)}`)
      if (toEnd || !isOrdinary(error)) fail(error)
    }
    owner.hasEnded = true
    this.#replaceLast()
  }

  /** Weather may befall it here too: then there is none, and whoever comes next goes on all the same. */
  async #trySavepoint(owner: Owner, job: Job): Promise<void> {
    const { note, count } = this.#options
    try {
      await savepointBytes((file) => Promise.race([job.savepoint(file), owner.crash.promise]))
      note(`${owner.name} has taken a savepoint`)
      count('savepoint taken')
      this.#savepoints += 1
    } catch (error) {
      if (owner.isCrashed) return new Promise(() => undefined) // nothing of it goes on
      if (!isOrdinary(error) && !isWeather(textOf(error))) throw error
      note(`${owner.name} takes no savepoint: ${textOf(error)}`)
    }
  }

  async #open(of: {
    readonly topology: Topology
    readonly log: EventLog
    readonly openStore: (task: string) => StateStore
    readonly clock: () => number
    readonly onProgress?: (progress: Pick<JobProgress, 'status' | 'reason'>) => void
    readonly eventLoop?: EventLoop
    readonly restart?: RestartStrategy
  }): Promise<Job> {
    const { name, pace, random } = this.#options
    const { openStore, ...rest } = of
    const given = {
      ...rest,
      ...pace,
      stateFolder: '',
      progressTopic: progressTopicOf(name),
      deadLetters: {
        topic: deadLetterTopic,
        encode: ({ operator, origin, code }: JobDeadLetter) => Buffer.from(`${operator} ${code} ${origin}`),
      },
      retryWaitMs: 5,
      progressIntervalMs: Infinity,
    }
    if (pace.shards === 1) return openJob({ ...given, store: openStore(''), random: () => random.fraction() })
    return openDistributedJob({
      ...given,
      definition: given,
      internalTopics: `${name}.internal`,
      openStore: async (task) => openStore(task),
    })
  }

  /** Two owners can end each other: then somebody starts the job again. */
  #replaceLast(downMs = 10): void {
    if (this.#isCalm || this.#owners.some(({ isAlive }) => isAlive)) return
    const host = this.#lastHost
    void this.#options.time.after(downMs).then(() => {
      if (!this.#isCalm && !this.#owners.some(({ isAlive }) => isAlive)) this.start(host)
    })
  }

  /** Notes what the newest marker says, now that it is in the log. */
  #appended(): void {
    const { name, log } = this.#options
    const last = log.records({ topic: progressTopicOf(name), partition: 0 }).at(-1)
    if (last === undefined) return
    const { resumptions, returns } = decodeMarker(last.value)
    for (const resumption of resumptions) this.#resumptions.set(resumption.step, resumption)
    for (const step of returns) this.#returns.add(step)
  }

  #meet(owner: Owner, what: string): void {
    if (this.#isCalm) return
    const { faults, time, note, count } = this.#options
    const turn = this.#turns++
    owner.turns += 1
    if (owner.turns === this.#again[0] && this.#owners.at(-1) === owner) {
      const [, ...rest] = this.#again
      this.#crash(owner, what, { downMs: 5, again: rest })
      count('crash within a start')
    }
    for (const fault of faults) {
      if (!('turn' in fault) || fault.turn !== turn || owner.isCrashed) continue
      count(fault.type)
      switch (fault.type) {
        case 'crash':
          if (fault.losesDisk) {
            this.#disks[owner.host] = new Map()
            count('disk lost')
          }
          this.#crash(owner, what, fault)
          break
        case 'pause':
          note(`${owner.name} is paused for ${fault.ms} ms at: ${what}`)
          owner.pausedUntil = time.now + fault.ms
          break
        case 'second-owner':
          this.start((owner.host + 1) % hosts)
          break
        case 'restart':
          note(`${owner.name} is told to stop at: ${what}`)
          owner.stop.abort()
          break
        case 'savepoint':
          note(`${owner.name} is told to stop and to take a savepoint at: ${what}`)
          owner.takesSavepoint = true
          owner.stop.abort()
          break
        case 'log-away':
          note(`${owner.name} cannot reach the log at: ${what}`)
          owner.failure = new LogUnavailableError(what)
          break
        case 'task-crash':
          note(`a task of ${owner.name} is to crash at: ${what}`)
          owner.failure = new TaskCrash()
      }
    }
  }

  #crash(owner: Owner, what: string, then: { readonly downMs: number; readonly again: readonly number[] }): void {
    this.#options.note(`${owner.name} crashes at: ${what}`)
    owner.isCrashed = true
    owner.crash.reject(new Error('The process is gone.'))
    this.#again = then.again
    this.#replaceLast(then.downMs)
  }

  #fate(): AppendFate {
    const append = this.#appends++
    if (this.#isCalm) return 'committed'
    const { faults, count } = this.#options
    for (const fault of faults) {
      if (fault.type === 'log-full' && fault.append === append) this.#fulls = fault.times
    }
    if (this.#fulls > 0) {
      this.#fulls -= 1
      count('log-full')
      return 'full'
    }
    const unknown = faults.find((fault) => fault.type === 'commit-unknown' && fault.append === append)
    if (unknown?.type !== 'commit-unknown') return 'committed'
    count('commit-unknown')
    return unknown.isThere ? 'commit-unknown' : 'lost'
  }

  #verifySpace(): void {
    const write = this.#writes++
    if (this.#isCalm) return
    const { faults, count } = this.#options
    for (const fault of faults) {
      if (fault.type === 'disk-full' && fault.write === write) this.#diskFulls = fault.times
    }
    if (this.#diskFulls === 0) return
    this.#diskFulls -= 1
    count('disk-full')
    throw new Error(diskFull)
  }
}

const diskFull = 'ENOSPC: no space left on device'
class TaskCrash extends Error {
  constructor() {
    super('A task has crashed.')
  }
}
const isWeather = (reason: string): boolean =>
  [diskFull, 'A task has crashed', 'The log cannot be reached'].some((weather) => reason.includes(weather))

/** Ends a process, and another is started. */
const isOrdinary = (error: unknown): boolean =>
  error instanceof ProducerFencedError ||
  error instanceof TaskCrash || // while the job was opened
  (error instanceof EventLogError && error.handling === 'retry')

export const progressTopicOf = (job: string): string => `${job}.progress`

const textOf = (error: unknown): string =>
  error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error)

export const describeWeather = ({ seed, paces, faults }: Weather): readonly string[] => [
  `seed of latencies ${seed}`,
  ...paces.map((pace, job) => `job ${job}: ${JSON.stringify(pace)}`),
  ...faults.map(describeFault),
]
