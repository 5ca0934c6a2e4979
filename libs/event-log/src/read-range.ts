import type { EventLog, Position, ReaderOptions, RecordBatch } from './event-log.ts'

const pollWaitMs = 1000

/**
 * What a partition holds from a position up to `end`, batch by batch, in a reader of its own; a batch may be empty, and its
 * `nextOffset` says how far one has come. Nothing is opened where the position is at the end already.
 * @throws what a reader throws, {@link OffsetOutOfRangeError} if it was trimmed meanwhile
 */
export async function* readRange(
  log: Pick<EventLog, 'openReader'>,
  from: Position,
  end: number,
  options?: ReaderOptions,
): AsyncGenerator<RecordBatch> {
  if (from.offset >= end) return
  const reader = await log.openReader([from], options)
  try {
    for (let next = from.offset; next < end;) {
      for (const batch of await reader.poll(pollWaitMs)) {
        next = batch.nextOffset
        yield next <= end ? batch : { ...batch, records: batch.records.filter(({ offset }) => offset < end) }
      }
    }
  } finally {
    await reader.close()
  }
}
