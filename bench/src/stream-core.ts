import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEmbeddedLog, openKafkaLog, type EventLog } from '@tocsin/event-log'
import { openDistributedJob, openJob, watchEventLoop, type Job } from '@tocsin/stream-core'
import {
  flinkSettings,
  nameOf,
  ratioTo,
  startFlink,
  type FlinkPass,
  type FlinkPeer,
  type PeerRatio,
} from './flink-peer.ts'
import { InputLines } from './input-lines.ts'
import {
  heldMiB,
  mean,
  measure,
  rest,
  rounded,
  sampleMemory,
  total,
  type Measure,
  type MemoryMeasure,
} from './measure.ts'
import { bytesOf, endOfInput, textOf, type BenchJob } from './jobs/bench-job.ts'
import { benchJobs, defineJob, type BenchPass } from './jobs/bench-jobs.ts'

/** How many tasks share the job behind each `keyBy`, and how many threads share these; 0: all in this one. */
export interface Distribution {
  readonly shards: number
  readonly workers: number
}

export interface Pass extends Measure {
  readonly job: string
  readonly pass: number
  readonly events: number
  readonly outputs: number
  /** Of the process since it began: the lines of the input and the plain program are part of it. */
  readonly peakRssMb: number
  readonly rssMb: MemoryMeasure
  /** Of it what no file backs; null but on Linux. */
  readonly anonymousMb: MemoryMeasure | null
  /** After a collection, the lines of the input included: before the job, with its state at the end, and without it again. */
  readonly heldMb: { readonly before: number; readonly open: number; readonly closed: number }
  readonly commits: number
  readonly checkpoints: number
  /** In state at the end, and how long it takes to open the job on them again. */
  readonly keys: number
  readonly restoreSeconds: number
  readonly eventLoopDelayMs: { readonly p99: number; readonly max: number }
  /** The same job over the same lines without an engine: the mean of one run right before and one right after. */
  readonly plain: Measure
  /** Our events per CPU second over the plain program's. */
  readonly ofPlain: number
  /** Bare `JSON.parse` of the same lines, their texts at hand: again the mean of before and after. */
  readonly parse: Measure
  /** Our events per CPU second over those of `parse`. */
  readonly ofParse: number
}

const recordsAnAppend = 1000
/** Their texts are made before they are parsed, which takes a tenth of a second or so: all at once would need much memory. */
const linesAParse = 100_000

/**
 * Runs a job over a file from topic to topic, exactly-once: commits, progress markers and outputs in the log, and a
 * checkpoint of the state every second. The lines lie in the input topic, one a record, when the clock starts; reading
 * them from the log and parsing them is inside the span, which ends when the last output is committed.
 */
export class StreamCoreBench {
  readonly #name: string
  readonly #job: BenchJob
  readonly #lines: InputLines
  readonly #log: EventLog
  readonly #folder: string
  readonly #memoryBudgetMb: number | undefined
  /** Undefined: the whole topology in one task. */
  readonly #distribution: Distribution | undefined
  /** Of the names of its topics: a cluster may have those of an earlier run. */
  readonly #prefix = `bench.${Date.now()}`
  #passes = 0

  private constructor(parts: {
    name: string
    job: BenchJob
    lines: InputLines
    log: EventLog
    folder: string
    memoryBudgetMb: number | undefined
    distribution: Distribution | undefined
  }) {
    this.#name = parts.name
    this.#job = parts.job
    this.#lines = parts.lines
    this.#log = parts.log
    this.#folder = parts.folder
    this.#memoryBudgetMb = parts.memoryBudgetMb
    this.#distribution = parts.distribution
  }

  static async open(options: {
    job: string
    input: string
    kafka?: string | undefined
    memoryBudgetMb?: number | undefined
    distribution?: Distribution | undefined
  }): Promise<StreamCoreBench> {
    const job = benchJobs[options.job]
    if (job === undefined)
      throw new Error(`There is no job "${options.job}"; there are ${Object.keys(benchJobs).join(', ')}.`)
    const lines = await InputLines.read(options.input)
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
    const log =
      options.kafka === undefined
        ? await openEmbeddedLog(join(folder, 'log'))
        : openKafkaLog({ brokers: options.kafka.split(','), clientId: 'tocsin-bench' })
    const bench = new StreamCoreBench({
      name: options.job,
      job,
      lines,
      log,
      folder,
      memoryBudgetMb: options.memoryBudgetMb,
      distribution: options.distribution,
    })
    await bench.#fillInput()
    return bench
  }

