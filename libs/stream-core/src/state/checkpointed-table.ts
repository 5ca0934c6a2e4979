import type { Journaled } from '../task/rewind.ts'
import type { TableLayout } from './state-cells.ts'

/** A cell as a checkpoint writes it; `value` null deletes. */
export interface EncodedCell {
  readonly key: string
  readonly sub: string | null
  readonly value: Uint8Array | null
}

/** What the newest checkpoint holds of one table. */
export interface StoredTable {
  /** `size` of the table then. */
  readonly size: number
  read(key: string, sub: string | null): Uint8Array | undefined
}

/**
 * What a task needs of a table, whatever it holds. The table keeps in memory what is in use; the rest lies in the newest
 * checkpoint and is read from there, one cell at a time, when it is asked for.
 *
 * A checkpoint goes `beginCheckpoint`, `changedCells`, `endCheckpoint`, with the fold going on in between: what a cell was
 * at the beginning is noted by its first change (`note`, or `touch` where nothing can be undone).
 */
export interface CheckpointedTable extends Journaled {
  readonly name: string
  readonly layout: TableLayout
  /** Keys or timers, in memory or not; of panes those of each. */
  readonly size: number
  /** Of what is in memory, by the sizes seen when cells were encoded: an estimate. */
  readonly bytesInMemory: number
  /** Of what the next checkpoint will write, likewise. */
  readonly bytesChanged: number

  /** Call before the first use. `stored` is the same object for as long as the table lives. */
  attach(stored: StoredTable): void
  /** What of it must be read when the store is opened, cell by cell in their order, by `load`. */
  readonly loadedFirst: 'nothing' | 'everything' | { readonly key: string }
  load(cell: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void

  beginCheckpoint(): void
  /** Cells changed since the last checkpoint, as of the beginning of this one. Null is work that gave no cell. */
  changedCells(): Generator<EncodedCell | null>
  /** `size` as of the beginning of the checkpoint; known when all `changedCells` are taken. */
  readonly sizeInCheckpoint: number
  /** Once it is durable the changes are no longer due; otherwise they are still. Yields between slices of the work. */
  endCheckpoint(isDurable: boolean): Iterable<void>

  /**
   * A value as a savepoint has it, the version of its codec before it. Absent: it has none there.
   * @throws {StateCodecMismatchError | StateTtlMismatchError} and what the codec throws
   */
  decodeStored?(versioned: Uint8Array): unknown

  /** From here on what is used is told apart from what is not. */
  startGeneration(): void
  /** Drops from memory what was not used since `startGeneration`. Only once a checkpoint from after it is durable. */
  dropUnused(): void
}
