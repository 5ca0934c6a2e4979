import type { NewRecord } from '@tocsin/event-log'
import type { Crossing } from '../distributed/frame-buffer.ts'
import type { SinkRecord, Transition } from '../sink.ts'
import { OutputChain, type OutputProof } from './output-chain.ts'

/** An output on its way to its topic. */
export interface Emission {
  readonly sink: string
  readonly record: NewRecord
  readonly output: unknown
  readonly transition: Transition
}

/** How many outputs went to each partition of each topic, over all commits. */
export type SentCounts = Readonly<Record<string, readonly number[]>>

/** The name under which dead letters are counted and proven, beside the sinks. */
export const deadLetterSink = '#dead-letters'
/** The name under which elements are proven that cross to other tasks. */
export const exchangeSink = '#exchange'

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
  /** Of `#pending` and of `#crossings`, those that the proofs have. */
  #proven = 0
  #provenCrossings = 0
  readonly #chains = new Map<string, OutputChain>()
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

  /** What was emitted stays: it enters the proofs. */
  settle(): void {
    for (; this.#proven < this.#pending.length; this.#proven += 1) {
      const emission = this.#pending[this.#proven]
      if (emission !== undefined) this.#prove(emission)
    }
    for (; this.#provenCrossings < this.#crossings.length; this.#provenCrossings += 1) {
      const crossed = this.#crossings[this.#provenCrossings]
      if (crossed !== undefined) this.#proveCrossing(crossed.crossing)
    }
  }

  #prove({ sink, record }: Emission): void {
    const { topic, partition, key, value } = record
    const chain = this.#chainOf(sink)
    chain.words(partition, key === null ? -1 : key.length, value.length, 0)
    if (key !== null) chain.bytes(key)
    chain.bytes(value)
    chain.count += 1
    let counts = this.#sent.get(topic)
    if (counts === undefined) {
      counts = Array.from({ length: this.#partitions(topic) }, () => 0)
      this.#sent.set(topic, counts)
    }
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  /** Of control the tasks behind know what they must. */
  #proveCrossing({ target, shard, item }: Crossing): void {
    if (item.type !== 'element') return
    const { edge, timestamp, value } = item
    const chain = this.#chainOf(exchangeSink)
    chain.words(target, shard ?? -1, edge, value.length)
    chain.words(timestamp, Math.floor(timestamp / 2 ** 32), 0, 0)
    chain.bytes(value)
    chain.count += 1
  }
  #chainOf(sink: string): OutputChain {
    const existing = this.#chains.get(sink)
    if (existing !== undefined) return existing
    const created = new OutputChain()
    this.#chains.set(sink, created)
    return created
  }

  /** The outputs since the last time, to be committed or withheld. */
  drain(): readonly Emission[] {
    const drained = this.#pending
    this.#pending = []
    this.#proven = 0
    return drained
  }

  /** What crossed since the last time, to be committed or withheld. */
  drainCrossings(): readonly Crossing[] {
    const drained = this.#crossings.map(({ crossing }) => crossing)
    this.#crossings = []
    this.#provenCrossings = 0
    return drained
  }

  /** By sink, sorted by name. */
  proofs(): Readonly<Record<string, OutputProof>> {
    const byName = [...this.#chains].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(byName.map(([sink, { proof }]) => [sink, proof]))
  }
  sent(): SentCounts {
    return Object.fromEntries([...this.#sent].map(([topic, counts]) => [topic, counts.slice()]))
  }
  restore(proofs: Readonly<Record<string, OutputProof>>, sent: SentCounts): void {
    this.#chains.clear()
    for (const [sink, proof] of Object.entries(proofs)) this.#chains.set(sink, new OutputChain(proof))
    this.#sent.clear()
    for (const [topic, counts] of Object.entries(sent)) this.#sent.set(topic, counts.slice())
  }
  /** Outputs so far, by sink. */
  counts(): ReadonlyMap<string, number> {
    return new Map([...this.#chains].map(([sink, { count }]) => [sink, count]))
  }
  count(where: (sink: string) => boolean): number {
    let count = 0
    for (const [sink, chain] of this.#chains) if (where(sink)) count += chain.count
    return count
  }
}
