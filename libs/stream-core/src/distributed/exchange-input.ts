import type { LogRecord } from '@tocsin/event-log'
import { minTimestamp, type Timestamp } from '../time.ts'
import { RecordQueue, type InputPosition, type QueuedRecord } from '../task/record-queue.ts'
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
  readonly #queue = new RecordQueue(false)
  #frame: Frame | null = null
  #item: ExchangeItem | null = null
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
    return this.#queue.fetchOffset
  }
  get position(): InputPosition {
    return this.#queue.position
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
    return this.#queue.length
  }
  get queuedBytes(): number {
    return this.#queue.bytes
  }
  get headRecord(): LogRecord | undefined {
    return this.#queue.head
  }

  offer(records: readonly LogRecord[], nextOffset: number): void {
    this.#queue.offer(records, nextOffset)
  }

  /** The log records that are queued, and how many items of each are taken. */
  queued(): Iterable<QueuedRecord> {
    return this.#queue.queued()
  }

  /** The next item, or undefined until more is read. Frames without one only move the bound. */
  peek(): ExchangeItem | undefined {
    if (this.#item !== null) return this.#item
    for (let record = this.#queue.head; record !== undefined; record = this.#queue.head) {
      this.#frame ??= decodeFrame(record.value)
      const item = this.#frame.items[this.#queue.taken]
      if (item === undefined) {
        this.#leave(this.#frame)
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
    const item = this.#item
    const frame = this.#frame
    if (item === null || frame === null) return
    this.#item = null
    this.#taken = item.stamp
    if (this.#queue.taken + 1 < frame.items.length) this.#queue.take()
    else this.#leave(frame)
  }

  snapshot(): ExchangeInputSnapshot {
    return { ...this.#queue.position, bound: this.bound, isIdle: this.isIdle }
  }
  start({ bound, isIdle, ...position }: ExchangeInputSnapshot): void {
    this.#queue.start(position)
    this.#frame = null
    this.#item = null
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

  #leave(frame: Frame): void {
    if (compareStamps(frame.progress, this.bound) > 0) this.#order.enter(frame.progress)
    this.#queue.leave()
    this.#frame = null
  }
}

/**
 * Which writer's item comes next: the least stamp, once every other writer that is neither idle nor at its end is known
 * to have nothing before it. The same rule as for sources, by stamps.
 */
export const nextOfExchange = (inputs: readonly ExchangeInput[], holdsIdle: boolean): number | undefined => {
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
  if (waitFor === undefined) return first.input
  const order = compareStamps(first.stamp, waitFor.stamp)
  return order < 0 || (order === 0 && first.input < waitFor.input) ? first.input : undefined
}
