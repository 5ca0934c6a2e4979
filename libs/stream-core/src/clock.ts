import type { SourceCodec } from './source.ts'
import type { SourceOptions } from './stream.ts'
import type { Timestamp } from './time.ts'

/** A record of a clock topic does not say a time. */
export class ClockRecordError extends Error {
  readonly code = 'STREAM_CLOCK_RECORD'
  readonly handling = 'dead-letter'
  readonly remedy = 'Let only journalClock write to the topic of a clock.'
}

/** `{"clock":1700000000000}`: what the clock shows, ms since 1970. */
export const encodeClock = (time: Timestamp): Uint8Array => Buffer.from(JSON.stringify({ clock: time }))

/** Reads what `encodeClock` wrote. @throws {ClockRecordError} */
export const clockCodec: SourceCodec<never> = {
  decode(value) {
    const time = timeIn(Buffer.from(value).toString('utf8'))
    if (time === undefined) {
      throw new ClockRecordError(`A clock record of ${value.length} bytes is not {"clock": <ms since 1970>}.`)
    }
    return { type: 'clock', time }
  },
}

/**
 * The source of a topic of clock records, written by `journalClock`. It moves processing time for the whole job; its
 * stream stays empty. An element with a timestamp above the last record waits for the next one, so that all agree on
 * which came first: the interval of the clock is a latency.
 *
 * ```ts
 * builder.source('clock', clockSource('clock'))
 * ```
 */
export const clockSource = (topic: string): SourceOptions<never> => ({
  topic,
  codec: clockCodec,
  watermarks: { type: 'clock' },
})

const timeIn = (text: string): Timestamp | undefined => {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || !('clock' in parsed)) return undefined
    return Number.isSafeInteger(parsed.clock) ? (parsed.clock as number) : undefined // checked just before
  } catch {
    return undefined
  }
}
