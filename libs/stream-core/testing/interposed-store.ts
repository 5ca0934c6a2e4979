import type { StateStore, StoredCell } from '../src/state/state-store.ts'

/** A checkpoint, whole. */
export interface StoreBatch {
  readonly meta: Uint8Array
  readonly cells: readonly (Omit<StoredCell, 'value'> & { readonly value: Uint8Array | null })[]
}

/** A store whose checkpoints go through `write` when they are committed: it may change, fail or repeat them. */
export const interposedStore = (
  store: StateStore,
  write: (batch: StoreBatch, next: (batch: StoreBatch) => Promise<void>) => Promise<void>,
): StateStore => ({
  ...store,
  begin: () => {
    const cells: StoreBatch['cells'][number][] = []
    return {
      put: (table, key, sub, value) => void cells.push({ table, key, sub, value }),
      drain: () => null,
      commit: (meta) =>
        write({ meta, cells }, async (batch) => {
          const begun = store.begin()
          for (const { table, key, sub, value } of batch.cells) begun.put(table, key, sub, value)
          await begun.commit(batch.meta)
        }),
      abandon: () => undefined,
    }
  },
})
