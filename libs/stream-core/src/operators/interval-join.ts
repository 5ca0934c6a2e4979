import type { Codec } from '../codec.ts'
import { byteStringsOf } from '../state/key-encoding.ts'
import { ListView, listCodec } from '../state/list-view.ts'
import { integerSubKeys, NestedTable } from '../state/state-table.ts'
import { Timers } from '../timers.ts'
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
    const buffer = <T>(name: string, codec: Codec<T>) => {
      const table = new NestedTable<number, ListView<T>>(name, integerSubKeys, listCodec(codec), undo)
      context.register(table)
      return table
    }
    const lefts = buffer('#left', options.leftCodec)
    const rights = buffer('#right', options.rightCodec)
    const timers = new Timers(undo)
    context.register(timers)

    const side = <Own, Other>(at: {
      readonly selector: KeySelector<Key, Own>
      readonly own: NestedTable<number, ListView<Own>>
      readonly other: NestedTable<number, ListView<Other>>
      readonly name: 'left' | 'right'
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
          timers.register(key, at.to > 0 ? timestamp + at.to : timestamp, `${at.name}${timestamp}`)
          const others = at.other.of(key)
          if (others === undefined) return
          for (const otherTime of others.keysBetween(timestamp + at.from, timestamp + at.to)) {
            for (const other of others.get(otherTime) ?? []) {
              at.pair(element, other, userKey, Math.max(timestamp, otherTime))
            }
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
          name: 'left',
          from: lower,
          to: upper,
          pair: (own, other, key, timestamp) => join(own, other, key, (value) => main.emit(value, timestamp)),
        }),
        side<Right, Left>({
          selector: right,
          own: rights,
          other: lefts,
          name: 'right',
          from: -upper,
          to: -lower,
          pair: (own, other, key, timestamp) => join(other, own, key, (value) => main.emit(value, timestamp)),
        }),
      ],
      advanceWatermark(watermark) {
        for (let timer = timers.take(watermark); timer !== undefined; timer = timers.take(watermark)) {
          const isLeft = timer.namespace.startsWith('left')
          const timestamp = Number(timer.namespace.slice(isLeft ? 'left'.length : 'right'.length))
          ;(isLeft ? lefts : rights).set(timer.key, timestamp, undefined)
        }
      },
    }
  }
