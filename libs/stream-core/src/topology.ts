import type { Codec } from './codec.ts'
import type { TopologyEnrichment } from './enrichment.ts'
import type { JobGraph } from './job-graph.ts'
import type { CreateOperator } from './operators/operator.ts'
import type { SourceCodec } from './source.ts'
import type { ByteString } from './state/key-encoding.ts'
import type { WatermarkStrategy } from './watermark-strategy.ts'

/** An immutable job graph: operators in order of construction, each with its inputs. Printable as text. */
export interface Topology {
  readonly job: string
  readonly version: string
  readonly nodes: readonly TopologyNode[]
  /** One line an operator, cut at each `keyBy` into sub-topologies, as Kafka Streams prints it. */
  describe(): string
  /** The same as data. */
  graph(): JobGraph
}

/** An operator: what it is called, what it reads, and how it is made. */
export interface TopologyNode {
  readonly id: number
  readonly uid: string | null
  readonly operator: string
  readonly inputs: readonly number[]
  /** What sets it apart, for people: a topic, a window. */
  readonly detail: string
  /** It reads this side output of its input and not the main one. */
  readonly tag: string | null
  /** Of a source. */
  readonly source: TopologySource | null
  /** Of a sink. */
  readonly sink: { readonly topic: string; readonly idOf: ((output: unknown) => string) | null } | null
  /** Of a `keyBy`, and of other nodes behind which the topology can be cut. */
  readonly edge: TopologyEdge | null
  /** Of a node that asks the world. */
  readonly enrichment: TopologyEnrichment | null
  /** What it emits follows from the value alone, and this is it: so what it will emit can be known ahead. */
  readonly pure: ((value: unknown, emit: (value: unknown) => void) => void) | null
  readonly create: CreateOperator
}

/** How the elements behind a node reach those who read them when these are other tasks. */
export interface TopologyEdge {
  /** The bytes of an element's key: its shard has the element. Null: every shard has every element. */
  readonly keyOf: ((value: unknown) => ByteString) | null
  readonly codec: Codec<unknown>
}

/** What a source reads. */
export interface TopologySource {
  readonly topic: string
  readonly codec: SourceCodec<unknown>
  readonly watermarks: WatermarkStrategy
  readonly epochs: boolean
}

/** A topology that cannot run: a uid given twice, a topic read by two sources, a second source with epochs. */
export class TopologyError extends Error {
  readonly code = 'STREAM_TOPOLOGY'
  readonly handling = 'stop'
  readonly remedy = 'Change the job where the message says; docs/stream-core.md has the rules of a topology.'
}

/** The uid, or operator and number for those without. */
export const nameOfNode = ({ uid, operator, id }: TopologyNode): string => uid ?? `${operator}#${id}`

/** What stays together when the topology is cut behind each `keyBy`. */
export interface SubTopology {
  /** The uid of its first operator that has one. */
  readonly name: string
  /** How many cuts lie before it at most: it reads from lower levels only. */
  readonly level: number
  readonly nodes: readonly TopologyNode[]
  /** The nodes of lower levels that it reads across a cut. */
  readonly edges: readonly number[]
}

/**
 * How many cuts lie before each node, at most. Where streams of several levels meet, in a union, what follows stands in
 * each of them: it has no state that is shared, and no task may wait for itself.
 */
const levelsOf = (nodes: readonly TopologyNode[]): readonly (readonly number[])[] => {
  const levels: (readonly number[])[] = []
  for (const { inputs } of nodes) {
    const own = new Set(inputs.length === 0 ? [0] : [])
    let behindCuts = 0
    for (const input of inputs) {
      const above = levels[input] ?? []
      if (nodes[input]?.edge) behindCuts = Math.max(behindCuts, 1 + Math.max(...above))
      else for (const level of above) own.add(level)
    }
    if (behindCuts > 0) own.add(behindCuts)
    levels.push([...own].sort((a, b) => a - b))
  }
  return levels
}

/**
 * The nodes in the order in which they hear of a watermark: those behind fewer cuts first. So what the operators of one
 * level emit then is all told when it is the next level's turn, be that in the same task or in another.
 */
export const inWatermarkOrder = (nodes: readonly TopologyNode[]): readonly number[] => {
  const levels = levelsOf(nodes).map((of) => Math.max(...of))
  return nodes.map(({ id }) => id).sort((a, b) => (levels[a] ?? 0) - (levels[b] ?? 0) || a - b)
}

/** The topology cut behind each `keyBy`, lower levels first. */
export const subTopologiesOf = (nodes: readonly TopologyNode[]): readonly SubTopology[] => {
  const levels = levelsOf(nodes)
  const root = new Map<string, string>()
  const find = (name: string): string => {
    const above = root.get(name) ?? name
    return above === name ? name : find(above)
  }
  const join = (a: string, b: string): void => {
    if (find(a) !== find(b)) root.set(find(b), find(a))
  }
  const hasEpochs = nodes.some(({ source }) => source?.epochs === true)
  nodes.forEach(({ inputs }, id) => {
    for (const level of levels[id] ?? []) {
      // Epochs span the other sources, so these are read together with the one that has them.
      if (level === 0 && hasEpochs) join('sources', `${id}@0`)
      for (const input of inputs) {
        if (nodes[input]?.edge) join(`${id}@${level}`, `edge ${input}@${level}`)
        else if (levels[input]?.includes(level)) join(`${id}@${level}`, `${input}@${level}`)
      }
    }
  })
  const groups = new Map<string, { readonly level: number; readonly nodes: TopologyNode[] }>()
  nodes.forEach((node, id) => {
    for (const level of levels[id] ?? []) {
      const name = find(`${id}@${level}`)
      const group = groups.get(name)
      if (group === undefined) groups.set(name, { level, nodes: [node] })
      else group.nodes.push(node)
    }
  })
  const names = new Set<string>()
  return [...groups.values()]
    .sort((a, b) => a.level - b.level)
    .map((group) => {
      const first = group.nodes.find(({ uid, sink }) => uid !== null && sink === null) ?? group.nodes[0]
      const plain = first?.uid ?? `${first?.operator}-${first?.id}`
      const name = names.has(plain) ? `${plain}.${group.level}` : plain
      names.add(name)
      const inputs = group.nodes.flatMap((node) => node.inputs)
      const edges = [...new Set(inputs)].filter((input) => nodes[input]?.edge).sort((a, b) => a - b)
      return { ...group, name, edges }
    })
}

/** A line an operator, under the sub-topology that it stands in. Source: Kafka Streams' TopologyDescription. */
export const describeTopology = (job: string, version: string, nodes: readonly TopologyNode[]): string => {
  const line = (node: TopologyNode): string => {
    const uid = node.uid === null ? '' : ` ${node.uid}`
    const detail = node.detail === '' ? '' : ` (${node.detail})`
    const inputs = node.inputs.length === 0 ? '' : ` <- ${node.inputs.map((id) => `#${id}`).join(', ')}`
    return `  #${node.id} ${node.operator}${uid}${detail}${inputs}`
  }
  const byFirstNode = subTopologiesOf(nodes).toSorted((a, b) => (a.nodes[0]?.id ?? 0) - (b.nodes[0]?.id ?? 0))
  const groups = byFirstNode.map((of, index) => [`Sub-topology ${index}`, ...of.nodes.map(line)].join('\n'))
  return [`Job ${job}, version ${version}`, ...groups].join('\n')
}
