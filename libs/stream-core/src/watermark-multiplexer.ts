import { minTimestamp, type Timestamp } from './time.ts'
import type { ValveSnapshot, WatermarkCombiner } from './watermark.ts'

interface PartialWatermark {
  watermark: Timestamp
  isIdle: boolean
}

/**
 * One watermark of a source out of those of its partitions: the minimum over the ones that are not idle, never going
 * back. Source: Flink's WatermarkOutputMultiplexer. It differs from the valve between operators: a partition that wakes
 * up behind the others holds them until it has caught up, and the last one to fall idle lets nothing more through.
 *
 * `advance` and `setIdle` count at once (Flink's immediate outputs); what is deferred counts from the next change of
 * another kind, or `settle`, on.
 */
export class WatermarkMultiplexer<Id = number> implements WatermarkCombiner<Id> {
  readonly #partials = new Map<Id, PartialWatermark>()
  #watermark: Timestamp = minTimestamp
  #isIdle = false

  constructor(ids: Iterable<Id> = []) {
    for (const id of ids) this.register(id)
  }

  get watermark(): Timestamp {
    return this.#watermark
  }
  get isIdle(): boolean {
    return this.#isIdle
  }

  /** From now on the others wait for it. Known already: nothing changes. */
  register(id: Id): void {
    if (!this.#partials.has(id)) this.#partials.set(id, { watermark: minTimestamp, isIdle: false })
  }
  /** Nobody waits for it any more; that alone moves no watermark. @returns whether it was there */
  unregister(id: Id): boolean {
    return this.#partials.delete(id)
  }

  advance(id: Id, watermark: Timestamp): void {
    const hasAdvanced = this.#raise(id, watermark)
    if (hasAdvanced && watermark > this.#watermark) this.settle()
  }
  setIdle(id: Id, isIdle: boolean): void {
    this.deferIdle(id, isIdle)
    this.settle()
  }
  defer(id: Id, watermark: Timestamp): void {
    this.#raise(id, watermark)
  }
  deferIdle(id: Id, isIdle: boolean): void {
    const partial = this.#partials.get(id)
    if (partial !== undefined) partial.isIdle = isIdle
  }

  /** What was deferred counts. */
  settle(): void {
    if (this.#partials.size === 0) return
    let minimum: Timestamp | undefined
    for (const { isIdle, watermark } of this.#partials.values()) {
      if (!isIdle && (minimum === undefined || watermark < minimum)) minimum = watermark
    }
    this.#isIdle = minimum === undefined
    if (minimum !== undefined && minimum > this.#watermark) this.#watermark = minimum
  }

  snapshot(): ValveSnapshot {
    const channels = [...this.#partials.values()].map((partial) => ({ ...partial, isAligned: true }))
    return { watermark: this.#watermark, isIdle: this.#isIdle, channels }
  }
  /** Of as many as are registered, in that order. */
  restore({ watermark, isIdle, channels }: ValveSnapshot): void {
    this.#watermark = watermark
    this.#isIdle = isIdle
    for (const [index, partial] of [...this.#partials.values()].entries()) {
      const then = channels[index]
      if (then !== undefined) Object.assign(partial, { watermark: then.watermark, isIdle: then.isIdle })
    }
  }

  #raise(id: Id, watermark: Timestamp): boolean {
    const partial = this.#partials.get(id)
    if (partial === undefined) return false
    partial.isIdle = false
    if (watermark <= partial.watermark) return false
    partial.watermark = watermark
    return true
  }
}
