import type { CheckpointedTable } from '../state/checkpointed-table.ts'
import type { TableLayout } from '../state/state-cells.ts'
import { Schedule } from '../schedule.ts'
import { Timers } from '../timers.ts'

/** How a table lies in a checkpoint, and how many keys it has there. */
export interface StoredTableInfo {
  readonly layout: TableLayout
  readonly size: number
}

/** The newest checkpoint's cells, read one by one, and what tables it has. */
export interface StoredState {
  readonly tables: Readonly<Record<string, StoredTableInfo>>
  read(table: string, key: string, sub: string | null): Uint8Array | undefined
  /** Undo that was moved to the store. */
  readSpill(name: string): Uint8Array | undefined
}

/** What the tables of one operator hold. */
export interface TableSizes {
  readonly keys: number
  readonly bytesInMemory: number
  readonly timers: number
}

/** The state of a task: tables by operator and name, `uid` and the table's own name joined by `/`. */
export class TaskTables {
  readonly #tables = new Map<string, CheckpointedTable>()
  #stored: StoredState | null = null
  #inCheckpoint: readonly CheckpointedTable[] = []

  get byName(): ReadonlyMap<string, CheckpointedTable> {
    return this.#tables
  }
  /** Of the checkpoint that the task began with. */
  get restored(): Readonly<Record<string, StoredTableInfo>> {
    return this.#stored?.tables ?? {}
  }
  get keys(): number {
    let keys = 0
    for (const table of this.#tables.values()) {
      if (!(table instanceof Timers || table instanceof Schedule)) keys += table.size
    }
    return keys
  }
  get timers(): number {
    let timers = 0
    for (const table of this.#tables.values()) if (table instanceof Timers) timers += table.count
    return timers
  }
  /** By operator; of one without state nothing. */
  sizes(): ReadonlyMap<string, TableSizes> {
    const sizes = new Map<string, { keys: number; bytesInMemory: number; timers: number }>()
    for (const [name, table] of this.#tables) {
      const operator = name.slice(0, -table.name.length - 1)
      const size = sizes.get(operator) ?? { keys: 0, bytesInMemory: 0, timers: 0 }
      sizes.set(operator, size)
      size.bytesInMemory += table.bytesInMemory
      if (table instanceof Timers) size.timers += table.count
      else if (!(table instanceof Schedule)) size.keys += table.size
    }
    return sizes
  }

  register(name: string, table: CheckpointedTable): void {
    this.#tables.set(name, table)
    this.#attach(name, table)
  }
  /** What is not in memory is read from there. */
  attach(stored: StoredState): void {
    this.#stored = stored
    for (const [name, table] of this.#tables) this.#attach(name, table)
  }
  #attach(name: string, table: CheckpointedTable): void {
    const stored = this.#stored
    if (stored === null) return
    table.attach({ size: stored.tables[name]?.size ?? 0, read: (key, sub) => stored.read(name, key, sub) })
  }

  /** Those that there are now; one that an operator asks for later is in the next checkpoint. */
  beginCheckpoint(): readonly (readonly [string, CheckpointedTable])[] {
    const tables = [...this.#tables]
    this.#inCheckpoint = tables.map(([, table]) => table)
    for (const table of this.#inCheckpoint) table.beginCheckpoint()
    return tables
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    for (const table of this.#inCheckpoint) yield* table.endCheckpoint(isDurable)
    this.#inCheckpoint = []
  }
}