  get inputTopic(): string {
    return `${this.#prefix}.input`
  }

  async close(): Promise<void> {
    await this.#log.close()
    await rm(this.#folder, { recursive: true })
  }

  /**
   * One pass from scratch, through another log on the same cluster where one is given. @returns its measures, and its
   * answer: the lines in the order of the output topic.
   */
  async pass(through: EventLog = this.#log): Promise<{ readonly pass: Pass; readonly answer: readonly Buffer[] }> {
    this.#passes += 1
    const parseBefore = await this.#parse()
    const before = await this.#plain()
    const name = `${this.#prefix}.${this.#name}.${this.#passes}`
    const topics = { input: this.inputTopic, output: `${name}.output`, deadLetters: `${name}.dead-letters` }
    await this.#log.createTopics([topics.output, topics.deadLetters].map((topic) => ({ topic, partitions: 1 })))
    const open = () => this.#openJob({ job: this.#name, name, topics }, through)
    const heldBefore = heldMiB()
    const job = await open()
    await rest()
    const memory = sampleMemory()
    const span = measure(this.#lines.count)
    const loop = watchEventLoop(2)
    await job.runToEnd()
    const taken = span()
    loop.stop()
    const { p99, max } = loop.delay()
    const { rss: rssMb, anonymous: anonymousMb } = memory()
    const { outputs, deadLetters, commits, checkpoints, keys } = job.progress()
    const heldOpen = heldMiB()
    await job.close()
    const heldMb = { before: heldBefore, open: heldOpen, closed: heldMiB() }
    const restored = measure(keys)
    await (await open()).close()
    const restoreSeconds = restored().seconds
    const after = await this.#plain()
    const plain = mean(before.measure, after.measure)
    const parse = mean(parseBefore, await this.#parse())
    if (deadLetters > 0) throw new Error(`${deadLetters} lines became dead letters.`)
    if (outputs !== before.answers) {
      throw new Error(`The job gave ${outputs} outputs, the plain program ${before.answers}.`)
    }
    const answer = await this.#readAll(topics.output)
    return {
      pass: {
        job: this.#name,
        pass: this.#passes,
        events: this.#lines.count,
        ...taken,
        outputs,
        peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
        rssMb,
        anonymousMb,
        heldMb,
        commits,
        checkpoints,
        keys,
        restoreSeconds,
        eventLoopDelayMs: { p99: rounded(p99), max: rounded(max) },
        plain,
        ofPlain: rounded(taken.perCpuSecond / plain.perCpuSecond),
        parse,
        ofParse: rounded(taken.perCpuSecond / parse.perCpuSecond),
      },
      answer,
    }
  }

  #openJob(pass: BenchPass, log: EventLog): Promise<Job> {
    const paces = {
      stateFolder: join(this.#folder, `state-${this.#passes}`),
      progressTopic: `${pass.name}.progress`,
      checkpointIntervalMs: 1000,
      restart: { type: 'none' },
      ...(this.#memoryBudgetMb !== undefined && { memoryBudgetBytes: this.#memoryBudgetMb * 2 ** 20 }),
    } as const
    if (this.#distribution === undefined) return openJob({ ...defineJob(pass), ...paces, log })
    const url = new URL(`./jobs/bench-jobs${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
    const definition = { url, argument: pass }
    return openDistributedJob({ ...this.#distribution, ...paces, definition, internalTopics: pass.name, log })
  }

  async #plain(): Promise<{ readonly measure: Measure; readonly answers: number }> {
    await rest()
    const span = measure(this.#lines.count)
    const answers = this.#job.plain(this.#lines.texts()).length
    return { measure: span(), answers }
  }

  async #parse(): Promise<Measure> {
    await rest()
    const spans: Measure[] = []
    const parseAll = (texts: readonly string[]): void => {
      const span = measure(texts.length)
      for (const text of texts) JSON.parse(text)
      spans.push(span())
    }
    let texts: string[] = []
    for (const text of this.#lines.texts()) {
      if (texts.push(text) < linesAParse) continue
      parseAll(texts)
      texts = []
    }
    parseAll(texts)
    return total(this.#lines.count, spans)
  }

  async #fillInput(): Promise<void> {
    const topic = this.inputTopic
    await this.#log.createTopics([{ topic, partitions: 1 }])
    const producer = await this.#log.openProducer(topic)
    const recordOf = (value: Uint8Array) => ({ topic, partition: 0, key: null, value })
    let records = []
    for (const value of this.#lines.bytes()) {
      records.push(recordOf(value))
      if (records.length < recordsAnAppend) continue
      await producer.append(records)
      records = []
    }
    await producer.append([...records, recordOf(bytesOf(endOfInput))])
    await producer.close()
  }

  async #readAll(topic: string): Promise<Buffer[]> {
    const at = { topic, partition: 0 }
    const { end } = await this.#log.offsets(at)
    const reader = await this.#log.openReader([{ ...at, offset: 0 }])
    const values: Buffer[] = []
    for (let next = 0; next < end;) {
      for (const { records, nextOffset } of await reader.poll(100)) {
        for (const { value } of records) values.push(bytesOf(textOf(value)))
        next = nextOffset
      }
    }
    await reader.close()
    return values
  }
}

const help = `Usage: npm run bench -- stream-core --job ${Object.keys(benchJobs).join('|')} --input FILE [options]

Runs a job through the public interface of stream-core, from topic to topic with exactly-once on: commits, a checkpoint
of the state every second, one log record a line, JSON parsing of every line in the measured span. Beside it, before and
after each pass, a plain program without engine answers the same from the same lines: it parses each line, adds up as
BigInt and keeps all it needs in Maps of the one process; it writes nothing, forgets nothing (j1 and j2) and loses all
when it ends.

  --input FILE       lines as \`npm run bench -- generate\` makes them, gzip or plain
  --out FILE         where to write the answer, its lines sorted as bytes
  --passes N         how often, each time from scratch; the first is not warm (default 3)
  --shards N         tasks behind each keyBy, with what crosses in topics of the log (default: one task in all)
  --workers N        threads that share the tasks (default 0: all in one)
  --memory-budget N  MiB of state in memory, of each task; the rest is read from the store when asked for (default: stream-core's)
  --kafka BOOTSTRAP  on a Kafka cluster instead of the embedded log in a temporary folder
  --peer flink       beside ours Apache Flink, in its MiniCluster in a JVM of its own, with one subtask and a checkpoint
                     every second, by Java and Maven: pass by pass in turn; an answer that differs from ours is an error
  --peer-state LIST  where Flink holds its state: heap, rocksdb or heap,rocksdb (default heap)
  --peer-order LIST  of j2: arrival, Flink's natural way; event: each line waits for the watermark, as ours always does,
                     and as it must where lines are not in order of time; or arrival,event (default arrival)
  --help             this text

One JSON line a pass on stdout: events, seconds, cpuSeconds (user and system, the whole process), perCpuSecond, outputs,
peakRssMb, and beside them rssMb over the span, anonymousMb (of it what no file backs: the log's tables are mapped), heldMb
(heap and buffers after a collection, before, with and without the job), commits, checkpoints, keys, restoreSeconds, eventLoopDelayMs, the plain program's figures and
\`ofPlain\`, events per CPU second as a share of the plain program's; those of bare JSON.parse of the lines, and \`ofParse\`.
A peer's passes have a line each too, and at the end each ratio one: how many times the peer's events per CPU second ours
are, by medians of the later half of the passes: Java takes a million lines or more to be warm. Only such ratios carry over between machines.
`

/** `npm run bench -- stream-core --job j1 --input FILE [--out FILE] [--passes N] [--peer flink] [--kafka BOOTSTRAP]`. */
export async function* streamCore(args: readonly string[]): AsyncGenerator<Pass | FlinkPass | PeerRatio> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      job: { type: 'string' },
      input: { type: 'string' },
      out: { type: 'string' },
      passes: { type: 'string', default: '3' },
      kafka: { type: 'string' },
      shards: { type: 'string' },
      workers: { type: 'string', default: '0' },
      'memory-budget': { type: 'string' },
      peer: { type: 'string' },
      'peer-state': { type: 'string', default: 'heap' },
      'peer-order': { type: 'string', default: 'arrival' },
      help: { type: 'boolean', default: false },
    },
  })
  const { job, input, out, kafka } = values
  if (values.help) {
    process.stdout.write(help)
    return
  }
  const passes = Number(values.passes)
  const distribution =
    values.shards === undefined ? undefined : { shards: Number(values.shards), workers: Number(values.workers) }
  const memoryBudget = values['memory-budget']
  const memoryBudgetMb = memoryBudget === undefined ? undefined : Number(memoryBudget)
  if (
    job === undefined ||
    input === undefined ||
    !Number.isInteger(passes) ||
    passes < 1 ||
    !((memoryBudgetMb ?? 1) > 0) ||
    !(distribution === undefined || (distribution.shards >= 1 && distribution.workers >= 0))
  ) {
    throw new Error(`A job, an input and whole numbers of passes, shards and workers are needed.\n\n${help}`)
  }
  if (values.peer !== undefined && values.peer !== 'flink')
    throw new Error(`There is no peer "${values.peer}"; there is flink.`)
  if (values.peer !== undefined && passes < 2)
    throw new Error('A peer needs two passes or more: the first is not warm.')
  const settings = values.peer === undefined ? [] : flinkSettings(job, values['peer-state'], values['peer-order'])
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const bench = await StreamCoreBench.open({ job, input, kafka, memoryBudgetMb, distribution })
  const peers: FlinkPeer[] = []
  const ours: Pass[] = []
  try {
    for (const setting of settings) peers.push(await startFlink(job, input, setting))
    for (let index = 0; index < passes; index += 1) {
      const { pass, answer } = await bench.pass()
      ours.push(pass)
      const file = fileOf(answer)
      if (out !== undefined) await writeFile(out, file)
      say(summaryOf(pass))
      yield pass
      for (const peer of peers) {
        const theirs = await peer.pass()
        if (!fileOf(theirs.answer).equals(file)) {
          throw new Error(
            `${nameOf(peer.setting)} answers ${theirs.answer.length} lines that are not our ${answer.length}.`,
          )
        }
        say(
          `${job}, pass ${index + 1}: ${nameOf(peer.setting)} answers the same at ${theirs.pass.perCpuSecond} a CPU second`,
        )
        yield theirs.pass
      }
    }
    for (const { setting, passes: theirs } of peers) {
      const ratio = ratioTo(nameOf(setting), ours, theirs)
      say(`${job}: ${ratio.timesThePeer} times the events per CPU second of ${ratio.peer} (${theirs[0]?.runs})`)
      yield ratio
    }
  } finally {
    for (const peer of peers) await peer.close()
    await bench.close()
  }
}

/** A pass in one line for people. */
const summaryOf = (of: Pass): string => {
  const { job, pass, events, perCpuSecond, plain, ofPlain, parse, ofParse, eventLoopDelayMs } = of
  const { rssMb, anonymousMb, heldMb } = of
  return (
    `${job}, pass ${pass}: ${events} events at ${perCpuSecond} a CPU second, ${ofPlain} of the plain program's ` +
    `${plain.perCpuSecond}; ${ofParse} of bare JSON.parse's ${parse.perCpuSecond}; ` +
    `event loop p99 ${eventLoopDelayMs.p99} ms; ${rssMb.secondHalf} MiB, ` +
    `of which ${anonymousMb?.secondHalf ?? '?'} backed by no file; held ${heldMb.before}, ${heldMb.open}, ${heldMb.closed}`
  )
}

const byBytes = (a: Buffer, b: Buffer): number => a.compare(b)

/** Each line with a line feed, sorted as bytes. */
export const fileOf = (lines: readonly Buffer[]): Buffer =>
  Buffer.concat(lines.toSorted(byBytes).flatMap((line) => [line, lineFeed]))

const lineFeed = Buffer.from('\n')
