/** The blocks that one look at the chain takes: `count` of them, from the next one on. */
export interface Span {
  /** `backfill`: final history, read by all workers far ahead. `live`: what may still change, a few at a time. */
  readonly type: 'backfill' | 'live'
  readonly count: number
}

export interface SpanLimits {
  readonly maxLiveBlocks: number
  readonly maxBackfillBlocks: number
  /** Fewer final blocks than this are not worth the workers: they are taken as live ones. */
  readonly minBackfillBlocks: number
}

/**
 * What the next look takes. Only final blocks are read far ahead: above them a reorg would make the work useless. With 16
 * live blocks, spans of 1,024 and at least 64 of them, and the node's head 20,000 and final block 19,936:
 *   next 1        backfill, 1,024 blocks
 *   next 19,800   backfill, 137 blocks: up to the final one
 *   next 19,900   live, 16 blocks: 37 final ones are too few
 *   next 20,000   live, 1 block
 *   next 20,001   live, none
 */
export function planSpan(
  at: { readonly next: number; readonly head: number; readonly final: number },
  limits: SpanLimits,
): Span {
  const settled = Math.min(at.final, at.head) - at.next + 1
  if (settled >= limits.minBackfillBlocks)
    return { type: 'backfill', count: Math.min(settled, limits.maxBackfillBlocks) }
  return { type: 'live', count: Math.max(0, Math.min(at.head - at.next + 1, limits.maxLiveBlocks)) }
}

export interface WindowLimits {
  readonly maxBlocks: number
  readonly maxBytes: number
}

/** How much of the newest arrival goes into what is expected of the next one. */
const newestShare = 1 / 8

/**
 * How many blocks may be under way between the node and the log, by number and by memory. A block that has not arrived
 * counts as the mean of those that have of late, and so the bytes held stay within `maxBytes` where blocks are alike; where
 * they grow, by no more than `maxBlocks` of the larger ones. One may always be under way, however large: so it never
 * stands still. Pure: it is told what happens and says whether another may begin.
 */
export class BlockWindow {
  readonly #limits: WindowLimits
  #flying = 0
  #arrived = 0
  #heldBytes = 0
  #expectedBytes: number | undefined

  constructor(limits: WindowLimits) {
    this.#limits = limits
  }

  get mayStart(): boolean {
    const underWay = this.#flying + this.#arrived
    if (underWay === 0) return true
    // Of what nobody has seen yet only a few are tried.
    const expected = this.#expectedBytes ?? this.#limits.maxBytes / firstBlocks
    return underWay < this.#limits.maxBlocks && this.#heldBytes + (this.#flying + 1) * expected <= this.#limits.maxBytes
  }

  started(): void {
    this.#flying++
  }

  arrived(bytes: number): void {
    this.#flying--
    this.#arrived++
    this.#heldBytes += bytes
    this.#expectedBytes = (this.#expectedBytes ?? bytes) * (1 - newestShare) + bytes * newestShare
  }

  /** It is in the log, or not wanted any more. */
  released(bytes: number): void {
    this.#arrived--
    this.#heldBytes -= bytes
  }
}

const firstBlocks = 16
