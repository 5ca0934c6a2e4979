import type { InputPosition } from './record-queue.ts'
import type { SentCounts } from './output-buffer.ts'
import type { OutputProof } from './output-chain.ts'
import { StateMismatchError } from './errors.ts'
import type { Resumption } from './task.ts'

/** Raised with what a marker holds; there is no way from one to the next. */
const format = 5

/** What a commit says of itself, in one atomic write with its outputs. */
export interface ProgressMarker {
  readonly format: typeof format
  readonly job: string
  readonly version: string
  /** Source records taken when it was written. */
  readonly steps: number
  readonly inputs: readonly (InputPosition & {
    readonly topic: string
    readonly partition: number
    /** Where the job began to read. */
    readonly start: number
  })[]
  /** By sink, with dead letters beside them. */
  readonly proofs: Readonly<Record<string, OutputProof>>
  /** Of all commits so far. */
  readonly sent: SentCounts
  /** Of each partition that the commit writes to: where its records lie, should a replay have to be compared with them. */
  readonly written: readonly WrittenRange[]
  /** Answers used when it was written. */
  readonly answers: number
  /** Since the last checkpoint. */
  readonly resumptions: readonly Resumption[]
  /** Steps since the last checkpoint that read nothing but went back to what was final, for a savepoint. */
  readonly returns: readonly number[]
}

/** Records of one commit in one partition. */
export interface WrittenRange {
  readonly topic: string
  readonly partition: number
  /** None of them lies below this offset; others may write to the topic too, so it is not known where the first lies. */
  readonly from: number
  readonly count: number
}

export const newMarker = (fields: Omit<ProgressMarker, 'format'>): ProgressMarker => ({ format, ...fields })
export const encodeMarker = (marker: ProgressMarker): Uint8Array => Buffer.from(JSON.stringify(marker))

/** Markers are written by jobs alone. @throws {StateMismatchError} if it is of another format. */
export const decodeMarker = (bytes: Uint8Array): ProgressMarker => {
  const marker = JSON.parse(Buffer.from(bytes).toString('utf8')) as ProgressMarker // written above
  const written: number | undefined = marker.format
  if (written === format) return marker
  throw new StateMismatchError(
    `A progress marker of job "${marker.job}" has format ${written ?? 1}; this version reads format ${format}.`,
  )
}

/** @returns the sinks whose outputs differ, by name */
export const differingSinks = (then: ProgressMarker['proofs'], now: ProgressMarker['proofs']): readonly string[] => {
  const sinks = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort()
  return sinks.filter((sink) => then[sink]?.count !== now[sink]?.count || then[sink]?.hash !== now[sink]?.hash)
}
