import type { InputPosition } from './input.ts'
import type { OutputProof } from './output-buffer.ts'
import { DeterminismError } from './errors.ts'
import type { Resumption } from './task.ts'

/** What a commit says of itself, in one atomic write with its outputs. */
export interface ProgressMarker {
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
  /** Since the last checkpoint. */
  readonly resumptions: readonly Resumption[]
}

export const encodeMarker = (marker: ProgressMarker): Uint8Array => Buffer.from(JSON.stringify(marker))
/** Markers are written by jobs alone. */
export const decodeMarker = (bytes: Uint8Array): ProgressMarker =>
  JSON.parse(Buffer.from(bytes).toString('utf8')) as ProgressMarker

/** @returns the sinks whose outputs differ, by name */
export const differingSinks = (then: ProgressMarker['proofs'], now: ProgressMarker['proofs']): readonly string[] => {
  const sinks = [...new Set([...Object.keys(then), ...Object.keys(now)])].sort()
  return sinks.filter((sink) => then[sink]?.count !== now[sink]?.count || then[sink]?.hash !== now[sink]?.hash)
}

/** What the operator must know to look for the cause. */
export const determinismError = (
  marker: ProgressMarker,
  replay: { readonly proofs: ProgressMarker['proofs']; readonly stepsBefore: number },
): DeterminismError => {
  const differing = differingSinks(marker.proofs, replay.proofs).map((sink) => {
    const [then, now] = [marker.proofs[sink], replay.proofs[sink]]
    return `"${sink}" (${then?.count ?? 0} outputs then, ${now?.count ?? 0} now)`
  })
  return new DeterminismError(
    `The replay of steps ${replay.stepsBefore + 1} to ${marker.steps} of job "${marker.job}" differs from the run ` +
      `before it at ${differing.join(', ')}.`,
  )
}
