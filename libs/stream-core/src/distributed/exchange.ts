import type { OutputBuffer } from '../task/output-buffer.ts'
import { byteStringsOf, integerKey, joinParts, type ByteString } from '../state/key-encoding.ts'
import type { Timestamp } from '../time.ts'
import type { ExchangeControl, ExchangeElement } from './frame.ts'
import {
  childTag,
  compareStamps,
  controlTag,
  nodeTag,
  stampAfter,
  Stamper,
  type Stamp,
  type StamperSnapshot,
  type Step,
} from './stamp.ts'

/** The shards of a sub-topology, to whom a task tells what they must know. */
export interface ExchangeTarget {
  /** Of the sub-topology. */
  readonly name: string
  readonly topic: string
  readonly shards: number
  /** Who writes to the topic, counted from 0: each has a partition of its own for each shard. */
  readonly writers: number
  readonly writer: number
  /** The nodes whose elements the sub-topology reads. */
  readonly edges: readonly number[]
}

/** The partition of a target's topic that `writer` writes and `shard` reads. */
export const exchangePartition = (writers: number, shard: number, writer: number): number => shard * writers + writer

/** A control record without its stamp. */
export type Told = ExchangeControl extends infer One ? (One extends unknown ? Omit<One, 'stamp'> : never) : never

const { of: timeBytes } = byteStringsOf(integerKey)

/**
 * What a task tells the tasks behind it, stamped so that each of them can put what it hears from all in the order of one
 * task: elements go to the shard of their key, control records to all shards.
 */
export class Exchange {
  readonly targets: readonly ExchangeTarget[]
  readonly #outputs: OutputBuffer
  readonly #stamper = new Stamper()
  #step: Step = this.#stamper.last.step
  #phase = 0
  /** Of what is in hand; what it emits is told under it. */
  #tag: ByteString = ''
  #emissions = 0
  /** Of the source record or item in hand. */
  #entered: ByteString = ''
  /** Of the node that fires. */
  #nodeTag: ByteString = ''
  #unit: ByteString = ''
  #units = 0

  constructor(targets: readonly ExchangeTarget[], outputs: OutputBuffer) {
    this.targets = targets
    this.#outputs = outputs
  }

  /** Whatever is told from here on stands behind it. */
  get progress(): Stamp {
    return stampAfter(this.#stamper.last)
  }
  get section(): number {
    return this.#stamper.section
  }

  /** What stands at `stamp` is in hand: what is emitted now comes from it. */
  enter(stamp: Stamp): void {
    const { step, phase, tag } = this.#stamper.enter(stamp)
    this.#step = step
    this.#phase = phase
    this.#tag = tag
    this.#entered = tag
    this.#emissions = 0
  }

  /** Control of this stamp was told already, by another of the writers that this task reads. */
  isKnown(stamp: Stamp): boolean {
    return compareStamps(stamp, this.#stamper.last) === 0
  }

  /** A node is to fire what has become due; `rank` is its turn among all nodes. */
  beginFiring(rank: number): void {
    this.#nodeTag = nodeTag(rank)
    this.#unit = ''
    this.#units = 0
    this.#tag = this.#nodeTag
    this.#emissions = 0
  }

  /**
   * It fires what is due at `time` for `key`. Shards fire each in that order, and so does one task for all keys; what
   * became due only because something later fired comes right behind that.
   */
  fires(time: Timestamp, key: ByteString, namespace: string): void {
    if (this.targets.length === 0) return
    const unit = timeBytes(time) + joinParts([key, Buffer.from(namespace, 'utf8').toString('latin1')])
    if (unit > this.#unit) {
      this.#unit = unit
      this.#units = 0
    } else this.#units += 1
    this.#tag = childTag(this.#nodeTag + this.#unit, this.#units)
    this.#emissions = 0
  }

  /**
   * What is in hand went to all shards, and `node` does for `key` what call number `call` of it asks. Each shard has other
   * keys, so that what it emitted before does not tell where this stands. Nodes that hear of the same come in order of id.
   */
  applies(node: number, call: number, key: ByteString): void {
    if (this.targets.length === 0) return
    this.#tag = childTag(childTag(this.#entered, node), call) + joinParts([key])
    this.#emissions = 0
  }

  element(target: number, shard: number | null, element: Omit<ExchangeElement, 'stamp' | 'type'>): void {
    const stamp = { step: this.#step, phase: this.#phase, tag: childTag(this.#tag, this.#emissions) }
    this.#emissions += 1
    this.#outputs.cross({ target, shard, item: { type: 'element', stamp, ...element } })
  }

  /** To all shards of all targets, behind what was emitted in the same phase. */
  tell(control: Told): void {
    const stamp = { step: this.#step, phase: this.#phase, tag: controlTag }
    const item = { ...control, stamp }
    for (let target = 0; target < this.targets.length; target += 1) this.#outputs.cross({ target, shard: null, item })
  }

  /** Puts back how it stands now, when what is told from here on is undone. */
  hold(): () => void {
    const stamper = this.#stamper.snapshot()
    const [step, phase, tag, entered] = [this.#step, this.#phase, this.#tag, this.#entered]
    const emissions = this.#emissions
    const [node, unit, units] = [this.#nodeTag, this.#unit, this.#units]
    return () => {
      this.#stamper.restore(stamper)
      this.#step = step
      this.#phase = phase
      this.#tag = tag
      this.#entered = entered
      this.#emissions = emissions
      this.#nodeTag = node
      this.#unit = unit
      this.#units = units
    }
  }

  /** The sequence begins anew behind a revert. */
  revert(): void {
    this.#stamper.revert()
  }

  snapshot(): StamperSnapshot {
    return this.#stamper.snapshot()
  }
  restore(snapshot: StamperSnapshot): void {
    this.#stamper.restore(snapshot)
  }
}
