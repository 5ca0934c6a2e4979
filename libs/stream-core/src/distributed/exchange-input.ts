import type { LogRecord } from '@tocsin/event-log'
import { minTimestamp, type Timestamp } from '../time.ts'
import type { InputPosition, QueuedRecord } from '../task/input.ts'
import type { Placed } from '../task/place.ts'
import { decodeFrame, type ExchangeItem, type Frame } from './frame.ts'
import { compareStamps, firstStamp, isEnd, Stamper, stampAfter, type Stamp } from './stamp.ts'

export interface ExchangeInputSnapshot extends InputPosition {
  /** What is still to come stands at or behind it. */
  readonly bound: Stamp
  readonly isIdle: boolean
}

/** What one task writes for this one: a partition of an internal topic, whose records are frames. */
export class ExchangeInput {
  readonly source: { readonly topic: string }
  readonly partition: number
  #records: LogRecord[] = []
  #head = 0
  #headBytes = 0
  #frame: Frame | null = null
  #item: ExchangeItem | null = null
  #fetchOffset = 0
  #offset = 0
  #ordinal = 0
  readonly #order = new Stamper()
  /** Of the item last taken: the bound lies right behind it, once somebody asks. */
  #taken: Stamp | null = null
  isIdle = false
  readonly isSilent = false
  /** None of its own: what it carries tells the watermarks of the sources. */
  readonly watermark: Timestamp = minTimestamp

  constructor(topic: string, partition: number) {
    this.source = { topic }
    this.partition = partition
  }

  get fetchOffset(): number {
    return this.#fetchOffset
  }
  get position(): InputPosition {
    return { offset: this.#offset, ordinal: this.#ordinal }
  }
  get bound(): Stamp {
    if (this.#taken !== null) this.#order.enter(stampAfter(this.#taken))
    this.#taken = null
    return this.#order.last
  }
  get hasEnded(): boolean {
    return isEnd(this.bound)
  }
  get queuedRecords(): number {
    return this.#records.length - this.#head
  }
  get queuedBytes(): number {
    return this.#headBytes
  }
  get headRecord(): LogRecord | undefined {
    return this.#records[this.#head]
  }

  offer(records: readonly LogRecord[], nextOffset: number): void {
    for (const record of records) {
      if (record.offset < this.#fetchOffset) continue
      this.#records.push(record)
      this.#headBytes += record.value.length
    }
    this.#fetchOffset = Math.max(this.#fetchOffset, nextOffset)
  }

  /** The log records that are queued, and how many items of each are taken. */
  *queued(): Generator<QueuedRecord> {
    for (let at = this.#head; at < this.#records.length; at += 1) {
      const record = this.#records[at]
      if (record !== undefined) yield { record, taken: record.offset === this.#offset ? this.#ordinal : 0 }
    }
  }

  /** The next item, or undefined until more is read. Frames without one only move the bound. */
  peek(): ExchangeItem | undefined {
    if (this.#item !== null) return this.#item
    for (let record = this.#records[this.#head]; record !== undefined; record = this.#records[this.#head]) {
      this.#frame ??= decodeFrame(record.value)
      const item = this.#frame.items[record.offset === this.#offset ? this.#ordinal : 0]
      if (item === undefined) {
        this.#leave(record, this.#frame)
        continue
      }
      // A writer's idle input may go on behind what the writer had promised: the promise stands, the stamp gives way.
      const stamp = this.#isInOrder(item.stamp) ? item.stamp : this.#order.enter(item.stamp)
      this.#item = stamp === item.stamp ? item : { ...item, stamp }
      return this.#item
    }
    return undefined
  }

  /** What `peek` gave has been taken. */
  take(): void {
    const record = this.#records[this.#head]
    const [item, frame] = [this.#item, this.#frame]
    if (record === undefined || item === null || frame === null) return
    this.#item = null
    this.#taken = item.stamp
    this.#ordinal = (record.offset === this.#offset ? this.#ordinal : 0) + 1
    this.#offset = record.offset
    if (this.#ordinal >= frame.items.length) this.#leave(record, frame)
  }

  snapshot(): ExchangeInputSnapshot {
    return { offset: this.#offset, ordinal: this.#ordinal, bound: this.bound, isIdle: this.isIdle }
  }
  start({ offset, ordinal, bound, isIdle }: ExchangeInputSnapshot): void {
    this.#records = []
    this.#head = 0
    this.#headBytes = 0
    this.#frame = null
    this.#item = null
    this.#fetchOffset = offset
    this.#offset = offset
    this.#ordinal = ordinal
    this.#taken = null
    this.#order.restore({ section: 0, last: bound })
    this.isIdle = isIdle
  }
  startAt(offset: number): void {
    this.start({ offset, ordinal: 0, bound: firstStamp, isIdle: false })
  }

  #isInOrder(stamp: Stamp): boolean {
    return this.#taken === null ? compareStamps(stamp, this.#order.last) >= 0 : compareStamps(stamp, this.#taken) > 0
  }

  #leave(record: LogRecord, frame: Frame): void {
    if (compareStamps(frame.progress, this.bound) > 0) this.#order.enter(frame.progress)
    this.#offset = record.offset + 1
    this.#ordinal = 0
    this.#frame = null
    this.#headBytes -= record.value.length
    this.#head += 1
    if (this.#head < 1024) return
    this.#records = this.#records.slice(this.#head)
    this.#head = 0
  }
}

/**
 * Which writer's item comes next: the least stamp, once every other writer that is neither idle nor at its end is known
 * to have nothing before it. The same rule as for sources, by stamps.
 */
export const nextOfExchange = (inputs: readonly ExchangeInput[], holdsIdle: boolean): Placed | undefined => {
  let first: { readonly input: number; readonly stamp: Stamp } | undefined
  let waitFor: { readonly input: number; readonly stamp: Stamp } | undefined
  for (let index = 0; index < inputs.length; index += 1) {
    const input = inputs[index]
    if (input === undefined || (holdsIdle && input.isIdle)) continue
    const item = input.peek()
    if (item !== undefined) {
      if (first === undefined || compareStamps(item.stamp, first.stamp) < 0) first = { input: index, stamp: item.stamp }
    } else if (!input.isIdle && !input.hasEnded) {
      const stamp = input.bound
      if (waitFor === undefined || compareStamps(stamp, waitFor.stamp) < 0) waitFor = { input: index, stamp }
    }
  }
  if (first === undefined) return undefined
  const placed = { input: first.input, place: first.stamp.step.place }
  if (waitFor === undefined) return placed
  const order = compareStamps(first.stamp, waitFor.stamp)
  return order < 0 || (order === 0 && first.input < waitFor.input) ? placed : undefined
}
