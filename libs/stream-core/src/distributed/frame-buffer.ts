import type { NewRecord, TopicPartition } from '@tocsin/event-log'
import { exchangePartition, type ExchangeTarget } from './exchange.ts'
import { FrameWriter, type ExchangeItem } from './frame.ts'
import { compareStamps, firstStamp, stampAfter, type Stamp } from './stamp.ts'

/** An item on its way to a shard of a target, or to all of them. */
export interface Crossing {
  readonly target: number
  readonly shard: number | null
  readonly item: ExchangeItem
}

/** Below what a Kafka broker takes by default, 1 MiB. */
const largestFrameBytes = 512 * 1024

interface Stream {
  readonly topic: string
  readonly partition: number
  readonly full: Uint8Array[]
  writer: FrameWriter | null
  last: Stamp
}

/** What a task tells until its next commit, as frames: one a shard of each target, more only where one grows too large. */
export class FrameBuffer {
  /** By target, then shard. */
  readonly #streams: readonly (readonly Stream[])[]
  #items = 0
  #sent: Stamp = firstStamp

  constructor(targets: readonly ExchangeTarget[]) {
    this.#streams = targets.map(({ topic, shards, writers, writer }) =>
      Array.from({ length: shards }, (_, shard) => ({
        topic,
        partition: exchangePartition(writers, shard, writer),
        full: [],
        writer: null,
        last: firstStamp,
      })),
    )
  }

  /** Where frames go, at each commit to all of them. */
  get places(): readonly TopicPartition[] {
    return this.#streams.flat()
  }
  /** Items that wait. */
  get items(): number {
    return this.#items
  }

  add(crossings: readonly Crossing[]): void {
    for (const { target, shard, item } of crossings) {
      const streams = this.#streams[target] ?? []
      if (shard === null) for (const stream of streams) this.#write(stream, item)
      else {
        const stream = streams[shard]
        if (stream !== undefined) this.#write(stream, item)
      }
    }
  }

  /** There is something to tell, if only that the task has come as far as `progress`. */
  hasNews(progress: Stamp): boolean {
    return this.#streams.length > 0 && (this.#items > 0 || compareStamps(progress, this.#sent) > 0)
  }

  /** A frame for every shard, also with no item: each must know how far the writer has come. */
  records(progress: Stamp): readonly NewRecord[] {
    return this.#streams.flat().flatMap(({ topic, partition, full, writer }) => {
      const frames = [...full, (writer ?? new FrameWriter()).finished(progress)]
      return frames.map((value) => ({ topic, partition, key: null, value }))
    })
  }

  /** What `records` gave is in the log. */
  sent(progress: Stamp): void {
    for (const stream of this.#streams.flat()) {
      stream.full.length = 0
      stream.writer = null
    }
    this.#items = 0
    this.#sent = progress
  }

  #write(stream: Stream, item: ExchangeItem): void {
    if (stream.writer !== null && stream.writer.bytes > largestFrameBytes) {
      stream.full.push(stream.writer.finished(stampAfter(stream.last)))
      stream.writer = null
    }
    stream.writer ??= new FrameWriter()
    stream.writer.add(item)
    stream.last = item.stamp
    this.#items += 1
  }
}
