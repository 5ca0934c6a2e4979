import type { LogRecord } from '@tocsin/event-log'
import { nameOfNode, type TopologyNode } from '../topology.ts'
import type { AnswerRequest } from './answers.ts'
import type { QueuedRecord } from './record-queue.ts'

/** An element, and the node that will emit it. */
export interface Entering {
  readonly node: number
  readonly value: unknown
}

/** An input of a task, as far as its elements can be seen before they are taken. */
export interface SeenInput {
  queued(): Iterable<QueuedRecord>
  /** One for each item of a log record; null for what is no element. */
  elementsIn(record: LogRecord): readonly (Entering | null)[]
}

/**
 * What the elements that wait will ask, as far as that follows from them alone: where only operators without state lie
 * between where they enter and the one that asks.
 */
export class LookAhead {
  readonly #nodes: readonly TopologyNode[]
  readonly #inputs: readonly SeenInput[]
  /** By record, one list for each item in it. */
  readonly #asked = new WeakMap<LogRecord, readonly (readonly AnswerRequest[])[]>()

  /** `nodes` are those of the task, in topological order. */
  constructor(nodes: readonly TopologyNode[], inputs: readonly SeenInput[]) {
    this.#nodes = nodes
    this.#inputs = inputs
  }

  /** Of the next item of an input. */
  ofHead(index: number): readonly AnswerRequest[] {
    const input = this.#inputs[index]
    if (input === undefined) return []
    for (const { record, taken } of input.queued()) return this.#askedBy(input, record)[taken] ?? []
    return []
  }
  /** Of all that are queued: one item of each input in turn, each input's in order. */
  *ofAll(): Generator<AnswerRequest> {
    let queues = this.#inputs.map((input) => this.#askedByQueued(input))
    while (queues.length > 0) {
      const left: typeof queues = []
      for (const queue of queues) {
        const next = queue.next()
        if (next.done === true) continue
        yield* next.value
        left.push(queue)
      }
      queues = left
    }
  }
  *#askedByQueued(input: SeenInput): Generator<readonly AnswerRequest[]> {
    for (const { record, taken } of input.queued()) yield* this.#askedBy(input, record).slice(taken)
  }

  #askedBy(input: SeenInput, record: LogRecord): readonly (readonly AnswerRequest[])[] {
    const known = this.#asked.get(record)
    if (known !== undefined) return known
    const asked = input.elementsIn(record).map((element) => {
      const requests: AnswerRequest[] = []
      if (element !== null) this.#walk(element.node, element.value, requests)
      return requests
    })
    this.#asked.set(record, asked)
    return asked
  }
  /** Follows a value as operators do, depth-first, as far as what they emit is known. */
  #walk(from: number, value: unknown, requests: AnswerRequest[]): void {
    for (const node of this.#nodes) {
      if (node.tag !== null) continue
      // A stream may be united with itself.
      for (const input of node.inputs) {
        if (input !== from) continue
        try {
          const { enrichment } = node
          if (enrichment === null) node.pure?.(value, (out) => this.#walk(node.id, out, requests))
          else requests.push({ operator: nameOfNode(node), request: enrichment.requestOf(value) })
        } catch {
          continue // the operator will fail as well, and say so
        }
      }
    }
  }
}
