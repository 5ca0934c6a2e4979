/** What a source's log says cannot be: the job stops, for going on would fold another history. */
export class EpochError extends Error {
  readonly code = 'STREAM_EPOCH'
  readonly handling = 'stop'
  readonly remedy = 'Check what writes the topic: its sealed, reverted and finalized records contradict each other.'
}

/** A log holds control records of epochs where the topology expects none, or in a topic that cannot have them. */
export class SourceError extends Error {
  readonly code = 'STREAM_SOURCE'
  readonly handling = 'stop'
  readonly remedy = 'Declare the source with `epochs: true` and read it from a topic of one partition.'
}

/** Where a replay's outputs part from those committed before. */
export interface OutputDifference {
  readonly topic: string
  readonly partition: number
  /** Counts what the task wrote to the partition, from 1. */
  readonly number: number
  /** Null: there was none, or others write to the topic and it cannot be told which it was. */
  readonly committed: { readonly key: Uint8Array | null; readonly value: Uint8Array } | null
  /** Null: it did not come again. */
  readonly replayed: { readonly key: Uint8Array | null; readonly value: Uint8Array } | null
}

/** A replay gave other outputs than the run before it: something in the job is not a pure fold. */
export class DeterminismError extends Error {
  readonly code = 'STREAM_DETERMINISM'
  readonly handling = 'stop'
  readonly remedy =
    'Find the clock, randomness or unordered iteration in what feeds the named sink, or raise the topology’s version.'
  /** Null: what was committed then is no longer all there, or cannot be told from what others wrote. */
  readonly difference: OutputDifference | null

  /** `detail`: what of it can be shown; default: the difference. */
  constructor(
    message: string,
    difference: OutputDifference | null,
    detail = difference === null ? noDifference : describeDifference(difference),
  ) {
    super(detail === '' ? message : `${message} ${detail}`)
    this.difference = difference
  }
}

const noDifference =
  'Which output it is cannot be told: the records committed then are no longer all there, or mixed with those of others.'

const describeDifference = ({ topic, partition, number, committed, replayed }: OutputDifference): string => {
  // Of long values the stretch around the first byte that differs.
  const [thenText, nowText] = [committed, replayed].map((record) => (record === null ? null : textOf(record.value)))
  const from = Math.max(0, firstDifference(thenText ?? '', nowText ?? '') - shownBefore)
  const describe = (record: OutputDifference['committed'], text: string | null | undefined): string => {
    if (record === null || typeof text !== 'string') return 'none'
    const shown = text.slice(from, from + shownLength)
    const value = `${from > 0 ? '…' : ''}${shown}${from + shownLength < text.length ? '…' : ''}`
    return `key ${record.key === null ? 'none' : shortened(textOf(record.key))}, value ${value}`
  }
  const [before, after] = [describe(committed, thenText), describe(replayed, nowText)]
  return `First at output ${number} of ${topic}/${partition}: then ${before}; now ${after}.`
}

const shownBefore = 40
const shownLength = 120

const shortened = (text: string): string => (text.length > shownLength ? `${text.slice(0, shownLength)}…` : text)

const firstDifference = (a: string, b: string): number => {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1
  return at
}

/** Bytes that are printable text as they are, others in hex. */
const textOf = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes).toString('utf8')
  return /^[\P{C}]*$/u.test(text) ? text : `0x${Buffer.from(bytes).toString('hex')}`
}

/** The log no longer holds what the job needs to go on from where it stood. */
export class StateLostError extends Error {
  readonly code = 'STREAM_STATE_LOST'
  readonly handling = 'stop'
  readonly remedy =
    'Restore the state folder or the topics, or give the job a new progress topic and output topic to start anew.'
}

/** The state folder was written by another job, or by this one with other inputs. */
export class StateMismatchError extends Error {
  readonly code = 'STREAM_STATE_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Give the job its own state folder, or an empty one to replay from the beginning.'
}
