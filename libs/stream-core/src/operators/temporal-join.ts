import type { Codec } from '../codec.ts'
import type { TemporalJoinContext, TemporalJoinFunction } from '../join-function.ts'
import { Schedule } from '../schedule.ts'
import { byteStringsOf, type ByteString } from '../state/key-encoding.ts'
import { ListView, listCodec } from '../state/list-view.ts'
import { integerSubKeys, NestedTable } from '../state/nested-table.ts'
import { requireTimestamp, type Timestamp } from '../time.ts'
import type { KeySelector } from './keyed-process.ts'
import type { CreateOperator } from './operator.ts'

export interface TemporalJoinOptions<Key, Left, Right, Out> {
  readonly leftCodec: Codec<Left>
  readonly rightCodec: Codec<Right>
  readonly leftLateTag: string | null
  readonly rightLateTag: string | null
  /** Whether left elements without a version are joined, too. */
  readonly isLeftOuter: boolean
  readonly join: TemporalJoinFunction<Key, Left, Right | undefined, Out>
}

/**
 * Right elements are the versions of their key, valid from their timestamp to the next version's. A left element waits
 * until the watermark has reached its time, when every version up to then is known, and meets the one that is valid. A
 * version goes when a later one is valid as of the watermark: no element to come can need it.
 * Source: Flink's TemporalRowTimeJoinOperator. Differs: left elements come out by time, then key, then arrival; those at or
 * before the watermark are late, where Flink joins them with what versions are left.
 */
export const temporalJoinOperator =
  <Key, Left, Right, Out>(
    left: KeySelector<Key, Left>,
    right: KeySelector<Key, Right>,
    options: TemporalJoinOptions<Key, Left, Right, Out>,
  ): CreateOperator =>
  (context) => {
    const { main, undo, outputs } = context
    const { of, from } = byteStringsOf(left.codec)
    const waiting = new NestedTable<Timestamp, ListView<Left>>(
      '#left',
      integerSubKeys,
      listCodec(options.leftCodec),
      undo,
    )
    const versions = new NestedTable<Timestamp, Right>('#versions', integerSubKeys, options.rightCodec, undo)
    // The times of left elements and of versions, by key.
    const due = new Schedule('#due', undo)
    for (const table of [waiting, versions, due]) context.register(table)
    due.follows(waiting, (bytes, time) => due.add(time, bytes))
    due.follows(versions, (bytes, time) => {
      if (time > context.watermark) due.add(time, bytes)
    })

    let key: Key
    const joined: {
      -readonly [Name in keyof TemporalJoinContext<Key, Out>]: TemporalJoinContext<Key, Out>[Name]
    } = {
      get key() {
        return key
      },
      timestamp: 0,
      versionTimestamp: null,
      emit: (value) => main.emit(value, joined.timestamp),
      output: (tag, value) => context.side(tag.id).emit(value, joined.timestamp),
    }

    const dropBefore = (bytes: ByteString, validFrom: Timestamp): void => {
      for (let first = versions.of(bytes)?.first(); first !== undefined && first < validFrom;) {
        versions.set(bytes, first, undefined)
        first = versions.of(bytes)?.first()
      }
    }
    const joinAt = (bytes: ByteString, time: Timestamp, validFrom: Timestamp | undefined): void => {
      const elements = waiting.get(bytes, time)
      if (elements === undefined) return
      waiting.set(bytes, time, undefined)
      if (validFrom === undefined && !options.isLeftOuter) return
      const version = validFrom === undefined ? undefined : versions.get(bytes, validFrom)
      key = from(bytes)
      joined.timestamp = time
      joined.versionTimestamp = validFrom ?? null
      for (const element of elements) {
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          options.join(element, version, joined)
        } catch (error) {
          context.fail(error, undoPosition, outputPosition) // this one is lost, not the others
        }
      }
    }
    const countLate = (tag: string | null, element: unknown, timestamp: Timestamp): void => {
      context.countLate()
      if (tag !== null) context.side(tag).emit(element, timestamp)
    }
    const guarded =
      <T>(process: (element: T, timestamp: Timestamp) => void) =>
      (value: unknown, timestamp: Timestamp): void => {
        const undoPosition = undo.position
        const outputPosition = outputs.position
        try {
          requireTimestamp(timestamp)
          process(context.freeze(value as T), timestamp) // the builder typed the stream that feeds the operator
        } catch (error) {
          context.fail(error, undoPosition, outputPosition)
        }
      }

    return {
      receivers: [
        {
          process: guarded<Left>((element, timestamp) => {
            const bytes = of(left.keyOf(element))
            if (timestamp <= context.watermark) {
              countLate(options.leftLateTag, element, timestamp)
              return
            }
            waiting.set(bytes, timestamp, waiting.get(bytes, timestamp)?.append(element) ?? ListView.of([element]))
            due.add(timestamp, bytes)
          }),
        },
        {
          process: guarded<Right>((element, timestamp) => {
            const bytes = of(right.keyOf(element))
            const { watermark } = context
            const valid = versions.of(bytes)?.floor(watermark)
            if (valid !== undefined && timestamp < valid) {
              countLate(options.rightLateTag, element, timestamp)
              return
            }
            versions.set(bytes, timestamp, element)
            if (timestamp > watermark) due.add(timestamp, bytes)
            else dropBefore(bytes, timestamp)
          }),
        },
      ],
      fireNext(watermark) {
        if (due.sortNext(watermark)) return true
        const at = due.take(watermark)
        if (at === undefined) return false
        context.fires(at.time, at.key)
        const validFrom = versions.of(at.key)?.floor(at.time)
        joinAt(at.key, at.time, validFrom)
        if (validFrom !== undefined) dropBefore(at.key, validFrom)
        return true
      },
    }
  }
