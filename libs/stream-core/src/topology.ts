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
}
