import type { Timestamp } from '../time.ts'

/**
 * What one operator of a task did since the task was opened, and what it holds. What was replayed or reverted counts
 * again: these are for watching, never for results. Source: Flink's operator metrics (numRecordsIn, numRecordsOut,
 * numLateRecordsDropped, currentInputWatermark).
 */
export interface OperatorProgress {
  /** The node's number in the job graph. */
  readonly id: number
  readonly name: string
  readonly operator: string
  /** Elements that reached it, over its inputs; of a source those that it read. */
  readonly recordsIn: number
  /** Elements that it gave to others, to side outputs too; of a sink the records for its topic. */
  readonly recordsOut: number
  /** Elements that belonged to no open window, or came behind what a join still waits for. */
  readonly lateRecords: number
  /** Keys with state, over its states and the panes of its windows; and the entries that lie in memory, in bytes, about. */
  readonly keys: number
  readonly bytesInMemory: number
  readonly timers: number
  /** Event time; null before the first. */
  readonly watermark: Timestamp | null
}

/** Of the tasks of a job: what the shards of an operator did together, and the watermark of the one that is last. */
export const mergedOperators = (all: readonly OperatorProgress[]): readonly OperatorProgress[] => {
  const merged = new Map<number, OperatorProgress>()
  for (const of of all) {
    const before = merged.get(of.id)
    if (before === undefined) merged.set(of.id, of)
    else {
      merged.set(of.id, {
        ...of,
        recordsIn: before.recordsIn + of.recordsIn,
        recordsOut: before.recordsOut + of.recordsOut,
        lateRecords: before.lateRecords + of.lateRecords,
        keys: before.keys + of.keys,
        bytesInMemory: before.bytesInMemory + of.bytesInMemory,
        timers: before.timers + of.timers,
        watermark: before.watermark === null || of.watermark === null ? null : Math.min(before.watermark, of.watermark),
      })
    }
  }
  return [...merged.values()].sort((a, b) => a.id - b.id)
}
