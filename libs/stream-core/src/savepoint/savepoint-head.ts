import type { InputSnapshot } from '../task/input.ts'
import { minTimestamp, type Timestamp } from '../time.ts'
import { subTopologiesOf, type Topology, type TopologyNode } from '../topology.ts'
import { SavepointError } from './savepoint-error.ts'

/**
 * What a savepoint holds besides state, the same however many tasks the job had: everything is known by what the topology
 * or the log calls it. What a job counts for itself (steps, proofs, late elements) is not part of it.
 */
export interface SavepointHead {
  readonly job: string
  readonly version: string
  readonly hasEpochs: boolean
  /** The newest epoch that is part of it; null before the first. All of them are final. */
  readonly epoch: number | null
  /** Of the last source record that is part of it; null before the first. */
  readonly place: Timestamp | null
  /** What the journaled clock last showed. */
  readonly processingTime: Timestamp
  /** By topic, partition and source. */
  readonly inputs: readonly SavepointInput[]
  /** Of the nodes on which time depends, by `identityOf`, in order. */
  readonly watermarks: Readonly<Record<string, SavepointWatermark>>
}

/** Where a partition of a source stands. */
export interface SavepointInput extends InputSnapshot {
  /** The uid. */
  readonly source: string
  readonly topic: string
  readonly partition: number
}

/** How far time has come at a node. */
export interface SavepointWatermark {
  readonly watermark: Timestamp
  readonly isIdle: boolean
  /** Of a source: what each partition has told. */
  readonly partitions: readonly { readonly watermark: Timestamp; readonly isIdle: boolean }[] | null
}

/**
 * What a node is called in a savepoint: its uid; one without, which has no state but may have a watermark, by what it
 * reads, since that alone decides how far it has come.
 */
export const identityOf = (nodes: readonly TopologyNode[], { uid, operator, tag, inputs }: TopologyNode): string => {
  if (uid !== null) return uid
  const read = inputs.flatMap((input) => nodes[input] ?? []).map((node) => identityOf(nodes, node))
  return `${operator}${tag === null ? '' : `:${tag}`}(${read.join(', ')})`
}

/** The nodes behind a `keyBy`, and those before them: only there does anything wait for a watermark. */
export const nodesOfTime = ({ nodes }: Topology): readonly TopologyNode[] => {
  const isMeant = nodes.map(() => false)
  for (const { level, nodes: own } of subTopologiesOf(nodes))
    if (level > 0) for (const { id } of own) isMeant[id] = true
  for (const { id, inputs } of nodes.toReversed()) if (isMeant[id]) for (const input of inputs) isMeant[input] = true
  return nodes.filter(({ id }) => isMeant[id])
}

export const compareInputs = (a: SavepointInput, b: SavepointInput): number =>
  compareText(a.topic, b.topic) || a.partition - b.partition || compareText(a.source, b.source)
const compareText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)

export const sortedByName = <T>(entries: Iterable<readonly [string, T]>): Readonly<Record<string, T>> =>
  Object.fromEntries([...entries].sort(([a], [b]) => compareText(a, b)))

/** The head of a job out of those of its tasks. @throws {SavepointError} if they do not stand at the same epoch. */
export const mergeHeads = (parts: readonly SavepointHead[]): SavepointHead => {
  const [first] = parts
  if (first === undefined) throw new Error('assertion: a job has tasks')
  const apart = parts.find(({ epoch }) => epoch !== first.epoch)
  if (apart !== undefined) {
    throw new SavepointError(`The tasks of "${first.job}" stand at epochs ${first.epoch} and ${apart.epoch}.`)
  }
  const readers = parts.filter(({ inputs }) => inputs.length > 0)
  const places = readers.flatMap(({ place }) => (place === null ? [] : [place]))
  const watermarks = new Map<string, SavepointWatermark>()
  for (const part of parts) for (const [name, at] of Object.entries(part.watermarks)) watermarks.set(name, at)
  return {
    ...first,
    place: places.length === 0 ? null : Math.max(...places),
    processingTime: Math.max(minTimestamp, ...parts.map(({ processingTime }) => processingTime)),
    inputs: parts.flatMap(({ inputs }) => inputs).sort(compareInputs),
    watermarks: sortedByName(watermarks),
  }
}
