import { keyOf } from '../state/cell-ref.ts'
import type { StateStore } from '../state/state-store.ts'
import type { Change, Journaled } from './rewind.ts'

export type SpillStore = Pick<StateStore, 'writeSpill' | 'readSpill'>

/** About so many bytes a page, so that one is read in a slice of a rewind. */
const pageBytes = 1 << 15

/** Changes as pages of the store, for undo that memory has no room for. Of use to this process alone. */
export class UndoSpill {
  /** A page names a table by its place here. */
  readonly #tables: Journaled[] = []
  readonly #placeOf = new Map<Journaled, number>()
  #read: SpillStore['readSpill'] = () => undefined
  #pages = 0
  #stale: string[] = []

  attach(readSpill: SpillStore['readSpill']): void {
    this.#read = readSpill
  }
  get hasStale(): boolean {
    return this.#stale.length > 0
  }

  /** @returns the names of the pages, in the order of the changes */
  async write(changes: readonly Change[], store: SpillStore): Promise<readonly string[]> {
    const pages = new Map<string, Uint8Array>()
    let parts: Uint8Array[] = []
    let length = 0
    const end = () => {
      if (parts.length > 0) pages.set(`undo-${this.#pages++}`, Buffer.concat(parts))
      parts = []
      length = 0
    }
    for (const change of changes) {
      const part = this.#encode(change)
      parts.push(part)
      length += part.length
      if (length >= pageBytes) end()
    }
    end()
    if (pages.size > 0) await store.writeSpill(pages)
    return [...pages.keys()]
  }
  read(name: string): Change[] {
    const page = this.#read(name)
    if (page === undefined) throw new Error(`The page ${name} of the undo log is missing from the store.`)
    return this.#decode(page)
  }
  /** Reads a page that is not needed again. */
  take(name: string): Change[] {
    this.#stale.push(name)
    return this.read(name)
  }
  async dropStale(store: SpillStore): Promise<void> {
    const stale = this.#stale
    this.#stale = []
    await store.writeSpill(new Map(stale.map((name) => [name, null])))
  }

  #encode({ table, cell, sub, previous }: Change): Uint8Array {
    let place = this.#placeOf.get(table)
    if (place === undefined) this.#placeOf.set(table, (place = this.#tables.push(table) - 1))
    const value = table.encodePrevious(previous)
    const names = Buffer.from(JSON.stringify([place, keyOf(cell), sub, value !== null]))
    const head = Buffer.alloc(8)
    head.writeUInt32BE(names.length, 0)
    head.writeUInt32BE(value?.length ?? 0, 4)
    return Buffer.concat([head, names, value ?? new Uint8Array()])
  }
  #decode(page: Uint8Array): Change[] {
    const bytes = Buffer.from(page.buffer, page.byteOffset, page.byteLength)
    const changes: Change[] = []
    for (let at = 0; at < bytes.length;) {
      const valueAt = at + 8 + bytes.readUInt32BE(at)
      const end = valueAt + bytes.readUInt32BE(at + 4)
      const names = bytes.toString('utf8', at + 8, valueAt)
      const [place, key, sub, hasValue] = JSON.parse(names) as [number, string, string | number | null, boolean] // as above
      const table = this.#tables[place]
      if (table === undefined) throw new Error(`The undo log knows no table ${place}.`)
      changes.push({
        table,
        cell: key,
        sub,
        previous: table.decodePrevious(hasValue ? bytes.subarray(valueAt, end) : null),
      })
      at = end
    }
    return changes
  }
}
