import type { Timestamp } from './time.ts'

/**
 * What a log record means to the fold. `element`s carry event time. The others are control, in order with the data:
 * - `watermark`: nothing at or below it follows on this partition.
 * - `sealed`: all since the last epoch is epoch `epoch`, whole; then the watermark advances. Epochs of a source ascend.
 * - `reverted`: everything back to the end of the epoch before `epoch` (the newest unreverted one) is undone.
 * - `finalized`: `epoch` and all before it will never be reverted.
 * - `idle`: others need not wait for this partition until its next record.
 * - `clock`: the journaled clock shows `time`, ms since 1970. Processing time is the highest of them that a task has seen,
 *   and there is no other: so processing-time timers fire at the same place of the sequence in every replay.
 */
export type SourceRecord<T> =
  | { readonly type: 'element'; readonly timestamp: Timestamp; readonly value: T }
  | { readonly type: 'watermark'; readonly watermark: Timestamp }
  | { readonly type: 'sealed'; readonly epoch: number; readonly watermark: Timestamp }
  | { readonly type: 'reverted'; readonly epoch: number }
  | { readonly type: 'finalized'; readonly epoch: number }
  | { readonly type: 'idle'; readonly time: Timestamp }
  | { readonly type: 'clock'; readonly time: Timestamp }

/** Reads a topic's records. `decode` throws on bytes it cannot read: these become dead letters and the fold goes on. */
export interface SourceCodec<T> {
  decode(value: Uint8Array, key: Uint8Array | null): SourceRecord<T> | readonly SourceRecord<T>[]
  /**
   * The same from the value as text: only for speed, and asked instead where the log has it as such. Never of what is no
   * UTF-8 or holds U+FFFD. Keep what you parse from the text rather than parts of it: these hold on to all around them.
   */
  decodeText?(text: string, key: Uint8Array | null): SourceRecord<T> | readonly SourceRecord<T>[]
}
