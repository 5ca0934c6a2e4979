import type { Codec } from '../codec.ts'
import type { Evictor, EvictorContext, TimestampedValue } from '../evictor.ts'
import { ListView, listCodec } from '../state/list-view.ts'
import type { Timestamp } from '../time.ts'
import type { TimeWindow } from '../time-window.ts'
import type { Incremental } from './incremental.ts'
import { stampedCodec } from './stamped-codec.ts'

/** What a window keeps of its elements, and what it makes of that when it fires. */
export interface WindowContents<T, Contents, Result> {
  readonly codec: Codec<Contents>
  add(element: T, timestamp: Timestamp, before: Contents | undefined): Contents
  /** Of two windows that become one, the earlier one's first. */
  merge(a: Contents, b: Contents): Contents
  /** Gives what the window comes to to `emit`. @returns what it keeps */
  fire(contents: Contents, window: TimeWindow, emit: (result: Result) => void): Contents | undefined
}

/** One accumulator. */
export const accumulated = <T, Acc, Result>(
  aggregate: Incremental<T, Acc, Result>,
  codec: Codec<Acc>,
): WindowContents<T, Acc, Result> => ({
  codec,
  add: (element, _timestamp, before) => aggregate.add(element, before),
  merge: (a, b) => aggregate.merge(a, b),
  fire: (accumulator, _window, emit) => {
    emit(aggregate.result(accumulator))
    return accumulator
  },
})

const joined = <T>(a: ListView<T>, b: ListView<T>): ListView<T> => ListView.of([...a, ...b])

/** All elements. */
export const buffered = <T>(codec: Codec<T>): WindowContents<T, ListView<T>, readonly T[]> => ({
  codec: listCodec(codec),
  add: (element, _timestamp, before) => before?.append(element) ?? ListView.of([element]),
  merge: joined,
  fire: (elements, _window, emit) => {
    emit(elements.toArray())
    return elements
  },
})

/** All elements with their timestamps; what stays of them is the evictor's. Source: Flink's EvictingWindowOperator. */
export const evicting = <T, Result>(
  codec: Codec<T>,
  evictor: Evictor<T>,
  context: EvictorContext,
  resultOf: (values: readonly T[], emit: (result: Result) => void) => void,
): WindowContents<T, ListView<TimestampedValue<T>>, Result> => ({
  codec: listCodec(
    stampedCodec(
      codec,
      (timestamp, value) => ({ value, timestamp }),
      ({ value, timestamp }) => [timestamp, value] as const,
    ),
  ),
  add: (value, timestamp, before) => before?.append({ value, timestamp }) ?? ListView.of([{ value, timestamp }]),
  merge: joined,
  fire: (contents, window, emit) => {
    const all = contents.toArray()
    const seen = evictor.evictBefore?.(all, window, context) ?? all
    resultOf(
      seen.map(({ value }) => value),
      emit,
    )
    const left = evictor.evictAfter?.(seen, window, context) ?? seen
    if (left.length === all.length) return contents
    return left.length === 0 ? undefined : ListView.of(left)
  },
})
