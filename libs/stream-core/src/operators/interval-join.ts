import type { Codec } from '../codec.ts'
import type { JoinContext, JoinFunction } from '../join-function.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { JoinTable } from '../state/join-table.ts'
import type { WaitingElements } from '../state/waiting-elements.ts'
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

/**
 * Each element waits in its side's table until nothing of the other side can match it any more, and meets what the
 * other's table holds, by time, then in the order of arrival. A pair's timestamp is the later one's.
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
    const waiting = <T>(name: string, codec: Codec<T>, rest: DurationMs) => {
      const table = new JoinTable<T>(name, codec, undo, { rest, interval: upper - lower })
      context.register(table)
      context.register(table.expiries)
      return table
    }
    const restOfLeft = Math.max(upper, 0)
    const restOfRight = Math.max(-lower, 0)
    const lefts = waiting('#left', options.leftCodec, restOfLeft)
    const rights = waiting('#right', options.rightCodec, restOfRight)

    let key: Key
    const pair: { -readonly [Name in keyof JoinContext<Key, Out>]: JoinContext<Key, Out>[Name] } = {
      get key() {
        return key
      },
      leftTimestamp: 0,
      rightTimestamp: 0,
      get timestamp() {
        return Math.max(pair.leftTimestamp, pair.rightTimestamp)
      },
      emit: (value) => main.emit(value, pair.timestamp),
      output: (tag, value) => context.side(tag.id).emit(value, pair.timestamp),
    }
    // A loop for each side rather than a function that each pair is handed to: an element may meet dozens.
    const meetRights = (own: Left, others: WaitingElements<Right>, first: number, to: Timestamp): void => {
      const { times, values } = others
      for (let index = first; index < times.length; index += 1) {
        const time = times[index]
        if (time === undefined || time > to) return
        pair.rightTimestamp = time
        join(own, values[index] as Right, pair) // columns of one length
      }
    }
    const meetLefts = (own: Right, others: WaitingElements<Left>, first: number, to: Timestamp): void => {
      const { times, values } = others
      for (let index = first; index < times.length; index += 1) {
        const time = times[index]
        if (time === undefined || time > to) return
        pair.leftTimestamp = time
        join(values[index] as Left, own, pair) // columns of one length
      }
    }

    const side = <Own, Other>(at: {
      readonly selector: KeySelector<Key, Own>
      readonly own: JoinTable<Own>
      readonly other: JoinTable<Other>
      /** How long a partner waits. */
      readonly rest: DurationMs
      /** Where a partner stands, relative to the element. */
      readonly from: DurationMs
      readonly to: DurationMs
      readonly lateTag: string | null
      /** Those of the partners that stand from index `first` on up to the time `to`. */
      readonly meet: (own: Own, partners: WaitingElements<Other>, first: number, to: Timestamp) => void
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
          const others = at.other.beside(at.own.add(of(key), timestamp, element))
          if (others === undefined) return
          pair.leftTimestamp = timestamp
          pair.rightTimestamp = timestamp
          // Partners that are past may still be there: they leave many at once.
          const first = others.indexFrom(Math.max(timestamp + at.from, watermark - at.rest + 1))
          at.meet(element, others, first, timestamp + at.to)
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
          rest: restOfRight,
          from: lower,
          to: upper,
          lateTag: options.leftLateTag,
          meet: meetRights,
        }),
        side<Right, Left>({
          selector: right,
          own: rights,
          other: lefts,
          rest: restOfLeft,
          from: -upper,
          to: -lower,
          lateTag: options.rightLateTag,
          meet: meetLefts,
        }),
      ],
      fireNext: (watermark) => lefts.expireNext(watermark) || rights.expireNext(watermark),
    }
  }
