import { utf8ByteString } from './key-encoding.ts'
import type { StateStore, StoreWrite, StoredCell } from './state-store.ts'

const nameOf = (table: string, key: string, sub: string | null) => JSON.stringify([table, key, sub])

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)
const byPosition = (a: StoredCell, b: StoredCell): number =>
  compare(utf8ByteString(a.table), utf8ByteString(b.table)) ||
  compare(a.key, b.key) ||
  (a.sub === null || b.sub === null ? Number(a.sub !== null) - Number(b.sub !== null) : compare(a.sub, b.sub))

/** Checkpoints in memory, for tests; what is opened again on the same `contents` finds them. */
export const openMemoryStore = (contents: MemoryStoreContents = newMemoryStoreContents()): StateStore => {
  const spill = new Map<string, Uint8Array>()
  return {
    readMeta: async () => contents.meta,
    read: (table, key, sub) => contents.cells.get(nameOf(table, key, sub))?.value,
    async *cells(table, key) {
      const isAsked = (cell: StoredCell) =>
        (table === undefined || cell.table === table) && (key === undefined || cell.key === key)
      yield* [...contents.cells.values()].filter(isAsked).sort(byPosition)
    },
    begin: (): StoreWrite => {
      const cells = new Map<string, Omit<StoredCell, 'value'> & { readonly value: Uint8Array | null }>()
      return {
        put: (table, key, sub, value) => cells.set(nameOf(table, key, sub), { table, key, sub, value }),
        drain: () => null,
        commit: async (meta) => {
          for (const [name, { value, ...at }] of cells) {
            if (value === null) contents.cells.delete(name)
            else contents.cells.set(name, { ...at, value })
          }
          contents.meta = meta
        },
        abandon: () => cells.clear(),
      }
    },
    writeSpill: async (pages) => {
      for (const [name, page] of pages) {
        if (page === null) spill.delete(name)
        else spill.set(name, page)
      }
    },
    readSpill: (name) => spill.get(name),
    close: async () => undefined,
  }
}

export interface MemoryStoreContents {
  meta: Uint8Array | undefined
  readonly cells: Map<string, StoredCell>
}
export const newMemoryStoreContents = (): MemoryStoreContents => ({ meta: undefined, cells: new Map() })
