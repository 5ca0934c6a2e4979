import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openEmbeddedLog, type EventLog, type NewRecord, type Producer } from '@tocsin/event-log'
import { openJob, watchEventLoop, type EventLoopDelay, type Job, type JobProgress } from '@tocsin/stream-core'
import { watchCollections, type CollectionsMeasure } from './collections.ts'
import { measure, rest, rounded, type Measure } from './measure.ts'
import { keyedTopology, restMs, type KeyedJob } from './state/keyed-jobs.ts'
import { compareCheckpoints } from './state/store-checkpoints.ts'
import { watchStretches } from './stretches.ts'

const recordsAnAppend = 5000
/** Longer than any measure: a checkpoint comes when the clock is put forward, or at the end of a run. */
const checkpointIntervalMs = 100_000_000
/** What arrives while a checkpoint is written, or all is due. */
const trickle = { records: 100, everyMs: 10 }
const lookMs = 5

interface StateBenchOptions {
  readonly job: KeyedJob
  readonly keys: number
  /** Keys come over so much event time; with 0 all their timers are due at once. */
  readonly spreadMs: number
}

/** A job with many keys on the embedded log in a temporary folder, and what its state costs. */
class StateBench {
  readonly #options: StateBenchOptions
  readonly #folder: string
  readonly #log: EventLog
  readonly #producer: Producer
  #skippedMs = 0
  #elements = 0

  private constructor(options: StateBenchOptions, opened: { folder: string; log: EventLog; producer: Producer }) {
    this.#options = options
    this.#folder = opened.folder
    this.#log = opened.log
    this.#producer = opened.producer
  }

  static async open(options: StateBenchOptions): Promise<StateBench> {
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
    const log = await openEmbeddedLog(join(folder, 'log'))
    await log.createTopics(['keys', 'counts', 'dead-letters'].map((topic) => ({ topic, partitions: 1 })))
    return new StateBench(options, { folder, log, producer: await log.openProducer('bench.keys') })
  }

