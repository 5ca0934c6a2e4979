import type { Cell, CurrentKey, Elements, Entries } from './current-key.ts'
import type { ByteString } from './key-encoding.ts'
import { ListView } from './list-view.ts'
import type { NestedTable } from './nested-table.ts'
import type { ValueTable } from './value-table.ts'

/** State that stays until it is cleared. */
export const plainCell = <T>(current: CurrentKey, table: ValueTable<T>): Cell<T> => ({
  get: () => table.get(current.key),
  set: (value) => table.set(current.key, value),
})

export const plainElements = <T>(current: CurrentKey, table: ValueTable<ListView<T>>): Elements<T> => ({
  get size() {
    return table.get(current.key)?.size ?? 0
  },
  get: () => table.get(current.key)?.toArray() ?? [],
  append: (value, maxEntries) => {
    const list = table.get(current.key)?.append(value) ?? ListView.of([value])
    table.set(current.key, list.dropFirst(Math.max(0, list.size - maxEntries)))
  },
  replace: (values) => {
    table.set(current.key, values.length === 0 ? undefined : ListView.of(values))
  },
})

export const plainEntries = <V>(current: CurrentKey, table: NestedTable<ByteString, V>): Entries<V> => ({
  get size() {
    return table.of(current.key)?.size ?? 0
  },
  get: (sub) => table.get(current.key, sub),
  set: (sub, value) => table.set(current.key, sub, value),
  subs: () => table.of(current.key)?.keys() ?? [],
})
