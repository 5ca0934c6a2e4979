import type { CreateOperator } from './operators/operator.ts'
import type { SourceCodec } from './source.ts'
import type { WatermarkStrategy } from './watermark-strategy.ts'

/** An immutable job graph: operators in order of construction, each with its inputs. Printable as text. */
export interface Topology {
  readonly job: string
  readonly version: string
  readonly nodes: readonly TopologyNode[]
  /** One line an operator, cut at each `keyBy` into sub-topologies, as Kafka Streams prints it. */
  describe(): string
}

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
  readonly create: CreateOperator
}

export interface TopologySource {
  readonly topic: string
  readonly codec: SourceCodec<unknown>
  readonly watermarks: WatermarkStrategy
  readonly epochs: boolean
}

export class TopologyError extends Error {
  readonly code = 'STREAM_TOPOLOGY'
  readonly handling = 'stop'
  readonly remedy = 'Change the job where the message says; docs/stream-core.md has the rules of a topology.'
}

export const nameOfNode = ({ uid, operator, id }: TopologyNode): string => uid ?? `${operator}#${id}`

/** The nodes that stay together when the topology is cut after each `keyBy`, by their lowest id. */
const subTopologies = (nodes: readonly TopologyNode[]): readonly (readonly TopologyNode[])[] => {
  const root = nodes.map(({ id }) => id)
  const find = (id: number): number => {
    const above = root[id] ?? id
    return above === id ? id : find(above)
  }
  for (const { id, inputs } of nodes) {
    for (const input of inputs) {
      if (nodes[input]?.operator === 'keyBy') continue
      const [a, b] = [find(id), find(input)]
      root[Math.max(a, b)] = Math.min(a, b)
    }
  }
  const groups = new Map<number, TopologyNode[]>()
  for (const node of nodes) groups.set(find(node.id), [...(groups.get(find(node.id)) ?? []), node])
  return [...groups.values()]
}

export const describeTopology = (job: string, version: string, nodes: readonly TopologyNode[]): string => {
  const line = (node: TopologyNode): string => {
    const uid = node.uid === null ? '' : ` ${node.uid}`
    const detail = node.detail === '' ? '' : ` (${node.detail})`
    const inputs = node.inputs.length === 0 ? '' : ` <- ${node.inputs.map((id) => `#${id}`).join(', ')}`
    return `  #${node.id} ${node.operator}${uid}${detail}${inputs}`
  }
  const groups = subTopologies(nodes).map((group, index) => [`Sub-topology ${index}`, ...group.map(line)].join('\n'))
  return [`Job ${job}, version ${version}`, ...groups].join('\n')
}
