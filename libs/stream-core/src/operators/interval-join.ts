import type { Codec } from '../codec.ts'
import type { JoinContext, JoinFunction } from '../join-function.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { ListView, listCodec } from '../state/list-view.ts'
import type { UndoLog } from '../task/rewind.ts'
import { integerSubKeys, NestedTable } from '../state/nested-table.ts'
import { Schedule } from '../schedule.ts'
import { minTimestamp, requireTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator, Receiver } from './operator.ts'

export interface IntervalJoinOptions<Key, Left, Right, Out> {
  /** Both inclusive. */
  readonly lower: DurationMs
  readonly upper: DurationMs
  readonly leftCodec: Codec<Left>
  readonly rightCodec: Codec<Right>
  readonly leftLateTag: string | null
  readonly rightLateTag: string | null
  readonly join: JoinFunction<Key, Left, Right, Out>
}

/** The elements of one side by key and time, until nothing of the other side can match them any more. */
class Buffered<T> extends NestedTable<number, ListView<T>> {
  readonly #expiryOf: (timestamp: Timestamp) => Timestamp
  readonly #expiries: Schedule

  constructor(
    name: string,
    codec: Codec<ListView<T>>,
    undo: UndoLog,
    options: { readonly expiryOf: (timestamp: Timestamp) => Timestamp; readonly expiries: Schedule },
  ) {
    super(name, integerSubKeys, codec, undo)
    this.#expiryOf = options.expiryOf
    this.#expiries = options.expiries
    this.#expiries.follows(this, (key, timestamp) => this.#expiries.add(this.#expiryOf(timestamp), key))
  }

  protected override put(key: string, timestamp: number, elements: ListView<T> | undefined): void {
    super.put(key, timestamp, elements)
    if (elements !== undefined) this.#expiries.add(this.#expiryOf(timestamp), key)
  }

  /** Drops the elements of one key that nothing can match any more. @returns whether it did anything */
  expireNext(watermark: Timestamp): boolean {
    if (this.#expiries.sortNext(watermark)) return true
    const due = this.#expiries.take(watermark)
    if (due === undefined) return false
    for (let first = this.of(due.key)?.first(); first !== undefined; first = this.of(due.key)?.first()) {
      if (this.#expiryOf(first) > due.time) break
      this.set(due.key, first, undefined)
    }
    return true
  }
}

/** Elements go together that nothing can match any more within so small a part of the interval. */
const expiriesAnInterval = 16

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
    const step = Math.max(1, Math.floor((upper - lower) / expiriesAnInterval))
    const buffer = <T>(name: string, codec: Codec<T>, rest: DurationMs) => {
      const expiries = new Schedule(`${name}-expiries`, undo)
      const expiryOf = (timestamp: Timestamp) => Math.ceil((timestamp + Math.max(rest, 0)) / step) * step
      const table = new Buffered<T>(name, listCodec(codec), undo, { expiryOf, expiries })
      context.register(table)
      context.register(expiries)
      return table
    }
    const lefts = buffer('#left', options.leftCodec, upper)
    const rights = buffer('#right', options.rightCodec, -lower)

    let key: Key
    const pair: { -readonly [Name in keyof JoinContext<Key, Out>]: JoinContext<Key, Out>[Name] } = {
      get key() {
        return key
      },
      leftTimestamp: 0,
      rightTimestamp: 0,
      timestamp: 0,
      emit: (value) => main.emit(value, pair.timestamp),
      output: (tag, value) => context.side(tag.id).emit(value, pair.timestamp),
    }

    const side = <Own, Other>(at: {
      readonly selector: KeySelector<Key, Own>
      readonly own: Buffered<Own>
      readonly other: Buffered<Other>
      /** Where a partner stands, relative to the element. */
      readonly from: DurationMs
      readonly to: DurationMs
      readonly lateTag: string | null
      readonly meet: (own: Own, ownTime: Timestamp, others: ListView<Other>, otherTime: Timestamp) => void
    }): Receiver => ({
      process(value, timestamp) {
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          requireTimestamp(timestamp)
          const { watermark } = context
          const element = context.freeze(value as Own) // the builder typed the stream that feeds the operator
          if (watermark !== minTimestamp && timestamp < watermark) {
            context.countLate()
            if (at.lateTag !== null) context.side(at.lateTag).emit(element, timestamp)
            return
          }
          key = at.selector.keyOf(element)
          const bytes = of(key)
          at.own.set(bytes, timestamp, at.own.get(bytes, timestamp)?.append(element) ?? ListView.of([element]))
          at.other.of(bytes)?.visitBetween(timestamp + at.from, timestamp + at.to, (others, otherTime) => {
            pair.timestamp = timestamp > otherTime ? timestamp : otherTime
            at.meet(element, timestamp, others, otherTime)
          })
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
          lateTag: options.leftLateTag,
          meet(own, ownTime, others, otherTime) {
            pair.leftTimestamp = ownTime
            pair.rightTimestamp = otherTime
            for (let at = 0; at < others.size; at += 1) join(own, others.at(at), pair)
          },
        }),
        side<Right, Left>({
          selector: right,
          own: rights,
          other: lefts,
          from: -upper,
          to: -lower,
          lateTag: options.rightLateTag,
          meet(own, ownTime, others, otherTime) {
            pair.leftTimestamp = otherTime
            pair.rightTimestamp = ownTime
            for (let at = 0; at < others.size; at += 1) join(others.at(at), own, pair)
          },
        }),
      ],
      fireNext: (watermark) => lefts.expireNext(watermark) || rights.expireNext(watermark),
    }
  }
