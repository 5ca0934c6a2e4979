import type { Codec, KeyCodec } from './codec.ts'
import { broadcastConnected, type BroadcastConnectedStream, type BroadcastStream } from './broadcast-stream.ts'
import { connectedStreams, type ConnectedStreams } from './connected-streams.ts'
import { intervalJoinedStreams, type IntervalJoinedStreams } from './interval-joined-streams.ts'
import type { EnrichOptions } from './enrichment.ts'
import { enrichmentOf, enrichOperator, verifyEnrichment } from './operators/enrich.ts'
import { filterOperator } from './operators/filter.ts'
import { flatMapOperator } from './operators/flat-map.ts'
import { keyedProcessOperator, type KeySelector } from './operators/keyed-process.ts'
import { mapOperator } from './operators/map.ts'
import type { CreateOperator } from './operators/operator.ts'
import { passOperator } from './operators/pass.ts'
import { plainSinkOperator } from './operators/plain-sink.ts'
import { sinkOperator } from './operators/sink.ts'
import type { KeyedProcessFunction, OutputTag } from './process-function.ts'
import type { PlainSinkCodec, SinkCodec } from './sink.ts'
import type { SourceCodec } from './source.ts'
import { byteStringsOf } from './state/key-encoding.ts'
import { jsonStateCodec } from './state/value-codecs.ts'
import type { MapStateDescriptor } from './state/state.ts'
import { temporalJoinedStreams, type TemporalJoinedStreams } from './temporal-joined-streams.ts'
import { jobGraphOf } from './job-graph.ts'
import { describeTopology, TopologyError, type Topology, type TopologyNode } from './topology.ts'
import { verifyWatermarkStrategy, type WatermarkStrategy } from './watermark-strategy.ts'
import type { WindowAssigner } from './window.ts'
import {
  coGroupedStreams,
  windowJoinedStreams,
  type CoGroupedWindows,
  type WindowJoinable,
  type WindowJoinedStreams,
} from './window-joined-streams.ts'
import { windowsOf, type WindowedStream } from './windowed-stream.ts'

/** What a source reads, and how it tells time. */
export interface SourceOptions<T> {
  readonly topic: string
  readonly codec: SourceCodec<T>
  readonly watermarks: WatermarkStrategy<T>
  /** Its log has `sealed`, `reverted` and `finalized` records: at most one source of a topology. Default false. */
  readonly epochs?: boolean
}

/** Where outputs with a lifecycle go. */
export interface SinkOptions<T> {
  readonly topic: string
  readonly codec: SinkCodec<T>
  /** How many ids at rest keep their revision count; the longest at rest are forgotten first. Default 100,000. */
  readonly maxFinishedIds?: number
}

interface Built {
  readonly nodes: TopologyNode[]
  readonly uids: Set<string>
}

/** An operator as it is added to a topology. */
export type NewNode = Pick<TopologyNode, 'operator' | 'inputs' | 'create'> & Partial<TopologyNode>

const addNode = (built: Built, node: NewNode): number => {
  const { uid = null } = node
  if (uid !== null) {
    if (uid === '' || built.uids.has(uid)) throw new TopologyError(`The uid "${uid}" is empty or given twice.`)
    built.uids.add(uid)
  }
  const id = built.nodes.length
  built.nodes.push({ ...absentParts, ...node, uid, id })
  return id
}

const absentParts = { detail: '', tag: null, source: null, sink: null, edge: null, enrichment: null, pure: null }

/** Of what hands values on as they are. */
const pass: TopologyNode['pure'] = (value, emit) => emit(value)

/** Adds a node to the topology and gives the stream of what it emits. */
export type AddStream = <Out>(node: NewNode) => DataStream<Out>

/**
 * Builds a topology. Stateful operators have a `uid`: state belongs to it, so the code around it may change. Sources
 * rank as they are declared: of elements at the same place, the earlier source's comes first.
 *
 * ```ts
 * const builder = new StreamBuilder({ job: 'wallet-volume', version: '1' })
 * builder
 *   .source('transfers', { topic, codec, watermarks: { type: 'in-log' }, epochs: true })
 *   .keyBy((transfer) => transfer.from, stringKey)
 *   .window(sliding(minutes(10), minutes(1)))
 *   .aggregate('volume', sumOfValues, sumCodec, (sum, window, wallet, emit) => { … })
 *   .sinkTo('alerts', { topic, codec })
 * const topology = builder.build()
 * ```
 */
export class StreamBuilder {
  readonly #job: string
  readonly #version: string
  readonly #built: Built = { nodes: [], uids: new Set() }

  /** `version`: change it with the topology's meaning; a replay then reports other outputs instead of stopping. */
  constructor(options: { readonly job: string; readonly version: string }) {
    this.#job = options.job
    this.#version = options.version
  }

