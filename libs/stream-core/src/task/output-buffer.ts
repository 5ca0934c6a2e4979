import { createHash, hash, type Hash } from 'node:crypto'
import type { NewRecord } from '@tocsin/event-log'
import type { Crossing } from '../distributed/frame-buffer.ts'
import type { SinkRecord, Transition } from '../sink.ts'

/** An output on its way to its topic. */
export interface Emission {
  readonly sink: string
  readonly record: NewRecord
  readonly output: unknown
  readonly transition: Transition
}

/** How many outputs a sink has made, and a chained hash of all of them. */
export interface OutputProof {
  readonly count: number
  readonly hash: string
}

/** How many outputs went to each partition of each topic, over all commits. */
export type SentCounts = Readonly<Record<string, readonly number[]>>

/** The name under which dead letters are counted and proven, beside the sinks. */
export const deadLetterSink = '#dead-letters'
/** The name under which elements are proven that cross to other tasks. */
export const exchangeSink = '#exchange'

const sha256 = (parts: readonly Uint8Array[]): string => hash('sha256', Buffer.concat(parts), 'hex')

const firstHash = sha256([])

/**
 * Elements that crossed: two hashes, of what is told beside the values and of the values, so that many are hashed in one
 * call and yet how many does not show.
 */
interface Crossed {
  readonly heads: Hash
  readonly values: Hash
  count: number
}

/** FNV-1a, 32 bits. */
const hashOf = (bytes: Uint8Array): number => {
  let sum = 0x811c9dc5
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193) >>> 0
  return sum
}

/** The outputs since the last commit, in order, and what proves all outputs so far. */
export class OutputBuffer {
  #pending: Emission[] = []
  /** What crosses to other tasks; `position` is its own in the order of all that is emitted. */
  #crossings: { readonly position: number; readonly crossing: Crossing }[] = []
  /** Of elements that crossed since the last proof, and how many. */
  #crossed: Crossed | null = null
  /** Crossings that are part of that hash. */
  #hashed = 0
  #provenUpTo = 0
  readonly #proofs = new Map<string, OutputProof>()
  readonly #sent = new Map<string, number[]>()
  readonly #partitions: (topic: string) => number

  constructor(partitions: (topic: string) => number) {
    this.#partitions = partitions
  }

  get position(): number {
    return this.#pending.length + this.#crossings.length
  }
  /** Outputs that wait to be drained. */
  get waiting(): number {
    return this.#pending.length
  }

  emit(sink: string, topic: string, record: SinkRecord, output: unknown, transition: Transition): void {
    const { key, value } = record
    const partition = record.partition ?? (key === null ? 0 : hashOf(key) % this.#partitions(topic))
    this.#pending.push({ sink, record: { topic, partition, key, value }, output, transition })
  }

  cross(crossing: Crossing): void {
    this.#crossings.push({ position: this.position, crossing })
  }

  /** Takes back what an element emitted before it failed. */
  rollback(position: number): void {
    while ((this.#crossings.at(-1)?.position ?? -1) >= position) this.#crossings.pop()
    this.#pending.length = position - this.#crossings.length
  }

  /**
   * The record in hand is done: its outputs enter the proof. By record and not by commit, so that the proof does not
   * depend on when commits happen; within a record that emits very many, after each `atLeast`.
   */
  settle(atLeast = 1): void {
    if (this.#pending.length - this.#provenUpTo < atLeast) return
    const bySink = new Map<string, Emission[]>()
    for (const emission of this.#pending.slice(this.#provenUpTo)) {
      this.#count(emission.record)
      const emissions = bySink.get(emission.sink)
      if (emissions === undefined) bySink.set(emission.sink, [emission])
      else emissions.push(emission)
    }
    for (const [sink, emissions] of bySink) {
      const { count, hash: before } = this.#proofs.get(sink) ?? { count: 0, hash: firstHash }
      const parts: Uint8Array[] = [Buffer.from(before)]
      for (const { record } of emissions) {
        const { partition, key, value } = record
        parts.push(Buffer.from(`${partition} ${key === null ? -1 : key.length} ${value.length} `))
        if (key !== null) parts.push(key)
        parts.push(value)
      }
      // In one call: for small outputs that costs half of what updates do.
      this.#proofs.set(sink, { count: count + emissions.length, hash: sha256(parts) })
    }
    this.#provenUpTo = this.#pending.length
  }

  #count({ topic, partition }: NewRecord): void {
    let counts = this.#sent.get(topic)
    if (counts === undefined) {
      counts = Array.from({ length: this.#partitions(topic) }, () => 0)
      this.#sent.set(topic, counts)
    }
    counts[partition] = (counts[partition] ?? 0) + 1
  }

  /** The outputs since the last time, to be committed or withheld. */
  drain(): readonly Emission[] {
    const drained = this.#pending
    this.#pending = []
    this.#provenUpTo = 0
    return drained
  }

  /** What crossed since the last time, to be committed or withheld. */
  drainCrossings(): readonly Crossing[] {
    this.#hashCrossings()
    const drained = this.#crossings.map(({ crossing }) => crossing)
    this.#crossings = []
    this.#hashed = 0
    return drained
  }
  #hashCrossings(): void {
    let heads = ''
    const values: Uint8Array[] = []
    const fresh = this.#hashed === 0 ? this.#crossings : this.#crossings.slice(this.#hashed)
    for (const { crossing } of fresh) {
      const { target, shard, item } = crossing
      if (item.type !== 'element') continue
      heads += `${target} ${shard} ${item.edge} ${item.timestamp} ${item.value.length} `
      values.push(item.value)
    }
    this.#hashed = this.#crossings.length
    if (values.length === 0) return
    const crossed = (this.#crossed ??= this.#beginCrossed())
    crossed.heads.update(heads)
    crossed.values.update(Buffer.concat(values))
    crossed.count += values.length
  }
  #beginCrossed(): Crossed {
    const heads = createHash('sha256').update(this.#proofs.get(exchangeSink)?.hash ?? firstHash)
    return { heads, values: createHash('sha256'), count: 0 }
  }
  /** Where proofs are asked for, at marks and commits, is part of the sequence: a replay asks at the same steps. */
  #proveCrossed(): void {
    this.#hashCrossings()
    if (this.#crossed === null) return
    const { heads, values } = this.#crossed
    const count = (this.#proofs.get(exchangeSink)?.count ?? 0) + this.#crossed.count
    this.#proofs.set(exchangeSink, { count, hash: heads.update(values.digest()).digest('hex') })
    this.#crossed = null
  }

  /** By sink, sorted by name. */
  proofs(): Readonly<Record<string, OutputProof>> {
    this.#proveCrossed()
    return Object.fromEntries([...this.#proofs].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  sent(): SentCounts {
    return Object.fromEntries([...this.#sent].map(([topic, counts]) => [topic, counts.slice()]))
  }
  restore(proofs: Readonly<Record<string, OutputProof>>, sent: SentCounts): void {
    this.#proofs.clear()
    for (const [sink, proof] of Object.entries(proofs)) this.#proofs.set(sink, proof)
    this.#sent.clear()
    for (const [topic, counts] of Object.entries(sent)) this.#sent.set(topic, counts.slice())
  }
  /** Outputs so far, by sink. */
  counts(): ReadonlyMap<string, number> {
    return new Map([...this.#proofs].map(([sink, { count }]) => [sink, count]))
  }
  count(where: (sink: string) => boolean): number {
    let count = 0
    for (const [sink, proof] of this.#proofs) if (where(sink)) count += proof.count
    return count
  }
}
