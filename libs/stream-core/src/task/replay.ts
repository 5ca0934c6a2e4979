import { UnknownTopicError, type EventLog, type LogRecord } from '@tocsin/event-log'
import { nameOfNode, type Topology, type TopologyNode } from '../topology.ts'
import { DeterminismError, type OutputDifference } from './errors.ts'
import { differingSinks, type ProgressMarker, type WrittenRange } from './marker.ts'
import { deadLetterSink, type Emission, type SentCounts } from './output-buffer.ts'
import type { OutputProof } from './output-chain.ts'

const pollWaitMs = 100

/**
 * The way from the checkpoint to the last commit: the outputs are made again and withheld, and at each marker compared
 * with what that commit proved of them. Only if they differ are the committed records read back, to say how.
 */
export class Replay {
  readonly #log: EventLog
  readonly #topology: Topology
  /** What the run before committed after the checkpoint, oldest first. */
  readonly #markers: ProgressMarker[]
  /** What the task had made when the last marker was passed, or at the checkpoint. */
  #sentBefore: SentCounts
  #stepsBefore: number
  #withheld: Emission[] = []

  constructor(options: {
    readonly log: EventLog
    readonly topology: Topology
    readonly markers: readonly ProgressMarker[]
    readonly from: { readonly steps: number; readonly sent: SentCounts }
  }) {
    const { log, topology, markers, from } = options
    this.#log = log
    this.#topology = topology
    this.#markers = markers.filter(({ steps }) => steps > from.steps)
    this.#sentBefore = from.sent
    this.#stepsBefore = from.steps
  }

  /** The marker that comes next; undefined: all that was committed has been made again. */
  get next(): ProgressMarker | undefined {
    return this.#markers[0]
  }

  withhold(emissions: readonly Emission[]): void {
    for (const emission of emissions) this.#withheld.push(emission)
  }

  /**
   * The task stands at the next marker. @returns whether its outputs are those of the commit, or differ under another
   * version of the topology
   * @throws {DeterminismError} they differ under the same version.
   */
  async pass(proofs: Readonly<Record<string, OutputProof>>, sent: SentCounts): Promise<'same' | 'differs'> {
    const marker = this.#markers[0]
    if (marker === undefined) throw new Error('A replay that is over passes no marker.')
    const sinks = differingSinks(marker.proofs, proofs)
    if (sinks.length > 0 && marker.version === this.#topology.version) {
      throw determinismError({
        marker,
        topology: this.#topology,
        stepsBefore: this.#stepsBefore,
        sinks: sinks.map((sink) => ({
          sink,
          committed: marker.proofs[sink]?.count ?? 0,
          replayed: proofs[sink]?.count ?? 0,
        })),
        difference: await this.#firstDifference(marker),
      })
    }
    this.#markers.shift()
    this.#stepsBefore = marker.steps
    this.#sentBefore = sent
    this.#withheld = []
    return sinks.length > 0 ? 'differs' : 'same'
  }

  /** Of all partitions that either run wrote to, where the outputs part first, by the order in which they came now. */
  async #firstDifference(marker: ProgressMarker): Promise<OutputDifference | null> {
    const now = new Map<string, PartitionOutputs>()
    const at = (topic: string, partition: number): PartitionOutputs => {
      const name = `${topic}/${partition}`
      const existing = now.get(name)
      if (existing !== undefined) return existing
      const created = { topic, partition, emissions: [] }
      now.set(name, created)
      return created
    }
    this.#withheld.forEach((emission, order) => {
      at(emission.record.topic, emission.record.partition).emissions.push({ emission, order })
    })
    for (const [topic, counts] of Object.entries(marker.sent)) counts.forEach((_, partition) => at(topic, partition))
    let first: { readonly difference: OutputDifference; readonly order: number } | null = null
    for (const { topic, partition, emissions } of now.values()) {
      const sent = this.#sentBefore[topic]?.[partition] ?? 0
      const committed = await this.#committed(marker, topic, partition, sent)
      if (committed === null) continue
      const index = firstDifferent(committed.records, emissions, committed.areOwnAlone)
      if (index === null) continue
      const nowAt = emissions[index.replayed]
      // Where the other run has more at the end: after all that both have.
      const order = nowAt?.order ?? this.#withheld.length
      if (first !== null && first.order <= order) continue
      const then = index.committed === null ? null : (committed.records[index.committed] ?? null)
      const number = sent + index.replayed + 1
      first = {
        difference: { topic, partition, number, committed: then, replayed: nowAt?.emission.record ?? null },
        order,
      }
    }
    return first?.difference ?? null
  }

  /**
   * What the task had committed to a partition after its first `sent` outputs, up to the marker; with the records of
   * others where they write to the topic too. Null: not all of it is there any more.
   */
  async #committed(marker: ProgressMarker, topic: string, partition: number, sent: number): Promise<Committed | null> {
    const total = marker.sent[topic]?.[partition] ?? 0
    if (total <= sent) return { records: [], areOwnAlone: true }
    const isHere = (range: WrittenRange) => range.topic === topic && range.partition === partition
    const written = marker.written.find(isHere)
    const next = this.#markers.slice(1).flatMap((later) => later.written.find(isHere) ?? [])[0]
    const { beginning, end } = await this.#log.offsets({ topic, partition })
    const before = written === undefined ? total : total - written.count
    // Earlier commits may have left no marker: then the partition is read from its beginning.
    const isOneCommit = written !== undefined && before <= sent
    const from = isOneCommit ? written.from : 0
    if (beginning > from) return null
    const records = await this.#read({ topic, partition, from, to: Math.min(end, next?.from ?? end) })
    const expected = isOneCommit ? written.count : total
    if (records.length < expected) return null
    const areOwnAlone = records.length === expected
    // Of a commit in which the checkpoint stands, what came before it is not made again.
    return { records: records.slice(areOwnAlone ? sent - (isOneCommit ? before : 0) : 0), areOwnAlone }
  }

  async #read(range: { topic: string; partition: number; from: number; to: number }): Promise<readonly LogRecord[]> {
    const { topic, partition, from, to } = range
    const records: LogRecord[] = []
    const reader = await this.#log.openReader([{ topic, partition, offset: from }])
    try {
      for (let offset = from; offset < to;) {
        for (const batch of await reader.poll(pollWaitMs)) {
          for (const record of batch.records) if (record.offset < to) records.push(record)
          offset = batch.nextOffset
        }
      }
    } finally {
      await reader.close()
    }
    return records
  }
}

