/** A cell of a checkpoint: `table` is an operator's uid and its state's name, joined by `/`. */
export interface StoredCell {
  readonly table: string
  readonly key: string
  readonly sub: string | null
  readonly value: Uint8Array
}

/** What a checkpoint changes; all of it or nothing. */
export interface StoreBatch {
  readonly meta: Uint8Array
  readonly cells: readonly (Omit<StoredCell, 'value'> & { readonly value: Uint8Array | null })[]
}

/** Where checkpoints live. Only ever holds the newest one, whole: a killed process leaves the one before or the new. */
export interface StateStore {
  /** Of the newest checkpoint; undefined when there is none. */
  readMeta(): Promise<Uint8Array | undefined>
  cells(): AsyncIterable<StoredCell>
  /** One atomic write. */
  write(batch: StoreBatch): Promise<void>
  close(): Promise<void>
}
