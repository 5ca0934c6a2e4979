import { maxTimestamp, type DurationMs, type Timestamp } from '../time.ts'
import { placeOf, type PlacedInput } from './place.ts'

/** What decides whether an input is read on. */
export interface AlignedInput extends PlacedInput {
  readonly queuedBytes: number
  /** The timestamp up to which it was read, about: of the last element in its queue. */
  readonly readTo: Timestamp
  /** See `withAlignment`. */
  readonly maxDrift: DurationMs | undefined
}

/**
 * Which inputs to read no further for now: those whose queue is full, and those that were read so far that the others
 * must come a long way before the merge can take it. One with an empty queue is always read, so the one that all wait for is. When it decides
 * this changes no result, for the merge takes what is read in the order of places.
 */
export const inputsToPause = (inputs: readonly AlignedInput[], maxQueuedBytes: number): ReadonlySet<number> => {
  let lowest: Timestamp = maxTimestamp
  for (const input of inputs) {
    if (input.isIdle || input.hasEnded) continue
    const record = input.peek()
    lowest = Math.min(lowest, record === undefined ? input.bound : placeOf(record, input))
  }
  const paused = new Set<number>()
  for (const [index, input] of inputs.entries()) {
    if (input.peek() === undefined) continue
    const isFull = input.queuedBytes > maxQueuedBytes
    if (isFull || input.readTo - lowest > (input.maxDrift ?? Infinity)) paused.add(index)
  }
  return paused
}
