import type { Codec } from '../codec.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { ListView, listCodec } from '../state/list-view.ts'
import type { UndoLog } from '../task/rewind.ts'
import { integerSubKeys, NestedTable } from '../state/state-table.ts'
import { Schedule } from '../schedule.ts'
import { minTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator, Receiver } from './operator.ts'

export interface IntervalJoinOptions<Key, Left, Right, Out> {
  readonly lower: DurationMs
  readonly upper: DurationMs
  readonly leftCodec: Codec<Left>
  readonly rightCodec: Codec<Right>
  readonly join: (left: Left, right: Right, key: Key, emit: (value: Out) => void) => void
}

/** The elements of one side by key and time, until nothing of the other side can match them any more. */
class Buffered<T> extends NestedTable<number, ListView<T>> {
  readonly #rest: DurationMs
  readonly #expiries: Schedule

  constructor(name: string, codec: Codec<ListView<T>>, undo: UndoLog, rest: DurationMs) {
    super(name, integerSubKeys, codec, undo)
    this.#rest = rest
    this.#expiries = new Schedule(undo)
  }

  protected override put(key: string, timestamp: number, elements: ListView<T> | undefined): void {
    super.put(key, timestamp, elements)
    if (elements !== undefined) this.#expiries.add(timestamp + this.#rest, key)
  }

  /** Drops the elements of one key and time that nothing can match any more. @returns whether there were any */
  expireNext(watermark: Timestamp): boolean {
    const due = this.#expiries.take(watermark)
    if (due !== undefined) this.set(due.key, due.time - this.#rest, undefined)
    return due !== undefined
  }
}

/**
 * Each element waits in its side's buffer until nothing of the other side can match it any more, and meets what the
 * other buffer holds, by time, then in the order of arrival. A pair's timestamp is the later one's.
 * Source: Flink's IntervalJoinOperator. Differs: pairs come out in order of the other side's time.
 */
export const intervalJoinOperator =
  <Key, Left, Right, Out>(
    left: KeySelector<Key, Left>,
    right: KeySelector<Key, Right>,
    options: IntervalJoinOptions<Key, Left, Right, Out>,
  ): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    const { lower, upper, join } = options
    const { of } = byteStringsOf(left.codec)
    const buffer = <T>(name: string, codec: Codec<T>, rest: DurationMs) => {
      const table = new Buffered<T>(name, listCodec(codec), undo, Math.max(rest, 0))
      context.register(table)
      return table
    }
    const lefts = buffer('#left', options.leftCodec, upper)
    const rights = buffer('#right', options.rightCodec, -lower)

    const side = <Own, Other>(at: {
      readonly selector: KeySelector<Key, Own>
      readonly own: Buffered<Own>
      readonly other: Buffered<Other>
      /** Where a partner stands, relative to the element. */
      readonly from: DurationMs
      readonly to: DurationMs
      readonly pair: (own: Own, other: Other, key: Key, timestamp: Timestamp) => void
    }): Receiver => ({
      process(value, timestamp) {
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          const { watermark } = context
          if (watermark !== minTimestamp && timestamp < watermark) {
            context.countLate()
            return
          }
          const element = context.freeze(value as Own) // the builder typed the stream that feeds the operator
          const userKey = at.selector.keyOf(element)
          const key = of(userKey)
          at.own.set(key, timestamp, at.own.get(key, timestamp)?.append(element) ?? ListView.of([element]))
          const others = at.other.of(key)
          if (others === undefined) return
          for (const otherTime of others.keysBetween(timestamp + at.from, timestamp + at.to)) {
            const list = others.get(otherTime)
            if (list === undefined) continue
            const pairTime = Math.max(timestamp, otherTime)
            for (const other of list) at.pair(element, other, userKey, pairTime)
          }
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
      },
    })

    return {
      receivers: [
        side<Left, Right>({
          selector: left,
          own: lefts,
          other: rights,
          from: lower,
          to: upper,
          pair: (own, other, key, timestamp) => join(own, other, key, (value) => main.emit(value, timestamp)),
        }),
        side<Right, Left>({
          selector: right,
          own: rights,
          other: lefts,
          from: -upper,
          to: -lower,
          pair: (own, other, key, timestamp) => join(other, own, key, (value) => main.emit(value, timestamp)),
        }),
      ],
      fireNext: (watermark) => lefts.expireNext(watermark) || rights.expireNext(watermark),
    }
  }