  /** @throws {TopologyError} if the topic is read already: declare it once and use the stream twice. */
  source<T>(uid: string, options: SourceOptions<T>): DataStream<T> {
    const { topic, codec, epochs = false } = options
    const watermarks = options.watermarks as WatermarkStrategy // it is given what `codec` decodes, and nothing else
    verifyWatermarkStrategy(uid, watermarks)
    if (this.#built.nodes.some(({ source }) => source?.topic === topic)) {
      throw new TopologyError(`The topic "${topic}" is read by two sources; declare one and use its stream twice.`)
    }
    if (epochs && this.#built.nodes.some(({ source }) => source?.epochs === true)) {
      throw new TopologyError(`The source "${uid}" is the second with epochs; a topology can follow one.`)
    }
    const id = addNode(this.#built, {
      uid,
      operator: 'source',
      inputs: [],
      detail: `topic ${topic}, ${watermarks.type} watermarks${epochs ? ', epochs' : ''}`,
      source: { topic, codec, watermarks, epochs },
      pure: pass,
      create: passOperator(0),
    })
    return new DataStream<T>(this.#built, id)
  }

  /** @throws {TopologyError} if it has no source, or a plain sink where epochs can be reverted. */
  build(): Topology {
    const nodes = Object.freeze(this.#built.nodes.slice())
    if (!nodes.some(({ source }) => source !== null)) throw new TopologyError('The topology has no source.')
    const plain = nodes.find(({ operator }) => operator === 'plain-sink')
    if (plain !== undefined && nodes.some(({ source }) => source?.epochs === true)) {
      throw new TopologyError(
        `The plain sink "${plain.uid}" cannot take back what a reverted epoch emitted; use sinkTo for it.`,
      )
    }
    const [job, version] = [this.#job, this.#version]
    return Object.freeze({
      job,
      version,
      nodes,
      describe: () => describeTopology(job, version, nodes),
      graph: () => jobGraphOf(job, version, nodes),
    })
  }
}

/** Elements of one type on their way. Source: Flink's DataStream. */
export class DataStream<T> {
  protected readonly built: Built
  /** @internal Of the node whose output this is. */
  readonly node: number
  // Carries the type alone; never set.
  declare protected readonly element: T

  /** @internal */
  constructor(built: Built, node: number) {
    this.built = built
    this.node = node
  }

  /** @internal */
  protected readonly add: AddStream = <Out>(node: NewNode) => new DataStream<Out>(this.built, addNode(this.built, node))

  map<Out>(f: (value: T) => Out): DataStream<Out> {
    return this.#stateless<Out>('map', mapOperator(f), (value, emit) => emit(f(value)))
  }
  filter(f: (value: T) => boolean): DataStream<T> {
    return this.#stateless<T>('filter', filterOperator(f), (value, emit) => (f(value) ? emit(value) : undefined))
  }
  flatMap<Out>(f: (value: T) => Iterable<Out>): DataStream<Out> {
    const pure = (value: T, emit: (out: Out) => void) => {
      for (const out of f(value)) emit(out)
    }
    return this.#stateless<Out>('flatMap', flatMapOperator(pure), pure)
  }
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    const inputs = [this, ...others].map(({ node }) => node)
    const create = passOperator(inputs.length)
    return new DataStream(this.built, addNode(this.built, { operator: 'union', inputs, pure: pass, create }))
  }
  /**
   * State, timers and order of what follows belong to the key. Where the job runs distributed, elements cross to the
   * shard of their key as bytes of `elementCodec`; default `jsonStateCodec`, for plain values.
   */
  keyBy<Key>(
    keyOf: (value: T) => Key,
    keyCodec: KeyCodec<Key>,
    { elementCodec = jsonStateCodec<T>() }: { readonly elementCodec?: Codec<T> } = {},
  ): KeyedStream<Key, T> {
    const { of } = byteStringsOf(keyCodec)
    const edge = {
      keyOf: (value: unknown) => of(keyOf(value as T)), // what this stream emits
      codec: elementCodec as Codec<unknown>,
    }
    const id = addNode(this.built, {
      operator: 'keyBy',
      inputs: [this.node],
      edge,
      pure: pass,
      create: passOperator(1),
    })
    return new KeyedStream(this.built, id, { keyOf, codec: keyCodec })
  }
  /**
   * Every shard sees its elements, which write state of these descriptors for the streams that connect to it: rules,
   * labels. Where the job runs distributed, elements cross as bytes of `jsonStateCodec`.
   */
  broadcast(
    ...descriptors: readonly Pick<MapStateDescriptor<unknown, unknown>, 'kind' | 'name'>[]
  ): BroadcastStream<T> {
    const edge = { keyOf: null, codec: jsonStateCodec() }
    const node = addNode(this.built, { operator: 'broadcast', inputs: [this.node], edge, create: passOperator(1) })
    // Map descriptors of whatever types, which no one type of descriptor has as its subtypes.
    return { node, descriptors: descriptors as readonly MapStateDescriptor<unknown, unknown>[] }
  }
  /** The stream keeps the keys by which it came here. @internal */
  keyedAs<Key>(selector: KeySelector<Key, T>): KeyedStream<Key, T> {
    return new KeyedStream(this.built, this.node, selector)
  }
  /** What the operator before sent to `tag`. */
  sideOutput<Side>(tag: OutputTag<Side>): DataStream<Side> {
    const create = passOperator(1)
    const side = { operator: 'sideOutput', detail: tag.id, tag: tag.id, inputs: [this.node], create }
    return new DataStream(this.built, addNode(this.built, side))
  }
  /**
   * Each element with the answer to a question that it raises: of a service, a node, a database. Results stand in the
   * order of the elements; answers that were used are written to the log with what they led to, so a replay has the same
   * ones and asks nothing. Where only `map`, `filter`, `flatMap`, `union` and `keyBy` lie between a source, or a `keyBy`
   * of a distributed job, and here, up to `capacity` questions are asked at once; elsewhere one after the other. A
   * revert takes back what followed from an answer; what comes instead asks anew. Source: Flink's
   * AsyncDataStream.orderedWait.
   */
  enrich<Request, Answer, Out>(
    uid: string,
    options: EnrichOptions<T, Request, Answer>,
    f: (value: T, answer: Answer, emit: (out: Out) => void) => void,
  ): DataStream<Out> {
    const enrichment = enrichmentOf(options)
    verifyEnrichment(uid, enrichment)
    const create = enrichOperator(enrichment, options, f)
    return this.add<Out>({ uid, operator: 'enrich', inputs: [this.node], enrichment, create })
  }
  sinkTo(uid: string, options: SinkOptions<T>): void {
    const { topic, codec, maxFinishedIds = 100_000 } = options
    const idOf = (output: unknown) => codec.idOf(output as T) // what this stream's sink emitted
    this.#sink(uid, 'sink', { topic, idOf }, sinkOperator(topic, codec, maxFinishedIds))
  }
  /** Only where no source has epochs: what was emitted stays. */
  sinkPlainTo(uid: string, options: { readonly topic: string; readonly codec: PlainSinkCodec<T> }): void {
    const { topic, codec } = options
    this.#sink(uid, 'plain-sink', { topic, idOf: null }, plainSinkOperator(topic, codec))
  }

  #stateless<Out>(
    operator: string,
    create: CreateOperator,
    f: (value: T, emit: (value: Out) => void) => void,
  ): DataStream<Out> {
    const pure = f as NonNullable<TopologyNode['pure']> // the builder typed the stream that feeds it
    return this.add<Out>({ operator, inputs: [this.node], pure, create })
  }
  #sink(uid: string, operator: string, sink: TopologyNode['sink'], create: CreateOperator): void {
    addNode(this.built, { uid, operator, inputs: [this.node], detail: `topic ${sink?.topic}`, sink, create })
  }
}

