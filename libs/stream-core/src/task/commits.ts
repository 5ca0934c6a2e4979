import {
  LogFullError,
  ProducerFencedError,
  type EventLog,
  type NewRecord,
  type Producer,
  type TopicPartition,
} from '@tocsin/event-log'
import type { Crossing, FrameBuffer } from '../distributed/frame-buffer.ts'
import type { Stamp } from '../distributed/stamp.ts'
import { answerRecord, answersPosition } from './answer-log.ts'
import type { AnswerUse } from './answers.ts'
import { differingSinks, newMarker, type ProgressMarker, type WrittenRange } from './marker.ts'
import type { Emission } from './output-buffer.ts'
import { markerRecord, readMarkers, type ProgressPosition } from './progress-log.ts'

/** Repeats `work` until it succeeds, with waits between; what cannot be repeated is thrown. */
export type Retrying = <T>(work: () => Promise<T>) => Promise<T>

/** What a commit took, and what it wrote. */
export interface CommitReport {
  /** Of the append, with what was repeated. */
  readonly durationMs: number
  readonly records: number
  /** Of keys and values. */
  readonly bytes: number
}

/** Outputs on their way to the log, and the marker that goes with them in one atomic write. */
export class Commits {
  readonly #log: EventLog
  readonly #position: ProgressPosition
  readonly #clock: () => number
  /** What other tasks are told. */
  readonly #frames: FrameBuffer
  /** Answers that were used since the last commit. */
  #answers: NewRecord[] = []
  /** Ends of the topic of answers after what may yet be needed, oldest first, and how many were used by then. */
  #answerEnds: { readonly used: number; readonly end: number }[]
  #producer: Producer
  #lastSteps: number
  #pending: NewRecord[] = []
  #pendingSince: number | null = null
  /** Where the next record of a partition cannot lie below. */
  readonly #ends: Map<string, number>
  /** Ends of the progress topic after commits that may yet be needed, oldest first. */
  #markerEnds: { readonly steps: number; readonly end: number }[] = []

  constructor(options: {
    readonly log: EventLog
    readonly position: ProgressPosition
    readonly clock: () => number
    readonly producer: Producer
    /** Of the newest marker in the log. */
    readonly lastSteps: number
    /** Of each partition that the task may write to, as of now. */
    readonly ends: readonly (TopicPartition & { readonly end: number })[]
    readonly frames: FrameBuffer
    /** Of the answers that the log holds and this task may yet need. */
    readonly answerEnds: readonly { readonly used: number; readonly end: number }[]
  }) {
    this.#log = options.log
    this.#position = options.position
    this.#clock = options.clock
    this.#frames = options.frames
    this.#answerEnds = [...options.answerEnds]
    this.#producer = options.producer
    this.#lastSteps = options.lastSteps
    this.#ends = new Map(options.ends.map(({ topic, partition, end }) => [`${topic}/${partition}`, end]))
  }

  get pending(): number {
    return this.#pending.length + this.#answers.length + this.#frames.items
  }
  /** When the oldest output that waits was made; null when none waits. */
  get pendingSince(): number | null {
    return this.#pendingSince
  }
  /** Steps that the newest marker covers. */
  get lastSteps(): number {
    return this.#lastSteps
  }