  async close(): Promise<void> {
    await this.#producer.close()
    await this.#log.close()
    await rm(this.#folder, { recursive: true })
  }

  /** All keys for the first time, without a checkpoint; then one of all of them, while a little more is folded. */
  async fillAndCheckpoint(): Promise<object> {
    const job = await this.#openJob({})
    const { keys } = this.#options
    const { filled, watched } = await this.#during(job, async () => {
      const span = measure(keys)
      await this.#appendKeys(0)
      await this.#until(job, ({ elements }) => elements === this.#elements)
      const taken = span()
      await rest()
      return {
        filled: taken,
        watched: await this.#watched(async () => {
          this.#skippedMs += checkpointIntervalMs
          return this.#until(job, ({ checkpoints }) => checkpoints > 0)
        }),
      }
    })
    const { answer, delay, cpuSeconds } = watched
    const { lastCheckpoint } = answer
    await job.close()
    return {
      measure: 'checkpoint',
      filled,
      cells: lastCheckpoint?.cells,
      mebibytes: rounded((lastCheckpoint?.bytes ?? 0) / 2 ** 20),
      seconds: rounded((lastCheckpoint?.durationMs ?? NaN) / 1000),
      cpuSeconds,
      cpuMicrosecondsAKey: rounded((1e6 * cpuSeconds) / keys),
      longestSliceMs: rounded(lastCheckpoint?.longestSliceMs ?? NaN),
      eventLoopDelayMs: delay,
      rssMb: rssMb(),
    }
  }

  /** From opening the job with all keys in its checkpoint to the first output, committed. */
  async restart(): Promise<object> {
    await this.#append([this.#line(restMs, 'loud')])
    await rest()
    const watched = watchStalls()
    const span = measure(1)
    let firstOutput: Measure | null = null
    const job = await this.#openJob({
      onProgress: ({ commits }) => {
        if (commits > 0) firstOutput ??= span()
      },
    })
    const opened = span()
    await job.runToEnd()
    const ended = span()
    const delay = await watched()
    const { keys, timers } = job.progress()
    await job.close()
    return { measure: 'restart', keys, timers, opened, firstOutput, ended, eventLoopDelayMs: delay, rssMb: rssMb() }
  }

  /** A watermark that makes all timers, or the windows of all keys, due, with all of them in the checkpoint alone. */
  async fire(): Promise<object> {
    const job = await this.#openJob({})
    await rest()
    const { delay, taken } = await this.#during(job, () =>
      this.#watched(async () => {
        const span = measure(this.#options.keys)
        await this.#append([this.#line(2 * restMs - 1, '')])
        const until = this.#elements
        await this.#until(job, ({ elements }) => elements > until) // what comes next has begun
        return span()
      }, 3 * restMs).then(({ answer, delay: measured }) => ({ taken: answer, delay: measured })),
    )
    await job.close()
    return { measure: 'fire', ...taken, eventLoopDelayMs: delay, rssMb: rssMb() }
  }

  /**
   * All keys once, in an order of no locality: first each read from the store, then all from memory; then again with
   * memory for a tenth of them and a checkpoint every second.
   */
  async coldReads(): Promise<object> {
    const { keys } = this.#options
    let job = await this.#openJob({})
    const passOver = async (number: number): Promise<Measure> => {
      await this.#appendKeys(number)
      await rest()
      const span = measure(keys)
      await job.runToEnd()
      return span()
    }
    const cold = await passOver(1)
    const hot = await passOver(2)
    const { operators } = job.progress()
    const bytes = operators.reduce((sum, { bytesInMemory }) => sum + bytesInMemory, 0)
    await job.close()
    const frequent = { checkpointIntervalMs: 1000 }
    job = await this.#openJob({ ...frequent })
    await passOver(3) // all in memory
    const roomy = await passOver(4)
    await job.close()
    job = await this.#openJob({ ...frequent, memoryBudgetBytes: bytes / 10 })
    await passOver(5)
    const tight = await passOver(6)
    await job.close()
    return {
      measure: 'cold-reads',
      cold,
      hot,
      microsecondsAColdRead: rounded((1e6 * (cold.cpuSeconds - hot.cpuSeconds)) / keys),
      budget: { mebibytes: rounded(bytes / 10 / 2 ** 20), ofState: 0.1, tight, roomy },
      tightOfRoomy: rounded(tight.perCpuSecond / roomy.perCpuSecond),
      rssMb: rssMb(),
    }
  }

  /** The measures of `work` while there is a little to fold. */
  async #watched<T>(
    work: () => Promise<T>,
    trickleAt = restMs - 1,
  ): Promise<{ readonly answer: T; readonly delay: StallsMeasure; readonly cpuSeconds: number }> {
    const watched = watchStalls()
    const span = measure(1)
    const end = new AbortController()
    const trickling = this.#trickle(trickleAt, end.signal)
    try {
      const answer = await work()
      const { cpuSeconds } = span()
      return { answer, delay: await watched(), cpuSeconds }
    } finally {
      end.abort()
      await trickling
    }
  }

  async #trickle(at: number, signal: AbortSignal): Promise<void> {
    for (let from = 0; !signal.aborted; from += trickle.records) {
      await this.#append(
        Array.from({ length: trickle.records }, (_, index) =>
          this.#line(at, `wallet-${(from + index) % this.#options.keys}`),
        ),
      )
      await setTimeout(trickle.everyMs)
    }
  }

  /** `work` while the job runs, which goes on until then. */
  async #during<T>(job: Job, work: () => Promise<T>): Promise<T> {
    const end = new AbortController()
    const running = job.run(end.signal)
    try {
      return await work()
    } finally {
      end.abort()
      await running
    }
  }
  async #until(job: Job, holds: (progress: JobProgress) => boolean): Promise<JobProgress> {
    for (;;) {
      const progress = job.progress()
      if (holds(progress)) return progress
      if (progress.status === 'failed') throw new Error(progress.reason ?? 'The job failed.')
      await setTimeout(lookMs)
    }
  }

  /** Pass 0 in order, others in one that has no locality. */
  async #appendKeys(pass: number): Promise<void> {
    const { keys, spreadMs } = this.#options
    const step = pass === 0 ? 1 : 7_919 // a prime
    for (let from = 0; from < keys; from += recordsAnAppend) {
      await this.#append(
        Array.from({ length: Math.min(recordsAnAppend, keys - from) }, (_, index) => {
          const number = ((from + index) * step) % keys
          const at = pass === 0 ? Math.floor((number * spreadMs) / keys) : restMs + pass
          return this.#line(at, `wallet-${number}`)
        }),
      )
    }
  }
  #line(timestamp: number, key: string): NewRecord {
    return { topic: 'keys', partition: 0, key: null, value: Buffer.from(`${timestamp} ${key}`, 'latin1') }
  }
  async #append(records: readonly NewRecord[]): Promise<void> {
    await this.#producer.append(records)
    this.#elements += records.length
  }

  #openJob(options: {
    readonly onProgress?: (progress: JobProgress) => void
    readonly checkpointIntervalMs?: number
    readonly memoryBudgetBytes?: number
  }): Promise<Job> {
    return openJob({
      checkpointIntervalMs,
      memoryBudgetBytes: 2 ** 32,
      ...options,
      ...(options.onProgress !== undefined && { progressIntervalMs: 0 }),
      topology: keyedTopology(this.#options.job),
      log: this.#log,
      stateFolder: join(this.#folder, 'state'),
      progressTopic: 'progress',
      deadLetters: { topic: 'dead-letters', encode: ({ reason }) => Buffer.from(reason) },
      clock: () => performance.now() + this.#skippedMs,
      restart: { type: 'none' },
    })
  }
}

/** With the longest that this thread computed between two turns of the event loop, ms of CPU. */
type StallsMeasure = EventLoopDelay & CollectionsMeasure & { readonly longestStretchMs: number }

/** How late the event loop was over a span, by a timer of 1 ms, and what collections took of it; the answer ends it. */
const watchStalls = (): (() => Promise<StallsMeasure>) => {
  const collections = watchCollections()
  const loop = watchEventLoop(1)
  const stretches = watchStretches()
  return async () => {
    loop.stop()
    const longestStretchMs = stretches()
    const { p50, p99, max } = loop.delay()
    return { p50: rounded(p50), p99: rounded(p99), max: rounded(max), longestStretchMs, ...(await collections()) }
  }
}

const rssMb = (): number => Math.round(process.memoryUsage.rss() / 2 ** 20)

const shapes: Readonly<Record<string, { readonly job: KeyedJob; readonly spreadMs: number }>> = {
  timers: { job: 'timers', spreadMs: restMs - 1 },
  'timers-at-once': { job: 'timers', spreadMs: 0 },
  window: { job: 'window', spreadMs: 0 },
}

const help = `Usage: npm run bench -- state [options]

What state costs a job on the embedded log, through the public interface. By shape: a value and a timer a key, the timers
over a day (timers) or all due at one time (timers-at-once), or all keys in one open sliding window (window).

  --keys N      how many (default 1000000)
  --shape NAME  ${Object.keys(shapes).join('|')} (default: all)
  --only NAME   checkpoint|restart|fire|cold-reads: only this measure, and the checkpoint before it; or store (default: all)
  --help        this text

One JSON line a measure on stdout. checkpoint: one of all keys, while a little more is folded. restart: from opening the
job with all keys in its checkpoint until the first output is committed. fire: all timers or windows become due at once.
cold-reads: each key once from the store, against all from memory, and a memory budget of a tenth of the state. store: a
checkpoint of as many cells that the store holds already, in parts and in one batch. Event loop delays say how late a
timer of 1 ms was, on a machine that should rest otherwise, and longestStretchMs how long the thread computed at once, ms
of CPU; gcMs is what collections took of it.
`

/** `npm run bench -- state [--keys N] [--shape timers|timers-at-once|window]`. */
export async function* state(args: readonly string[]): AsyncGenerator<object> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: 'string', default: '1000000' },
      shape: { type: 'string' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(help)
    return
  }
  const keys = Number(values.keys)
  const chosen = Object.entries(shapes).filter(([name]) => values.shape === undefined || values.shape === name)
  if (!Number.isInteger(keys) || keys < 1 || chosen.length === 0) {
    throw new Error(`A whole number of keys and a known shape are needed.\n\n${help}`)
  }
  if (values.only === undefined || values.only === 'store') yield { keys, ...(await compareCheckpoints(keys)) }
  if (values.only === 'store') return
  for (const [shape, options] of chosen) {
    const bench = await StateBench.open({ ...options, keys })
    const isAsked = (name: string): boolean => values.only === undefined || values.only === name
    try {
      yield { shape, keys, ...(await bench.fillAndCheckpoint()) }
      if (isAsked('restart')) yield { shape, keys, ...(await bench.restart()) }
      if (isAsked('cold-reads') && shape === 'timers') yield { shape, keys, ...(await bench.coldReads()) }
      if (isAsked('fire')) yield { shape, keys, ...(await bench.fire()) }
    } finally {
      await bench.close()
    }
  }
}
