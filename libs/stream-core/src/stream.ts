import type { AggregateFunction, WindowFunction } from './aggregate.ts'
import type { Codec, KeyCodec } from './codec.ts'
import type { KeyedCoProcessFunction, KeyedProcessFunction, OutputTag } from './process-function.ts'
import type { PlainSinkCodec, SinkCodec } from './sink.ts'
import type { SourceCodec, WatermarkStrategy } from './source.ts'
import type { DurationMs } from './time.ts'
import type { Topology } from './topology.ts'
import type { WindowAssigner } from './window.ts'

/**
 * THE CONTRACT of the builder (the implementation replaces this file and keeps these names and shapes). Stateful
 * operators have a `uid`: state belongs to it, so the code around it may change.
 *
 * ```ts
 * const builder = new StreamBuilder({ job: 'wallet-volume', version: '1' })
 * builder
 *   .source('transfers', { topic, codec, watermarks: { type: 'in-log' } })
 *   .keyBy((transfer) => transfer.from, stringKey)
 *   .window(sliding(minutes(10), minutes(1)))
 *   .aggregate('volume', sumOfValues, sumCodec, (sum, window, wallet, emit) => { … })
 *   .sinkTo('alerts', { topic, codec })
 * const topology = builder.build()
 * ```
 */
export interface StreamBuilderContract {
  source<T>(
    uid: string,
    options: {
      readonly topic: string
      readonly codec: SourceCodec<T>
      readonly watermarks: WatermarkStrategy
    },
  ): DataStream<T>
  build(): Topology
}

export interface DataStream<T> {
  map<Out>(f: (value: T) => Out): DataStream<Out>
  filter(f: (value: T) => boolean): DataStream<T>
  flatMap<Out>(f: (value: T) => Iterable<Out>): DataStream<Out>
  union(...others: readonly DataStream<T>[]): DataStream<T>
  keyBy<Key>(keyOf: (value: T) => Key, keyCodec: KeyCodec<Key>): KeyedStream<Key, T>
  /** What the operator before sent to `tag`. */
  sideOutput<Side>(tag: OutputTag<Side>): DataStream<Side>
  sinkTo(uid: string, options: { readonly topic: string; readonly codec: SinkCodec<T> }): void
  sinkPlainTo(uid: string, options: { readonly topic: string; readonly codec: PlainSinkCodec<T> }): void
}

export interface KeyedStream<Key, T> extends DataStream<T> {
  process<Out>(uid: string, f: KeyedProcessFunction<Key, T, Out>): DataStream<Out>
  connect<Right>(right: KeyedStream<Key, Right>): ConnectedStreams<Key, T, Right>
  window(assigner: WindowAssigner): WindowedStream<Key, T>
  /** Pairs of equal key with `left.timestamp + lower <= right.timestamp <= left.timestamp + upper`, both inclusive. */
  intervalJoin<Right>(right: KeyedStream<Key, Right>): IntervalJoin<Key, T, Right>
}

export interface ConnectedStreams<Key, Left, Right> {
  process<Out>(uid: string, f: KeyedCoProcessFunction<Key, Left, Right, Out>): DataStream<Out>
}

export interface WindowedStream<Key, T> {
  allowedLateness(lateness: DurationMs): WindowedStream<Key, T>
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<Key, T>
  aggregate<Acc, Result, Out = Result>(
    uid: string,
    f: AggregateFunction<T, Acc, Result>,
    accumulatorCodec: Codec<Acc>,
    windowFunction?: WindowFunction<Key, Result, Out>,
  ): DataStream<Out>
}

export interface IntervalJoin<Key, Left, Right> {
  between(lower: DurationMs, upper: DurationMs): IntervalJoin<Key, Left, Right>
  process<Out>(
    uid: string,
    codecs: { readonly left: Codec<Left>; readonly right: Codec<Right> },
    f: (left: Left, right: Right, key: Key, emit: (value: Out) => void) => void,
  ): DataStream<Out>
}
