import { dueEntries } from './due-log.ts'
import { byteStringsOf, integerKey, utf8ByteString } from './key-encoding.ts'
import { decodePage } from './page.ts'
import { paneEntries } from './pane-table.ts'
import { standingEntries } from './slot-log.ts'
import type { StateStore, StoredCell } from './state-store.ts'

/**
 * How a table lies in the store: a cell a value, pages of entries of a key, logs of the entries of a pane, or logs of what
 * is due. A schedule follows from other state and names keys too many, as many as its history made of it.
 */
export type TableLayout = 'values' | 'pages' | 'panes' | 'timers' | 'schedule'

const integers = byteStringsOf(integerKey)
const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1)

/**
 * The state of a checkpoint as values, entries and timers, however it lies in the store, in the order of table, key and
 * sub: equal states give equal cells. `value` begins with the version of its codec, in two bytes; of a timer, whose sub
 * is its time and namespace, it is empty. Schedules are left out: they follow from the rest.
 */
export async function* stateCells(
  store: StateStore,
  layouts: ReadonlyMap<string, TableLayout>,
): AsyncGenerator<StoredCell> {
  const tables = [...layouts].sort(([a], [b]) => compare(utf8ByteString(a), utf8ByteString(b)))
  for (const [table, layout] of tables) {
    if (layout === 'values') yield* store.cells(table)
    else if (layout === 'pages') yield* entriesOf(store, table)
    else if (layout === 'panes') yield* panesOf(store, table)
    else if (layout === 'timers') yield* timersOf(store, table)
  }
}

async function* entriesOf(store: StateStore, table: string): AsyncGenerator<StoredCell> {
  // The pages of a key come in the order of their first entries: that is their order.
  for await (const { key, value: page } of store.cells(table)) {
    const { version, entries } = decodePage(page)
    for (const [sub, value] of entries) {
      yield { table, key, sub, value: Buffer.concat([Uint8Array.of(version >> 8, version & 0xff), value]) }
    }
  }
}

// They lie by time, as timers do: to come by key they must all be in memory at once.
async function* panesOf(store: StateStore, table: string): AsyncGenerator<StoredCell> {
  const cells: StoredCell[] = []
  for await (const { slot, entry } of standingEntries(store, table, paneEntries)) {
    if (entry.value !== null) cells.push({ table, key: entry.key, sub: integers.of(slot), value: entry.value })
  }
  yield* inOrder(cells)
}

async function* timersOf(store: StateStore, table: string): AsyncGenerator<StoredCell> {
  const cells: StoredCell[] = []
  for await (const { entry } of standingEntries(store, table, dueEntries)) {
    const { at, namespace, key } = entry
    cells.push({ table, key, sub: integers.of(at) + utf8ByteString(namespace), value: new Uint8Array() })
  }
  yield* inOrder(cells)
}

const inOrder = (cells: StoredCell[]): StoredCell[] =>
  cells.sort((a, b) => compare(a.key, b.key) || compare(a.sub ?? '', b.sub ?? ''))
