/** A cell of a checkpoint: `table` is an operator's uid and its state's name, joined by `/`. */
export interface StoredCell {
  readonly table: string
  readonly key: string
  readonly sub: string | null
  readonly value: Uint8Array
}

/** Waits after so many ms of work, so that others have the event loop; for how long is decided by who is written for. */
export type Rest = (workedMs: number) => Promise<void>

/** A checkpoint being put together: nothing of it shows in the store before `commit`, and then all of it does. */
export interface StoreWrite {
  /** Sets a cell; null deletes it. Takes some microseconds and waits for no I/O. */
  put(table: string, key: string, sub: string | null, value: Uint8Array | null): void
  /** Where much of what was put is still on its way to the disk: until it is there; never rejects. Null: go on. */
  drain(): Promise<void> | null
  /**
   * One atomic, durable write; where it takes work of this thread, with a `rest` after each piece. If it fails, its cells
   * may be written again by a later one without harm.
   */
  commit(meta: Uint8Array, rest?: Rest): Promise<void>
  /** It will not be committed. */
  abandon(): void
}

/**
 * Where checkpoints live. Only ever holds the newest one, whole: a killed process leaves the one before or the new.
 * Beside it lies what a task has no room for in memory, which is of no use to the next process.
 */
export interface StateStore {
  /** Of the newest checkpoint; undefined when there is none. */
  readMeta(): Promise<Uint8Array | undefined>
  /** One cell of the newest checkpoint, at once: a fold cannot wait. */
  read(table: string, key: string, sub: string | null): Uint8Array | undefined
  /** All cells, or those of a table or a key of it, by (table, key, sub), each in the order of bytes, sub null first. */
  cells(table?: string, key?: string): AsyncIterable<StoredCell>
  begin(): StoreWrite
  /** Pages by name, apart from the checkpoint; null deletes. Gone when the store is opened again. */
  writeSpill(pages: ReadonlyMap<string, Uint8Array | null>): Promise<void>
  readSpill(name: string): Uint8Array | undefined
  close(): Promise<void>
}
