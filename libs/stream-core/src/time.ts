/** Event time in milliseconds since 1970-01-01T00:00:00Z. */
export type Timestamp = number
/** A span of event time in milliseconds. */
export type DurationMs = number

export const seconds = (n: number): DurationMs => n * 1000
export const minutes = (n: number): DurationMs => n * 60_000
export const hours = (n: number): DurationMs => n * 3_600_000
export const days = (n: number): DurationMs => n * 86_400_000

/** Below every timestamp. Source: Flink's Long.MIN_VALUE watermark. */
export const minTimestamp: Timestamp = Number.MIN_SAFE_INTEGER
/** Above every timestamp: nothing follows. Source: Flink's Watermark.MAX_WATERMARK. */
export const maxTimestamp: Timestamp = Number.MAX_SAFE_INTEGER
