import type { Codec } from './codec.ts'

/**
 * What happened to an output. A plain stream's outputs are `added` and that is all. Where epochs can be reverted, an
 * output is `added` in its epoch, then `confirmed` when that is final or `retracted` when it is reverted. `revision`
 * counts an id's transitions from 1, over retraction and re-addition.
 */
export interface Transition {
  readonly type: 'added' | 'confirmed' | 'retracted'
  readonly revision: number
}

/** What a sink appends to its topic: bytes as they will lie there. */
export interface SinkRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  /** Default: by hash of the key over the topic's partitions. */
  readonly partition?: number
}

/** Writes outputs to a topic. Pure: the same output and transition give the same bytes. */
export interface SinkCodec<Out> {
  /** Names an output over retraction and re-addition; an id added again while it stands is its next revision. */
  idOf(output: Out): string
  encode(output: Out, transition: Transition): SinkRecord
  /** To keep what may yet be retracted in checkpoints. */
  readonly outputCodec: Codec<Out>
}

/** A plain sink: outputs as they come, no lifecycle; only for topologies whose sources have no epochs. */
export interface PlainSinkCodec<Out> {
  encode(output: Out): SinkRecord
}
