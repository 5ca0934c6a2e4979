import { Schedule, type Followed } from '../schedule.ts'
import { DueLog } from '../state/due-log.ts'
import { byteStringsOf, integerKey, stringKey } from '../state/key-encoding.ts'
import { encodePage, maxEntriesAPage } from '../state/page.ts'
import { PaneTable } from '../state/pane-table.ts'
import type { StateStore, StoreWrite } from '../state/state-store.ts'
import { encodeMeta } from '../task/checkpoint.ts'
import type { StoredTableInfo } from '../task/task-tables.ts'
import type { Task, TaskSnapshot } from '../task/task.ts'
import { versionOf } from './inspect-savepoint.ts'
import type { SavepointCell } from './savepoint-file.ts'

const integers = byteStringsOf(integerKey)
const texts = byteStringsOf(stringKey)
const integerBytes = 8

/** The entries of one key, in order. */
interface Entries {
  readonly table: string
  readonly key: string
  readonly entries: { readonly sub: string; readonly version: number; readonly value: Uint8Array }[]
}

/** Writes the cells of a savepoint as a checkpoint of one task has them: in pages and logs, and with its schedules. */
export class TaskStateWriter {
  readonly #task: Task
  readonly #write: StoreWrite
  readonly #sizes = new Map<string, { readonly layout: StoredTableInfo['layout']; size: number }>()
  readonly #timers = new Map<string, DueLog>()
  readonly #followed = new Map<string, Followed[]>()
  #entries: Entries | null = null

  /** `task` has been restored to where it is to stand, with nothing stored. */
  constructor(task: Task, store: StateStore) {
    this.#task = task
    this.#write = store.begin()
    for (const [name, table] of task.tables) {
      if (!(table instanceof Schedule)) continue
      const operator = name.slice(0, name.length - table.name.length)
      for (const followed of table.followed) {
        const of = `${operator}${followed.table}`
        this.#followed.set(of, [...(this.#followed.get(of) ?? []), followed])
      }
    }
  }

  /** In the order of a savepoint. */
  put({ table, layout, key, sub, value }: SavepointCell): void {
    if (sub === null) {
      this.#count(table, 'values')
      this.#write.put(table, key, null, value)
    } else if (layout === 'timers') {
      this.#count(table, 'timers')
      let log = this.#timers.get(table)
      if (log === undefined) this.#timers.set(table, (log = new DueLog(table, false)))
      const [at, namespace] = [integers.from(sub.slice(0, integerBytes)), texts.from(sub.slice(integerBytes))]
      log.append({ change: 'added', at, namespace, key }, 1)
    } else {
      for (const followed of this.#followed.get(table) ?? []) followed.add(key, sub, value)
      const panes = this.#task.tables.get(table)
      if (panes instanceof PaneTable) {
        panes.add(key, integers.from(sub), value)
        return
      }
      if (this.#entries?.table !== table || this.#entries.key !== key) {
        this.#endEntries()
        this.#entries = { table, key, entries: [] }
        this.#count(table, 'pages')
      }
      this.#entries.entries.push({ sub, version: versionOf({ value }), value: value.subarray(2) })
    }
  }

  async commit(starts: readonly number[], snapshot: TaskSnapshot): Promise<void> {
    this.#endEntries()
    for (const [table, log] of this.#timers) {
      for (const cell of log.changedCells()) if (cell !== null) this.#write.put(table, cell.key, cell.sub, cell.value)
    }
    for (const [name, table] of this.#task.tables) {
      if (!(table instanceof Schedule || table instanceof PaneTable)) continue
      table.beginCheckpoint()
      for (const cell of table.changedCells()) if (cell !== null) this.#write.put(name, cell.key, cell.sub, cell.value)
      table.endCheckpoint(true)
      this.#sizes.set(name, { layout: table.layout, size: table.sizeInCheckpoint })
    }
    await this.#write.commit(encodeMeta(this.#task, { starts, snapshot, tables: this.#sizes }))
  }
  abandon(): void {
    this.#write.abandon()
  }

  #count(table: string, layout: StoredTableInfo['layout']): void {
    const of = this.#sizes.get(table)
    if (of === undefined) this.#sizes.set(table, { layout, size: 1 })
    else of.size += 1
  }

  /** A page holds entries of one version; the first names where the others begin. */
  #endEntries(): void {
    if (this.#entries === null) return
    const { table, key, entries } = this.#entries
    const pages: (typeof entries)[] = []
    for (const entry of entries) {
      const page = pages.at(-1)
      const isFull = page === undefined || page.length === maxEntriesAPage || page[0]?.version !== entry.version
      if (isFull) pages.push([entry])
      else page.push(entry)
    }
    const firsts = pages.slice(1).flatMap(([first]) => first?.sub ?? [])
    for (const [index, page] of pages.entries()) {
      const bytes = encodePage(
        { firsts: index === 0 ? firsts : [], entries: page.map(({ sub, value }) => [sub, value]) },
        page[0]?.version ?? 0,
      )
      this.#write.put(table, key, index === 0 ? null : (page[0]?.sub ?? null), bytes)
    }
    this.#entries = null
  }
}
