import type { EventLog, Position, Reader, RecordBatch } from '@tocsin/event-log'
import type { Retrying } from './commits.ts'
import type { Task } from './task.ts'

const maxQueuedBytes = 16 << 20
const endsIntervalMs = 1000
/** Where the polls themselves say that there is nothing more. */
const restedIntervalMs = 10_000

export interface InputReaderOptions {
  readonly log: EventLog
  readonly task: Task
  /** Of each input, as of now. */
  readonly ends: readonly number[]
  /** A monotonic clock in ms. */
  readonly clock: () => number
}

/** From the log into the inputs of a task, each no further ahead than memory and alignment allow. */
export class InputReader {
  readonly #log: EventLog
  readonly #task: Task
  readonly #clock: () => number
  #reader: Reader | null
  readonly #paused = new Set<number>()
  /** Returns of the task up to which the reader stands right. */
  #returnsRead = 0
  readonly #ends: number[]
  #endsAt: number
  /** The last poll waited for all inputs and brought nothing: there is nothing more to be read. */
  #hasRested = false

  private constructor({ log, task, ends, clock }: InputReaderOptions, reader: Reader) {
    this.#log = log
    this.#task = task
    this.#clock = clock
    this.#reader = reader
    this.#ends = [...ends]
    this.#endsAt = clock()
  }

  static async open(options: InputReaderOptions): Promise<InputReader> {
    return new InputReader(options, await options.log.openReader(positionsOf(options.task)))
  }

  /** Where each input ends, as far as that is known. */
  get ends(): readonly number[] {
    return this.#ends
  }
  /** The log has more than was read. */
  get hasMore(): boolean {
    return this.#task.inputs.some(
      ({ fetchOffset }, index) => fetchOffset < (this.#ends[index] ?? 0) && !this.#paused.has(index),
    )
  }
  /** Those that are read no further for now. */
  get toPause(): ReadonlySet<number> {
    return this.#task.inputsToPause(maxQueuedBytes)
  }

  /** Waits at most `waitMs` for records, or until `signal` aborts, and offers them to their inputs. @returns whether anything came */
  async read(waitMs: number, retrying: Retrying, signal?: AbortSignal): Promise<boolean> {
    const { inputs, returns } = this.#task
    this.#pauseAndResume()
    // Now and then: it tells how far behind the task is.
    const intervalMs = this.#hasRested && this.#paused.size === 0 ? restedIntervalMs : endsIntervalMs
    if (this.#clock() - this.#endsAt >= intervalMs) await retrying(() => this.readEnds())
    if (returns !== this.#returnsRead) {
      // What was read is to be read again.
      this.#returnsRead = returns
      await this.#reader?.close()
      this.#reader = null
    }
    const batches = await retrying(() => this.#poll(waitMs, signal))
    for (const { topic, partition, records, nextOffset } of batches) {
      const index = inputs.findIndex((input) => input.source.topic === topic && input.partition === partition)
      inputs[index]?.offer(records, nextOffset)
      this.#ends[index] = Math.max(this.#ends[index] ?? 0, nextOffset)
    }
    this.#hasRested = batches.length === 0 && waitMs > 0 && this.#paused.size === 0
    return batches.length > 0
  }

  /** Asks the log where each input ends. */
  async readEnds(): Promise<readonly number[]> {
    const ranges = await Promise.all(
      this.#task.inputs.map(({ source: { topic }, partition }) => this.#log.offsets({ topic, partition })),
    )
    ranges.forEach(({ end }, index) => (this.#ends[index] = Math.max(this.#ends[index] ?? 0, end)))
    this.#endsAt = this.#clock()
    return ranges.map(({ end }) => end)
  }

  async close(): Promise<void> {
    await this.#reader?.close()
  }

  #pauseAndResume(): void {
    const { toPause } = this
    this.#task.inputs.forEach(({ source, partition }, index) => {
      const at = { topic: source.topic, partition }
      const [shouldPause, isPaused] = [toPause.has(index), this.#paused.has(index)]
      if (shouldPause && !isPaused) this.#reader?.pause(at)
      if (!shouldPause && isPaused) this.#reader?.resume(at)
      if (shouldPause) this.#paused.add(index)
      else this.#paused.delete(index)
    })
  }

  async #poll(waitMs: number, signal: AbortSignal | undefined): Promise<readonly RecordBatch[]> {
    if (this.#reader === null) {
      this.#reader = await this.#log.openReader(positionsOf(this.#task))
      this.#paused.clear()
    }
    try {
      return await this.#reader.poll(waitMs, signal)
    } catch (error) {
      // What a failed reader has delivered is not known: a new one goes on where the inputs stand.
      const failed = this.#reader
      this.#reader = null
      await failed.close().catch(() => undefined)
      throw error
    }
  }
}

const positionsOf = (task: Task): readonly Position[] =>
  task.inputs.map(({ source, partition, fetchOffset }) => ({ topic: source.topic, partition, offset: fetchOffset }))