/**
 * A stream whose elements belong to keys: what follows has state, timers and windows for each. Source: Flink's
 * KeyedStream.
 */
export class KeyedStream<Key, T> extends DataStream<T> {
  /** @internal */
  readonly selector: KeySelector<Key, T>

  /** @internal */
  constructor(built: Built, node: number, selector: KeySelector<Key, T>) {
    super(built, node)
    this.selector = selector
  }

  process<Out>(uid: string, f: KeyedProcessFunction<Key, T, Out>): DataStream<Out> {
    const create = keyedProcessOperator(this.selector, f)
    return new DataStream(this.built, addNode(this.built, { uid, operator: 'process', inputs: [this.node], create }))
  }
  connect<Right>(right: KeyedStream<Key, Right>): ConnectedStreams<Key, T, Right>
  connect<Broadcast>(right: BroadcastStream<Broadcast>): BroadcastConnectedStream<Key, T, Broadcast>
  connect<Right>(
    right: KeyedStream<Key, Right> | BroadcastStream<Right>,
  ): ConnectedStreams<Key, T, Right> | BroadcastConnectedStream<Key, T, Right> {
    return right instanceof KeyedStream
      ? connectedStreams(this.add, this, right)
      : broadcastConnected(this.add, this, right)
  }
  window(assigner: WindowAssigner<T>): WindowedStream<Key, T> {
    return windowsOf(this.add, this, assigner)
  }
  /** With the version of the right side, a table of versions, that is valid at each element's time. */
  temporalJoin<Right>(right: KeyedStream<Key, Right>): TemporalJoinedStreams<Key, T, Right, Right> {
    return temporalJoinedStreams(this.add, this, right)
  }
  /** All that both streams have of a key in a window, also where one of them has nothing. Source: Flink's `coGroup`. */
  coGroup<Right>(right: KeyedStream<Key, Right>): WindowJoinable<T, Right, CoGroupedWindows<Key, T, Right>> {
    return coGroupedStreams(this.add, this, right)
  }
  /** Pairs of equal key in the same window. Source: Flink's `join`. */
  windowJoin<Right>(right: KeyedStream<Key, Right>): WindowJoinable<T, Right, WindowJoinedStreams<Key, T, Right>> {
    return windowJoinedStreams(this.add, this, right)
  }
  intervalJoin<Right>(right: KeyedStream<Key, Right>): IntervalJoinedStreams<Key, T, Right> {
    return intervalJoinedStreams(this.add, this, right)
  }
}