  /** `told`: how far the task has come, which is news to others even without an item for them. */
  add(
    emissions: readonly Emission[],
    crossings: readonly Crossing[],
    answers: readonly AnswerUse[],
    told: Stamp,
  ): void {
    this.#frames.add(crossings)
    if (emissions.length === 0 && answers.length === 0 && !this.#frames.hasNews(told)) return
    for (const use of answers) this.#answers.push(answerRecord(answersPosition(this.#position), use))
    for (const { record } of emissions) this.#pending.push(record)
    if (this.#pendingSince !== null) return
    this.#pendingSince = this.#clock()
    this.#producer.prepare?.(this.#places())
  }

  /**
   * Writes what waits, with the marker.
   * @returns null when there was nothing to say
   * @throws {ProducerFencedError} someone else has gone on from here.
   */
  async commit(
    marker: Omit<ProgressMarker, 'format' | 'written'>,
    told: Stamp,
    retrying: Retrying,
  ): Promise<CommitReport | null> {
    const hasStepped = marker.steps !== this.#lastSteps
    if (this.#pending.length === 0 && !hasStepped && !this.#frames.hasNews(told)) return null
    const began = this.#clock()
    const whole = newMarker({ ...marker, written: this.#written() })
    const marking = markerRecord(this.#position, whole)
    const records = [...this.#pending, ...this.#answers, ...this.#frames.records(told), marking]
    const atAnswers = answersPosition(this.#position)
    let isUnknown = false
    await retrying(async () => {
      if (isUnknown) {
        // A new producer of the same id ends what the old one may still have open; then the topic is the last word.
        this.#producer = await this.#log.openProducer(this.#position.transactionalId)
        const last = (await readMarkers(this.#log, this.#position)).at(-1)
        isUnknown = false
        // Without a step it only tells how far it has come: that may be told twice.
        if (last !== undefined && (hasStepped ? last.steps >= marker.steps : last.steps > marker.steps)) {
          if (last.steps === marker.steps && differingSinks(last.proofs, marker.proofs).length === 0) return
          throw new ProducerFencedError(this.#position.transactionalId) // someone else has gone on from the same place
        }
      }
      try {
        for (const { topic, partition, offset } of await this.#producer.append(records)) {
          this.#ends.set(`${topic}/${partition}`, offset)
          if (topic === atAnswers.topic && partition === atAnswers.partition) {
            this.#answerEnds.push({ used: marker.answers, end: offset })
          }
          if (topic === this.#position.topic && partition === this.#position.partition) {
            this.#markerEnds.push({ steps: marker.steps, end: offset })
          }
        }
      } catch (error) {
        isUnknown = !(error instanceof LogFullError)
        throw error
      }
    })
    this.#pending = []
    this.#answers = []
    this.#frames.sent(told)
    this.#pendingSince = null
    this.#lastSteps = marker.steps
    return { durationMs: this.#clock() - began, records: records.length, bytes: bytesOf(records) }
  }

  /** Markers below a checkpoint are of no more use, but one must stay. */
  async trimBelow(checkpointSteps: number, retrying: Retrying): Promise<void> {
    const keepFrom = this.#markerEnds.findLastIndex(({ steps }) => steps <= checkpointSteps)
    const before = this.#markerEnds[keepFrom - 1]
    if (before === undefined) return
    this.#markerEnds = this.#markerEnds.slice(keepFrom)
    const { topic, partition } = this.#position
    await retrying(() => this.#log.trim({ topic, partition }, before.end))
  }

  /** Answers that were used before a checkpoint will not be asked for again. */
  async trimAnswersBelow(used: number, retrying: Retrying): Promise<void> {
    const last = this.#answerEnds.findLastIndex((one) => one.used <= used)
    const upTo = this.#answerEnds[last]
    if (upTo === undefined) return
    await retrying(() => this.#log.trim(answersPosition(this.#position), upTo.end))
    this.#answerEnds = this.#answerEnds.slice(last + 1)
  }

  async close(): Promise<void> {
    await this.#producer.close()
  }

  /** Where the next commit goes, as far as that is known. */
  #places(): readonly TopicPartition[] {
    const answersAt = this.#answers.length > 0 ? [answersPosition(this.#position)] : []
    return [...this.#written(), ...answersAt, ...this.#frames.places, this.#position]
  }

  #written(): readonly WrittenRange[] {
    const ranges = new Map<string, { topic: string; partition: number; count: number }>()
    let last: { topic: string; partition: number; count: number } | undefined
    for (const { topic, partition } of this.#pending) {
      if (last?.topic !== topic || last.partition !== partition) {
        const name = `${topic}/${partition}`
        last = ranges.get(name) ?? { topic, partition, count: 0 }
        ranges.set(name, last)
      }
      last.count += 1
    }
    return [...ranges].map(([name, { topic, partition, count }]) => ({
      topic,
      partition,
      count,
      from: this.#ends.get(name) ?? 0,
    }))
  }
}

const bytesOf = (records: readonly NewRecord[]): number =>
  records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + value.length, 0)
