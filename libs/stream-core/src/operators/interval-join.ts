import type { Codec } from '../codec.ts'
import type { JoinContext, JoinFunction } from '../join-function.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { JoinTable } from '../state/join-table.ts'
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
      timestamp: 0,
      emit: (value) => main.emit(value, pair.timestamp),
      output: (tag, value) => context.side(tag.id).emit(value, pair.timestamp),
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
      readonly meet: (own: Own, ownTime: Timestamp, other: Other, otherTime: Timestamp) => void
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
          at.own.add(bytes, timestamp, element)
          const others = at.other.of(bytes)
          if (others === undefined) return
          const to = timestamp + at.to
          // Partners that are past may still be there: they leave many at once.
          const { list } = others
          const first = others.indexFrom(Math.max(timestamp + at.from, watermark - at.rest + 1))
          for (let index = first; index < list.length; index += 1) {
            const other = list[index]
            if (other === undefined || other.time > to) break
            pair.timestamp = timestamp > other.time ? timestamp : other.time
            at.meet(element, timestamp, other.value, other.time)
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
          rest: restOfRight,
          from: lower,
          to: upper,
          lateTag: options.leftLateTag,
          meet(own, ownTime, other, otherTime) {
            pair.leftTimestamp = ownTime
            pair.rightTimestamp = otherTime
            join(own, other, pair)
          },
        }),
        side<Right, Left>({
          selector: right,
          own: rights,
          other: lefts,
          rest: restOfLeft,
          from: -upper,
          to: -lower,
          lateTag: options.rightLateTag,
          meet(own, ownTime, other, otherTime) {
            pair.leftTimestamp = otherTime
            pair.rightTimestamp = ownTime
            join(other, own, pair)
          },
        }),
      ],
      fireNext: (watermark) => lefts.expireNext(watermark) || rights.expireNext(watermark),
    }
  }
