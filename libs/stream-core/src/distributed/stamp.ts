import type { ByteString } from '../state/key-encoding.ts'
import { maxTimestamp, type Timestamp } from '../time.ts'

/** One record of a source in the one sequence of the job; reverts begin the sequence anew, so they are counted. */
export interface Step {
  /** How many reverts came before it. */
  readonly section: number
  readonly place: Timestamp
  /** Of the source's partition among all of the topology's. */
  readonly input: number
  readonly offset: number
  readonly ordinal: number
}

/**
 * Where something stands that one task tells another: the order of all stamps is the order in which one task with the
 * whole topology would have met them. Within a step come, by `phase`, what an idle input's return lets through, the
 * element, the clock, the watermark and what it fires, what the clock fires, the control of epochs; within a phase, by `tag`, what is emitted, in the
 * order of one task (see `childTag`, `Exchange.fires` and `Exchange.applies`), and last the control record itself.
 */
export interface Stamp {
  readonly step: Step
  readonly phase: number
  readonly tag: ByteString
}

export const phases = { resumption: 0, element: 1, clock: 2, watermark: 3, processingTime: 4, epoch: 5 } as const
/** A step that is told after a later one takes over its stamp, this many phases on. */
export const phasesAStep = 6

/** Above every tag of an element: control records come after what is emitted before them. */
export const controlTag: ByteString = '\xff'

const compareSteps = (a: Step, b: Step): number =>
  a.section - b.section || a.place - b.place || a.input - b.input || a.offset - b.offset || a.ordinal - b.ordinal

export const compareStamps = (a: Stamp, b: Stamp): number => {
  const byStep = a.step === b.step ? 0 : compareSteps(a.step, b.step)
  if (byStep !== 0) return byStep
  if (a.phase !== b.phase) return a.phase - b.phase
  return a.tag === b.tag ? 0 : a.tag < b.tag ? -1 : 1
}

/** At or below all that stands at `place` on `input`. */
export const stampBefore = (section: number, place: Timestamp, input: number): Stamp => ({
  step: { section, place, input, offset: -1, ordinal: 0 },
  phase: 0,
  tag: '',
})

/** At or below all that comes behind `stamp`. */
export const stampAfter = ({ step, phase, tag }: Stamp): Stamp => ({ step, phase, tag: `${tag}\0` })

/** Nothing follows. */
export const endStamp: Stamp = stampBefore(Number.MAX_SAFE_INTEGER, maxTimestamp, 0)
/** Nothing came yet. */
export const firstStamp: Stamp = stampBefore(0, Number.MIN_SAFE_INTEGER, 0)

export const isEnd = ({ step }: Stamp): boolean => step.section === Number.MAX_SAFE_INTEGER

/** Sorts as the numbers do, and no number's bytes begin another's; below 0xff. */
const countBytes = (count: number): ByteString => {
  if (count < 248) return String.fromCharCode(count)
  let bytes = ''
  for (let rest = count; rest > 0; rest = Math.floor(rest / 256)) bytes = String.fromCharCode(rest % 256) + bytes
  return String.fromCharCode(247 + bytes.length) + bytes
}

/** Of the emission number `index` of what is handled under `tag`: operators are depth-first, so tags are prefixes. */
export const childTag = (tag: ByteString, index: number): ByteString => tag + countBytes(index)

/** Of what the operator `node` fires: operators hear of a watermark one after the other. */
export const nodeTag = (node: number): ByteString => countBytes(node)

/**
 * Gives each record that a task tells on its stamp, never going back: a step that comes after a later one, as the return
 * of an idle input may, takes over the stamp of that one.
 */
export class Stamper {
  #section = 0
  #last: Stamp = firstStamp

  get last(): Stamp {
    return this.#last
  }
  get section(): number {
    return this.#section
  }

  enter(stamp: Stamp): Stamp {
    const { step, phase } = this.#last
    // What is emitted below a tag comes after it, so the next of the same phase may not begin below that.
    this.#last = compareStamps(stamp, this.#last) >= 0 ? stamp : { step, phase: phase + phasesAStep, tag: stamp.tag }
    return this.#last
  }

  /** The sequence begins anew behind a revert. */
  revert(): void {
    this.#section += 1
  }

  snapshot(): StamperSnapshot {
    return { section: this.#section, last: this.#last }
  }
  restore({ section, last }: StamperSnapshot): void {
    this.#section = section
    this.#last = last
  }
}

export interface StamperSnapshot {
  readonly section: number
  readonly last: Stamp
}
