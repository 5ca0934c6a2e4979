/** Event time in milliseconds since 1970-01-01T00:00:00Z. */
export type Timestamp = number
/** A span of event time in milliseconds. */
export type DurationMs = number

/** In ms. */
export const seconds = (n: number): DurationMs => n * 1000
/** In ms. */
export const minutes = (n: number): DurationMs => n * 60_000
/** In ms. */
export const hours = (n: number): DurationMs => n * 3_600_000
/** In ms. */
export const days = (n: number): DurationMs => n * 86_400_000

/** Below every timestamp. Source: Flink's Long.MIN_VALUE watermark. */
export const minTimestamp: Timestamp = Number.MIN_SAFE_INTEGER
/** Above every timestamp: nothing follows. Source: Flink's Watermark.MAX_WATERMARK. */
export const maxTimestamp: Timestamp = Number.MAX_SAFE_INTEGER
/**
 * The timestamp of an element that has none: what a processing-time timer emits. Joins and windows of event time refuse
 * it. Source: Flink's TimestampAssigner.NO_TIMESTAMP, which is Long.MIN_VALUE.
 */
export const noTimestamp: Timestamp = Number.MIN_SAFE_INTEGER

/** An operator of event time was given an element that has none. */
export class NoTimestampError extends Error {
  readonly code = 'STREAM_NO_TIMESTAMP'
  readonly handling = 'dead-letter'
  readonly remedy =
    'Give every element a timestamp where a source decodes it; what a processing-time timer emits has none.'
}

/** @throws {NoTimestampError} */
export const requireTimestamp = (timestamp: Timestamp): void => {
  if (timestamp === noTimestamp)
    throw new NoTimestampError('An element without a timestamp has no place in event time.')
}

/** Neither an element nor a timer can stand there: a checkpoint could not hold it. */
export class TimestampError extends Error {
  readonly code = 'STREAM_TIMESTAMP'
  readonly handling = 'dead-letter'
  readonly remedy = 'Round it to whole milliseconds where the source decodes it, or before the timer is registered.'
}
