import type { StateStore, StoreBatch, StoredCell } from './state-store.ts'

/** Checkpoints in memory, for tests; what is opened again on the same `contents` finds them. */
export const openMemoryStore = (contents: MemoryStoreContents = newMemoryStoreContents()): StateStore => ({
  readMeta: async () => contents.meta,
  async *cells() {
    for (const cell of contents.cells.values()) yield cell
  },
  write: async ({ meta, cells }: StoreBatch) => {
    for (const { table, key, sub, value } of cells) {
      const name = JSON.stringify([table, key, sub])
      if (value === null) contents.cells.delete(name)
      else contents.cells.set(name, { table, key, sub, value })
    }
    contents.meta = meta
  },
  close: async () => undefined,
})

export interface MemoryStoreContents {
  meta: Uint8Array | undefined
  readonly cells: Map<string, StoredCell>
}
export const newMemoryStoreContents = (): MemoryStoreContents => ({ meta: undefined, cells: new Map() })