interface Committed {
  readonly records: readonly LogRecord[]
  readonly areOwnAlone: boolean
}

/** Where the partition's records end: below that no later commit of the same task begins. @throws all but a missing topic */
export const endOf = async (log: EventLog, topic: string, partition: number): Promise<number> => {
  try {
    return (await log.offsets({ topic, partition })).end
  } catch (error) {
    if (error instanceof UnknownTopicError) return 0
    throw error
  }
}

interface PartitionOutputs {
  readonly topic: string
  readonly partition: number
  readonly emissions: { readonly emission: Emission; readonly order: number }[]
}

type Comparable = Pick<LogRecord, 'key' | 'value'>

const isSame = (a: Comparable, b: Comparable): boolean =>
  Buffer.compare(a.value, b.value) === 0 && Buffer.compare(a.key ?? noKey, b.key ?? noKey) === 0
const noKey = new Uint8Array()

/**
 * Where two lists part. With all of the committed records our own they are compared one by one; among the records of
 * others ours must come in the same order.
 */
const firstDifferent = (
  committed: readonly LogRecord[],
  replayed: PartitionOutputs['emissions'],
  isOwnAlone: boolean,
): { readonly committed: number | null; readonly replayed: number } | null => {
  let at = 0
  for (const [index, { emission }] of replayed.entries()) {
    const found = isOwnAlone ? at : committed.findIndex((record, i) => i >= at && isSame(record, emission.record))
    const record = committed[found]
    if (record === undefined || !isSame(record, emission.record)) {
      return { committed: isOwnAlone && record !== undefined ? found : null, replayed: index }
    }
    at = found + 1
  }
  return isOwnAlone && at < committed.length ? { committed: at, replayed: replayed.length } : null
}

/** The operators with a uid that feed a node, through those that keep no state. */
const feeding = (nodes: readonly TopologyNode[], node: TopologyNode): readonly string[] =>
  node.inputs.flatMap((id) => {
    const upstream = nodes[id]
    if (upstream === undefined) return []
    return upstream.uid === null ? feeding(nodes, upstream) : [nameOfNode(upstream)]
  })

const quoted = (names: readonly string[]): string => [...new Set(names)].map((name) => `"${name}"`).join(', ')

/** What the operator must know to look for the cause. */
const determinismError = (at: {
  readonly marker: ProgressMarker
  readonly topology: Topology
  readonly stepsBefore: number
  readonly sinks: readonly { readonly sink: string; readonly committed: number; readonly replayed: number }[]
  readonly difference: OutputDifference | null
}): DeterminismError => {
  const { marker, topology, stepsBefore, difference } = at
  const sinks = at.sinks.map(({ sink, committed, replayed }) => {
    const node = topology.nodes.find((one) => one.sink !== null && nameOfNode(one) === sink)
    const name = sink === deadLetterSink ? 'the dead letters' : `"${sink}"`
    const fed = node === undefined ? '' : `, fed by ${quoted(feeding(topology.nodes, node))}`
    return `${name} (${committed} outputs then, ${replayed} now${fed})`
  })
  return new DeterminismError(
    `The replay of steps ${stepsBefore + 1} to ${marker.steps} of job "${marker.job}" differs from the run before it at ` +
      `${sinks.join(', ')}.`,
    difference,
  )
}
