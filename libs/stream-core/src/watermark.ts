import { minTimestamp, type Timestamp } from './time.ts'

interface Channel {
  watermark: Timestamp
  isIdle: boolean
  /** Takes part in the minimum. A channel that was idle rejoins once it has caught up with what was passed on. */
  isAligned: boolean
}

export interface ValveSnapshot {
  readonly watermark: Timestamp
  readonly isIdle: boolean
  readonly channels: readonly Readonly<Channel>[]
}

/** One watermark out of several, each known by an id, of which those that are idle do not count. */
export interface WatermarkCombiner<Id = number> {
  readonly watermark: Timestamp
  readonly isIdle: boolean
  advance(id: Id, watermark: Timestamp): void
  setIdle(id: Id, isIdle: boolean): void
  snapshot(): ValveSnapshot
  restore(snapshot: ValveSnapshot): void
}

/**
 * The watermark of an operator: the minimum over the inputs that are not idle, never going back.
 * Source: Flink's StatusWatermarkValve, also in that the last input to fall idle lets the highest watermark through.
 */
export class WatermarkValve implements WatermarkCombiner {
  #watermark: Timestamp = minTimestamp
  #isIdle = false
  #channels: Channel[]

  constructor(channels: number) {
    this.#channels = Array.from({ length: channels }, () => ({
      watermark: minTimestamp,
      isIdle: false,
      isAligned: true,
    }))
  }

  get watermark(): Timestamp {
    return this.#watermark
  }
  get isIdle(): boolean {
    return this.#isIdle
  }

  advance(index: number, watermark: Timestamp): void {
    const channel = this.#channels[index]
    if (channel === undefined || channel.isIdle || watermark <= channel.watermark) return
    channel.watermark = watermark
    if (watermark >= this.#watermark) channel.isAligned = true
    if (channel.isAligned) this.#passMinimum()
  }

  setIdle(index: number, isIdle: boolean): void {
    const channel = this.#channels[index]
    if (channel === undefined || channel.isIdle === isIdle) return
    channel.isIdle = isIdle
    if (!isIdle) {
      channel.isAligned = channel.watermark >= this.#watermark
      this.#isIdle = false
      return
    }
    channel.isAligned = false
    if (this.#channels.some((other) => !other.isIdle)) {
      if (channel.watermark === this.#watermark) this.#passMinimum()
      return
    }
    if (channel.watermark === this.#watermark) {
      for (const other of this.#channels) this.#pass(other.watermark)
    }
    this.#isIdle = true
  }

  snapshot(): ValveSnapshot {
    const channels = this.#channels.map((channel) => ({ ...channel }))
    return { watermark: this.#watermark, isIdle: this.#isIdle, channels }
  }
  restore(snapshot: ValveSnapshot): void {
    this.#watermark = snapshot.watermark
    this.#isIdle = snapshot.isIdle
    this.#channels = snapshot.channels.map((channel) => ({ ...channel }))
  }

  #passMinimum(): void {
    let minimum: Timestamp | undefined
    for (const { isAligned, watermark } of this.#channels) {
      if (isAligned && (minimum === undefined || watermark < minimum)) minimum = watermark
    }
    if (minimum !== undefined) this.#pass(minimum)
  }
  #pass(watermark: Timestamp): void {
    if (watermark > this.#watermark) this.#watermark = watermark
  }
}

/**
 * The watermark behind an operator that neither waits for a second input nor does anything when it hears of a watermark:
 * always that of its input, so nobody has to tell it. It is what a `WatermarkValve` of one channel would be.
 */
export class RelayedWatermark implements WatermarkCombiner {
  /** Who is told. */
  readonly origin: WatermarkCombiner

  constructor(input: WatermarkCombiner) {
    this.origin = originOf(input)
  }

  get watermark(): Timestamp {
    return this.origin.watermark
  }
  get isIdle(): boolean {
    return this.origin.isIdle
  }
  advance(): void {
    return // the origin is told
  }
  setIdle(): void {
    return // as above
  }
  snapshot(): ValveSnapshot {
    const { watermark, isIdle } = this
    return { watermark, isIdle, channels: [{ watermark, isIdle, isAligned: !isIdle }] }
  }
  restore(): void {
    return // the origin is put back
  }
}

/** Who is told of what a combiner knows. */
export const originOf = (combiner: WatermarkCombiner): WatermarkCombiner =>
  combiner instanceof RelayedWatermark ? combiner.origin : combiner
