import type { Outcome } from '../enrichment.ts'
import type { OutputBuffer } from '../task/output-buffer.ts'
import type { Segment, UndoLog } from '../task/rewind.ts'
import type { Timestamp } from '../time.ts'
import type { CheckpointedTable } from '../state/checkpointed-table.ts'
import type { ByteString } from '../state/key-encoding.ts'

/** One input of an operator. */
export interface Receiver {
  process(value: unknown, timestamp: Timestamp): void
}

/** Hands values to the operators that read it, one after the other, each wholly before the next. */
export class Output {
  readonly #receivers: Receiver[] = []
  #records = 0
  /** Values handed on so far. */
  get records(): number {
    return this.#records
  }
  /** Some were handed on in a unit that is undone. */
  set records(records: number) {
    this.#records = records
  }
  connect(receiver: Receiver): void {
    this.#receivers.push(receiver)
  }
  emit(value: unknown, timestamp: Timestamp): void {
    this.#records += 1
    const receivers = this.#receivers
    for (let at = 0; at < receivers.length; at += 1) receivers[at]?.process(value, timestamp)
  }
}

/** A node of the topology at work in a task. */
export interface Operator {
  /** By input, in the order of the node's inputs. */
  readonly receivers: readonly Receiver[]
  /**
   * The watermark has gone from `since` to `watermark`: does one unit of what that makes due (one timer, a window of a few
   * keys) and says whether it did; false when nothing is due any more. The task repeats it before the operators downstream hear of
   * the watermark, and may turn to the event loop between two units, so a unit should take well under a millisecond.
   */
  fireNext?(watermark: Timestamp, since: Timestamp): boolean
  /** A unit of its work was undone and will be done again: what follows from its tables, and is kept beside them, goes. */
  forget?(): void
  /** As `fireNext`, for what the journaled clock makes due when it shows `time`. */
  fireNextProcessingTime?(time: Timestamp): boolean
}

/**
 * What a sink does besides taking elements: the task calls it when an epoch is final or reverted, and goes through the
 * answer in units, between which it may turn to the event loop.
 */
export interface LifecycleSink {
  finalize(epoch: number): Iterator<void>
  /** Versions of segments that `isReverted` are gone. */
  revert(): Iterator<void>
  /** Order of additions so far, part of a checkpoint. */
  sequence: number
}

/** What a task gives each operator. */
export interface OperatorContext {
  /** The uid, or operator and number for those without. */
  readonly name: string
  readonly undo: UndoLog
  readonly outputs: OutputBuffer
  readonly main: Output
  side(tag: string): Output
  /** Of this operator: the minimum over its inputs. */
  readonly watermark: Timestamp
  /** What the journaled clock last showed; `minTimestamp` before its first record. */
  readonly processingTime: Timestamp
  readonly hasEpochs: boolean
  /** Of the source record in hand, in the one sequence of the job. */
  readonly place: Timestamp
  /** The stretch of the fold that is being processed. */
  readonly segment: Segment
  /** State that is checkpointed under this operator's uid. Timers, schedules and what is loaded first: when the operator is made. */
  register(table: CheckpointedTable): void
  registerSink(sink: LifecycleSink): void
  /** Freezes a value that enters state, in tests. */
  freeze<T>(value: T): T
  /**
   * What is emitted from here on, until the next call or the end of the unit, fires at `time` for `key`. Shards that fire
   * for different keys are put in one order by it; within a node and a watermark it is the order of firing.
   */
  fires(time: Timestamp, key: ByteString, namespace?: string): void
  /**
   * The same of an element that all shards have: what is emitted from here on is what its call number `call` does for
   * `key`. One task does call by call for all keys, in their order.
   */
  applies(call: number, key: ByteString): void
  /** Of an enriching operator. @throws {AnswerMissing} it is not there yet: hand it on, the unit is done again. */
  answerTo(request: Uint8Array): Outcome
  /** An element came too late to count. */
  countLate(): void
  /**
   * A user function threw: what changed since the two positions is undone, and the element becomes a dead letter.
   * Rethrows what must stop the task.
   */
  fail(error: unknown, undoPosition: number, outputPosition: number): void
}

export type CreateOperator = (context: OperatorContext) => Operator
