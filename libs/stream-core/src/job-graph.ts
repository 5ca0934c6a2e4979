import { nameOfNode, subTopologiesOf, type TopologyNode } from './topology.ts'

/** A topology as data, for a dashboard to draw. */
export interface JobGraph {
  readonly job: string
  readonly version: string
  readonly nodes: readonly JobGraphNode[]
  readonly edges: readonly JobGraphEdge[]
}

/** An operator of the topology. */
export interface JobGraphNode {
  readonly id: number
  readonly uid: string | null
  /** The uid, or operator and number for those without: the name under which it is measured. */
  readonly name: string
  /** `source`, `map`, `keyBy`, `window`, `sink` … */
  readonly operator: string
  /** What sets it apart, for people: a topic, a window. */
  readonly detail: string
  /** Names of the sub-topologies it stands in, lower levels first: one, save for what only hands on between several. */
  readonly subTopologies: readonly string[]
}

/** What one operator hands to another: ids of nodes. */
export interface JobGraphEdge {
  readonly from: number
  readonly to: number
  /** Which side output of `from`; null: its main one. */
  readonly tag: string | null
  /** The records may cross to another task here: the topology can be cut. */
  readonly crosses: boolean
}

export const jobGraphOf = (job: string, version: string, nodes: readonly TopologyNode[]): JobGraph => {
  const parts = subTopologiesOf(nodes)
  return {
    job,
    version,
    nodes: nodes.map((node) => {
      const { id, uid, operator, detail } = node
      const subTopologies = parts.filter((part) => part.nodes.includes(node)).map(({ name }) => name)
      return { id, uid, name: nameOfNode(node), operator, detail, subTopologies }
    }),
    edges: nodes.flatMap(({ id, inputs, tag }) =>
      inputs.map((from) => ({ from, to: id, tag, crosses: nodes[from]?.edge !== null })),
    ),
  }
}
