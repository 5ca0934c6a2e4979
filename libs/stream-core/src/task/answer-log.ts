import {
  OffsetOutOfRangeError,
  UnknownTopicError,
  type EventLog,
  type NewRecord,
  type TopicPartition,
} from '@tocsin/event-log'
import type { EnrichmentFailure } from '../enrichment.ts'
import type { AnswerUse } from './answers.ts'
import { StateLostError, StateMismatchError } from './errors.ts'
import type { ProgressPosition } from './progress-log.ts'

/** Raised with what a record holds; there is no way from one to the next. */
const format = 1
const pollWaitMs = 100

/** Where a task writes down the answers it has used: beside its markers. */
export const answersTopic = (progressTopic: string): string => `${progressTopic}.answers`
export const answersPosition = ({ topic, partition }: ProgressPosition): TopicPartition => ({
  topic: answersTopic(topic),
  partition,
})

interface StoredUse {
  readonly format: number
  readonly index: number
  readonly operator: string
  /** Bytes in base64, here and below. */
  readonly request: string
  readonly outcome: { readonly type: 'answer'; readonly value: string } | EnrichmentFailure
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export const answerRecord = (at: TopicPartition, { index, operator, request, outcome }: AnswerUse): NewRecord => {
  const stored: StoredUse = {
    format,
    index,
    operator,
    request: base64(request),
    outcome: outcome.type === 'answer' ? { type: 'answer', value: base64(outcome.value) } : outcome,
  }
  return { ...at, key: Buffer.from(operator), value: Buffer.from(JSON.stringify(stored)) }
}

export const decodeUse = (bytes: Uint8Array): AnswerUse => {
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredUse // written above
  if (stored.format !== format) {
    throw new StateMismatchError(`A journaled answer has format ${stored.format}; this version reads format ${format}.`)
  }
  const { index, operator, request, outcome } = stored
  return {
    index,
    operator,
    request: Buffer.from(request, 'base64'),
    outcome: outcome.type === 'answer' ? { type: 'answer', value: Buffer.from(outcome.value, 'base64') } : outcome,
  }
}

/** An answer in the log. */
export interface JournaledUse extends AnswerUse {
  readonly offset: number
}

/**
 * The answers that were used and committed from number `from` up to `to`, oldest first.
 * @throws {StateLostError} if the log does not hold all of them.
 */
export const readAnswers = async (
  log: EventLog,
  at: TopicPartition,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly JournaledUse[]> => {
  const uses: JournaledUse[] = []
  if (to > from) await readInto(uses, log, at, from)
  const last = uses.at(-1)
  // Of a commit that no marker tells of there is nothing: answers and marker are one write.
  if (last !== undefined && last.index >= to) throw new Error(`assertion: answer ${last.index} has no marker`)
  if (uses.length === to - from && uses.every(({ index }, order) => index === from + order)) return uses
  throw new StateLostError(
    `The job needs the answers ${from} to ${to - 1} of ${at.topic}/${at.partition} to go on from its state, but the log ` +
      `holds ${uses.length === 0 ? 'none of them' : `${uses.length}, from ${uses[0]?.index}`}.`,
  )
}

const readInto = async (uses: JournaledUse[], log: EventLog, at: TopicPartition, from: number): Promise<void> => {
  try {
    const { beginning, end } = await log.offsets(at)
    const reader = await log.openReader([{ ...at, offset: beginning }])
    try {
      for (let next = beginning; next < end;) {
        for (const { records, nextOffset } of await reader.poll(pollWaitMs)) {
          for (const { offset, value } of records) {
            const use = decodeUse(value)
            if (use.index >= from) uses.push({ ...use, offset })
          }
          next = nextOffset
        }
      }
    } finally {
      await reader.close()
    }
  } catch (error) {
    if (error instanceof OffsetOutOfRangeError) {
      // A fenced owner commits no more, but may still trim below its last checkpoint: then the rest is read anew.
      uses.length = 0
      await readInto(uses, log, at, from)
    } else if (!(error instanceof UnknownTopicError)) throw error
  }
}
