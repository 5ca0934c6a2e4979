import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { openEmbeddedLog, openKafkaLog, type EventLog } from '@tocsin/event-log'
import { openJob, StreamBuilder } from '@tocsin/stream-core'
import { InputLines } from './input-lines.ts'
import { bytesOf, endOfInput, textOf, type BenchJob } from './jobs/bench-job.ts'
import { passThrough } from './jobs/pass-through.ts'
import { priceJoin } from './jobs/price-join.ts'
import { walletVolume } from './jobs/wallet-volume.ts'

export const benchJobs: Readonly<Record<string, BenchJob>> = { j1: walletVolume, j2: passThrough, j3: priceJoin }

/** Over one span: the whole process, its threads included. */
export interface Measure {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly perCpuSecond: number
}

export interface Pass extends Measure {
  readonly job: string
  readonly pass: number
  readonly events: number
  readonly outputs: number
  readonly peakRssMb: number
  readonly checkpoints: number
  readonly eventLoopDelayMs: { readonly p99: number; readonly max: number }
  /** The same job over the same lines without an engine, measured right before. */
  readonly plain: Measure
  /** Our events per CPU second over the plain program's. */
  readonly ofPlain: number
}

const recordsAnAppend = 1000
const inputTopic = 'bench.input'

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
  #passes = 0

  private constructor(parts: { name: string; job: BenchJob; lines: InputLines; log: EventLog; folder: string }) {
    this.#name = parts.name
    this.#job = parts.job
    this.#lines = parts.lines
    this.#log = parts.log
    this.#folder = parts.folder
  }

  static async open(options: { job: string; input: string; kafka?: string | undefined }): Promise<StreamCoreBench> {
    const job = benchJobs[options.job]
    if (job === undefined)
      throw new Error(`There is no job "${options.job}"; there are ${Object.keys(benchJobs).join(', ')}.`)
    const lines = await InputLines.read(options.input)
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-bench-'))
    const log =
      options.kafka === undefined
        ? await openEmbeddedLog(join(folder, 'log'))
        : openKafkaLog({ brokers: options.kafka.split(','), clientId: 'tocsin-bench' })
    const bench = new StreamCoreBench({ name: options.job, job, lines, log, folder })
    await bench.#fillInput()
    return bench
  }

  async close(): Promise<void> {
    await this.#log.close()
    await rm(this.#folder, { recursive: true })
  }

  /** One pass from scratch. @returns its measures, and its answer: the lines in the order of the output topic. */
  async pass(): Promise<{ readonly pass: Pass; readonly answer: readonly Buffer[] }> {
    this.#passes += 1
    const plain = measure(this.#lines.count)
    const plainAnswers = this.#job.plain(this.#lines.texts()).length
    const plainMeasure = plain()

    const name = `bench.${this.#name}.${this.#passes}`
    const topics = { input: inputTopic, output: `${name}.output`, deadLetters: `${name}.dead-letters` }
    await this.#log.createTopics([topics.output, topics.deadLetters].map((topic) => ({ topic, partitions: 1 })))
    const builder = new StreamBuilder({ job: name, version: '1' })
    this.#job.build(builder, topics)
    const delay = monitorEventLoopDelay({ resolution: 2 })
    const job = await openJob({
      topology: builder.build(),
      log: this.#log,
      stateFolder: join(this.#folder, `state-${this.#passes}`),
      progressTopic: `${name}.progress`,
      deadLetters: { topic: topics.deadLetters, encode: ({ reason }) => bytesOf(reason) },
      checkpointIntervalMs: 1000,
      clock: () => performance.now(),
    })
    const span = measure(this.#lines.count)
    delay.enable()
    await job.runToEnd()
    const taken = span()
    delay.disable()
    const { outputs, deadLetters, checkpoints } = job.progress()
    await job.close()
    if (deadLetters > 0) throw new Error(`${deadLetters} lines became dead letters.`)
    if (outputs !== plainAnswers) throw new Error(`The job gave ${outputs} outputs, the plain program ${plainAnswers}.`)
    const answer = await this.#readAll(topics.output)
    return {
      pass: {
        job: this.#name,
        pass: this.#passes,
        events: this.#lines.count,
        ...taken,
        outputs,
        peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
        checkpoints,
        eventLoopDelayMs: { p99: rounded(delay.percentile(99) / 1e6), max: rounded(delay.max / 1e6) },
        plain: plainMeasure,
        ofPlain: rounded(taken.perCpuSecond / plainMeasure.perCpuSecond),
      },
      answer,
    }
  }

  async #fillInput(): Promise<void> {
    await this.#log.createTopics([{ topic: inputTopic, partitions: 1 }])
    const producer = await this.#log.openProducer('bench.input')
    const recordOf = (value: Uint8Array) => ({ topic: inputTopic, partition: 0, key: null, value })
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

/** `npm run bench -- stream-core --job j1 --input FILE [--out FILE] [--passes N] [--kafka BOOTSTRAP]`. */
export async function* streamCore(args: readonly string[]): AsyncGenerator<Pass> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      job: { type: 'string' },
      input: { type: 'string' },
      out: { type: 'string' },
      passes: { type: 'string', default: '3' },
      kafka: { type: 'string' },
    },
  })
  const { job, input, out, kafka } = values
  const passes = Number(values.passes)
  if (job === undefined || input === undefined || !Number.isInteger(passes) || passes < 1) {
    throw new Error('Usage: stream-core --job j1|j2|j3 --input FILE [--out FILE] [--passes N] [--kafka BOOTSTRAP]')
  }
  const bench = await StreamCoreBench.open({ job, input, kafka })
  try {
    for (let index = 0; index < passes; index += 1) {
      const { pass, answer } = await bench.pass()
      if (out !== undefined) await writeFile(out, fileOf(answer))
      yield pass
    }
  } finally {
    await bench.close()
  }
}

const byBytes = (a: Buffer, b: Buffer): number => a.compare(b)

/** Each line with a line feed, sorted as bytes. */
export const fileOf = (lines: readonly Buffer[]): Buffer =>
  Buffer.concat(lines.toSorted(byBytes).flatMap((line) => [line, lineFeed]))

const lineFeed = Buffer.from('\n')
const rounded = (value: number): number => Math.round(value * 1000) / 1000

const measure = (events: number): (() => Measure) => {
  const began = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    const cpuSeconds = (user + system) / 1e6
    return {
      seconds: rounded((performance.now() - began) / 1000),
      cpuSeconds: rounded(cpuSeconds),
      perCpuSecond: Math.round(events / cpuSeconds),
    }
  }
}
