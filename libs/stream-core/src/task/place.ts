import type { SourceRecord } from '../source.ts'
import type { Timestamp } from '../time.ts'
import type { Undecodable } from './input.ts'

/** What the merge needs to know of an input. */
export interface PlacedInput {
  peek(): SourceRecord<unknown> | Undecodable | undefined
  /** max(last place, watermark + 1): nothing of this input that is still to come stands before it. */
  readonly bound: Timestamp
  readonly isIdle: boolean
  readonly hasEnded: boolean
  /** Nothing but the journaled clock has come from it for so long that it counts as silent when that shows `time`. */
  isSilentAt(time: Timestamp): boolean
}

/**
 * Where `record` stands in the one sequence: max(its timestamp, the last place of its input, that input's watermark + 1).
 * A control record stands as early as it can: it tells of what is past. But the clock of a silent input stands at its
 * time and takes the input's place with it: so the others can go on to there, and no further, and where the input stands
 * when it speaks again is said by its own log.
 */
export const placeOf = (
  record: SourceRecord<unknown> | Undecodable,
  input: Pick<PlacedInput, 'bound' | 'isSilentAt'>,
): Timestamp => {
  const { bound } = input
  if (record.type === 'element') return Math.max(record.timestamp, bound)
  if (record.type === 'idle') return Math.max(record.time, bound)
  if (record.type === 'clock' && input.isSilentAt(record.time)) return Math.max(record.time, bound)
  return bound
}

/**
 * Which input's record comes next: the least by (place, input, offset), once every other input that is neither idle nor
 * at its end is known to have nothing before it. Undefined: read on first. A k-way merge, for each input is monotone in
 * place; so the sequence depends on the logs alone, not on when records arrive. The one exception is the record that
 * ends an input's idleness, since nobody waited for it: a task writes down when it took one, and while it replays with
 * `holdsIdle` only that note lets an idle input go on.
 */
export const nextInSequence = (inputs: readonly PlacedInput[], holdsIdle = false): number | undefined => {
  const [only] = inputs
  if (only !== undefined && inputs.length === 1) {
    return (holdsIdle && only.isIdle) || only.peek() === undefined ? undefined : 0
  }
  let first: number | undefined
  let firstPlace = Infinity
  let waitFor = -1
  let waitPlace = Infinity
  for (let index = 0; index < inputs.length; index += 1) {
    const input = inputs[index]
    if (input === undefined) continue
    if (holdsIdle && input.isIdle) continue
    const record = input.peek()
    if (record !== undefined) {
      const place = placeOf(record, input)
      if (place < firstPlace) {
        first = index
        firstPlace = place
      }
    } else if (!input.isIdle && !input.hasEnded && input.bound < waitPlace) {
      waitFor = index
      waitPlace = input.bound
    }
  }
  const isKnown = firstPlace < waitPlace || (firstPlace === waitPlace && first !== undefined && first < waitFor)
  return isKnown ? first : undefined
}
