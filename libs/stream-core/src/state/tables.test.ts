import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UndoLog } from '../task/rewind.ts'
import { Timers } from '../timers.ts'
import type { CheckpointedTable } from './checkpointed-table.ts'
import { newMemoryStoreContents, openMemoryStore } from './memory-store.ts'
import { integerSubKeys, NestedTable } from './nested-table.ts'
import { PaneTable } from './pane-table.ts'
import { Rows } from './rows.ts'
import { stateCells } from './state-cells.ts'
import type { StoreWrite } from './state-store.ts'
import { numberCodec } from './value-codecs.ts'
import { ValueTable } from './value-table.ts'

/** Tables over a store, and what they should hold: as it is now, and as it was when each checkpoint began. */
class Bench {
  readonly contents = newMemoryStoreContents()
  readonly store = openMemoryStore(this.contents)
  now = new Map<string, number>()
  durable = new Map<string, number>()
  sizes = new Map<string, number>()
  undo = new UndoLog(false)
  tables = this.#open()
  #begun: { write: StoreWrite; held: Map<string, number>; cells: Generator } | null = null
  /** Nothing written since: what was not used since then may be dropped. */
  #generation: 'none' | 'begun' | 'durable' = 'none'

  #open() {
    const undo = (this.undo = new UndoLog(false))
    const rows = new Rows()
    const values = new ValueTable('values', numberCodec, undo, { rows })
    const twins = new ValueTable('twins', numberCodec, undo, { rows })
    const nested = new NestedTable('nested', integerSubKeys, numberCodec, undo)
    const timers = new Timers(undo)
    const panes = new PaneTable('panes', numberCodec, undo)
    for (const table of [values, twins, nested, timers, panes]) {
      const read = (key: string, sub: string | null) => this.store.read(table.name, key, sub)
      table.attach({ size: this.sizes.get(table.name) ?? 0, read })
    }
    for (const { table, key, sub, value } of this.contents.cells.values()) {
      if (table === timers.name && key === '') timers.load({ key, sub, value })
      if (table === panes.name && key === '') panes.load({ key, sub, value })
    }
    return { values, twins, nested, timers, panes }
  }
  get #all(): readonly CheckpointedTable[] {
    return Object.values(this.tables)
  }

  setValue(table: 'values' | 'twins', key: string, value: number | undefined): void {
    this.tables[table].set(key, value)
    this.#expect(`${table} ${key}`, value)
  }
  setEntry(key: string, sub: number, value: number | undefined): void {
    this.tables.nested.set(key, sub, value)
    this.#expect(`nested ${key} ${sub}`, value)
  }
  setTimer(key: string, at: number, isSet: boolean): void {
    if (isSet) this.tables.timers.register(key, at)
    else this.tables.timers.delete(key, at)
    this.#expect(`timer ${key} ${at}`, isSet ? 1 : undefined)
  }
  /** Panes go in their order, and do not come back. */
  setInPane(ahead: number, key: string, value: number | undefined): void {
    const start = (this.now.get('gone') ?? 0) + ahead
    this.tables.panes.set(start, key, value)
    this.#expect(`panes ${key} ${start}`, value)
  }
  dropPane(): void {
    const start = this.now.get('gone') ?? 0
    for (const _ of this.tables.panes.drop(start));
    for (const key of [...this.now.keys()]) if (/^panes \S+ (\d+)$/.exec(key)?.[1] === `${start}`) this.now.delete(key)
    this.#expect('gone', start + 1)
  }
  #expect(name: string, value: number | undefined): void {
    if (value === undefined) this.now.delete(name)
    else this.now.set(name, value)
    this.undo.settle()
  }

  begin(): void {
    if (this.#begun !== null) return
    const write = this.store.begin()
    for (const table of this.#all) table.beginCheckpoint()
    const all = this.#all
    function* cells() {
      for (const table of all) {
        for (const cell of table.changedCells()) {
          if (cell !== null) write.put(table.name, cell.key, cell.sub, cell.value)
          yield
        }
      }
    }
    this.#begun = { write, held: new Map(this.now), cells: cells() }
  }
  encode(count: number): void {
    for (let left = count; left > 0; left -= 1) this.#begun?.cells.next()
  }
  async end(isWritten: boolean): Promise<void> {
    if (this.#begun === null) return
    const { write, held, cells } = this.#begun
    while (cells.next().done !== true);
    if (isWritten) {
      await write.commit(new Uint8Array())
      this.durable = held
      for (const { name, sizeInCheckpoint } of this.#all) this.sizes.set(name, sizeInCheckpoint)
    }
    for (const table of this.#all) for (const _ of table.endCheckpoint(isWritten));
    this.#begun = null
    if (isWritten && this.#generation === 'begun') this.#generation = 'durable'
  }
  /** Evicts all that was not used since the last call, as far as that is allowed. */
  evict(): void {
    if (this.#begun !== null || this.#generation === 'begun') return
    for (const table of this.#all) {
      if (this.#generation === 'durable') table.dropUnused()
      table.startGeneration()
    }
    this.#generation = 'begun'
  }
  restart(): void {
    this.#begun = null
    this.#generation = 'none'
    this.now = new Map(this.durable)
    this.tables = this.#open()
  }

  /** What the tables say of the keys asked about, which brings them into memory, and what they should. */
  look(keys: readonly string[]): { readonly found: object; readonly expected: object } {
    const { values, twins, nested, timers, panes } = this.tables
    const found = new Map<string, number>()
    for (const key of keys) {
      for (const table of [values, twins]) {
        const value = table.get(key)
        if (value !== undefined) found.set(`${table.name} ${key}`, value)
      }
      for (const sub of nested.of(key)?.keys() ?? []) found.set(`nested ${key} ${sub}`, nested.get(key, sub) ?? NaN)
    }
    // To ask for timers and panes is to ask for those of all keys.
    const isAll = keys.length === allKeys.length
    for (const { key, at } of isAll ? timers.all() : []) found.set(`timer ${key} ${at}`, 1)
    for (const [key, start, value] of isAll ? panes.all() : []) found.set(`panes ${key} ${start}`, value)
    const isAsked = (name: string) =>
      keys.includes(name.split(' ')[1]?.[0] ?? '') && (isAll || !/^timer|^panes/.test(name))
    const named = (kind: string) => [...this.now.keys()].filter((name) => name.startsWith(kind))
    return {
      found: { cells: sorted(found), sizes: [values.size, twins.size, nested.size, timers.size, panes.size] },
      expected: {
        cells: sorted([...this.now].filter(([name]) => isAsked(name))),
        sizes: [
          named('values').length,
          named('twins').length,
          new Set(named('nested').map((name) => name.split(' ')[1])).size,
          named('timer').length,
          named('panes').length,
        ],
      },
    }
  }
  /** What the store holds, and whether in order; and what the tables held when the newest checkpoint began. */
  async lookAtStore(): Promise<{ readonly found: object; readonly expected: object }> {
    const found = new Map<string, number>()
    const places: string[] = []
    const layouts = new Map(this.#all.map(({ name, layout }) => [name, layout]))
    for await (const { table, key, sub, value } of stateCells(this.store, layouts)) {
      places.push(`${table} ${key} ${sub ?? ''}`)
      if (table === 'panes') {
        found.set(`panes ${key} ${integerSubKeys.fromBytes(sub ?? '')}`, numberCodec.decode(value.subarray(2)))
      } else if (table === 'values' || table === 'twins')
        found.set(`${table} ${key}`, numberCodec.decode(value.subarray(2)))
      else if (table === 'nested') {
        found.set(`nested ${key} ${integerSubKeys.fromBytes(sub ?? '')}`, numberCodec.decode(value.subarray(2)))
      } else found.set(`timer ${key} ${integerSubKeys.fromBytes((sub ?? '').slice(0, 8))}`, 1)
    }
    return {
      found: { cells: sorted(found), places },
      expected: {
        cells: sorted([...this.durable].filter(([name]) => name !== 'gone')),
        places: [...new Set(places)].sort((a, b) => (a < b ? -1 : 1)),
      },
    }
  }
}

const sorted = (cells: Iterable<readonly [string, number]>) => [...cells].sort(([a], [b]) => (a < b ? -1 : 1))

const allKeys = ['a', 'b', 'c']
const anyKey = fc.constantFrom(...allKeys)
const number = fc.option(fc.nat(99), { nil: undefined })
// Many at once, so that keys have several pages, and slots logs that are mostly waste.
const range = fc.record({ from: fc.nat(300), count: fc.integer({ min: 1, max: 150 }) })
const step = fc.oneof(
  fc.record({
    what: fc.constant('value' as const),
    table: fc.constantFrom('values' as const, 'twins' as const),
    key: anyKey,
    value: number,
  }),
  fc.record({ what: fc.constant('entries' as const), key: anyKey, range, value: number }),
  fc.record({ what: fc.constant('entries' as const), key: fc.constant('a'), range, value: fc.constant(1) }),
  fc.record({ what: fc.constant('timers' as const), key: anyKey, range, isSet: fc.boolean() }),
  fc.record({ what: fc.constant('pane' as const), key: anyKey, range, ahead: fc.nat(3), value: number }),
  fc.record({ what: fc.constant('drop' as const) }),
  fc.record({ what: fc.constant('checkpoint' as const) }),
  fc.record({ what: fc.constant('begin' as const) }),
  fc.record({ what: fc.constant('encode' as const), count: fc.nat(40) }),
  fc.record({ what: fc.constant('end' as const), isWritten: fc.boolean() }),
  fc.record({ what: fc.constant('evict' as const) }),
  fc.record({ what: fc.constant('restart' as const) }),
  fc.record({ what: fc.constant('look' as const), key: anyKey }),
)

describe('tables', () => {
  test('property: through checkpoints that take their time or fail, evictions and restarts, they hold what a plain map does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }), async (steps) => {
        const bench = new Bench()
        const expectFound = (looked: { readonly found: object; readonly expected: object }) =>
          expect(looked.found).toEqual(looked.expected)
        for (const one of steps) {
          if (one.what === 'value') bench.setValue(one.table, one.key, one.value)
          else if (one.what === 'entries' || one.what === 'timers') {
            for (let at = one.range.from; at < one.range.from + one.range.count; at += 1) {
              if (one.what === 'entries') bench.setEntry(one.key, at, one.value)
              else bench.setTimer(one.key, at * 1000, one.isSet)
            }
          } else if (one.what === 'pane') {
            for (let at = one.range.from; at < one.range.from + one.range.count; at += 1) {
              bench.setInPane(one.ahead, `${one.key}${at % 40}`, one.value === undefined ? undefined : one.value + at)
            }
          } else if (one.what === 'drop') bench.dropPane()
          else if (one.what === 'begin') bench.begin()
          else if (one.what === 'checkpoint') {
            bench.begin()
            await bench.end(true)
          } else if (one.what === 'encode') bench.encode(one.count)
          else if (one.what === 'end') await bench.end(one.isWritten)
          else if (one.what === 'evict') bench.evict()
          else if (one.what === 'restart') bench.restart()
          else expectFound(bench.look([one.key]))
        }
        expectFound(await bench.lookAtStore())
        expectFound(bench.look(allKeys))
        bench.restart()
        expectFound(bench.look(allKeys))
      }),
      { numRuns: Number(process.env['STREAM_RUNS'] ?? 150) },
    )
  })

  test('behavior: what comes and goes between two checkpoints leaves nothing in memory, however one element goes about it', () => {
    const undo = new UndoLog(false)
    const values = new ValueTable('values', numberCodec, undo)
    const timers = new Timers(undo)
    for (const table of [values, timers]) table.attach({ size: 0, read: () => undefined })
    values.set('a', 1)
    values.set('a', 2)
    timers.register('a', 1)
    values.set('a', undefined)
    timers.delete('a', 1)
    values.set('b', 1)
    undo.settle()
    values.set('b', undefined)
    timers.register('b', 1)
    undo.settle()
    expect(timers.take(1)?.key).toBe('b')
    undo.settle()
    const looked = [values, timers].map(({ bytesInMemory, bytesChanged }) => [bytesInMemory, bytesChanged])
    expect(looked).toEqual([
      [0, 0],
      [0, 0],
    ])
  })

  test.for(['values', 'nested'] as const)(
    'behavior: what went in an epoch that is not final is gone for those who look, though the store has it: %s',
    async (name) => {
      const store = openMemoryStore()
      const undo = new UndoLog(true)
      const values = new ValueTable('values', numberCodec, undo)
      const nested = new NestedTable('nested', integerSubKeys, numberCodec, undo)
      const table: CheckpointedTable = name === 'values' ? values : nested
      table.attach({ size: 0, read: (key, sub) => store.read(name, key, sub) })
      const set = (value: number | undefined) =>
        name === 'values' ? values.set('a', value) : nested.set('a', 1, value)
      const checkpoint = async () => {
        undo.finalize(1)
        while (undo.finalizeNext());
        undo.beginNotes()
        table.beginCheckpoint()
        while (undo.noteNext());
        const write = store.begin()
        for (const cell of table.changedCells()) if (cell !== null) write.put(name, cell.key, cell.sub, cell.value)
        await write.commit(new Uint8Array())
        for (const _ of table.endCheckpoint(true));
        undo.endNotes()
      }
      table.startGeneration()
      set(1)
      set(undefined)
      undo.seal(1) // came and went
      set(2)
      undo.seal(2)
      set(undefined)
      undo.seal(3)
      await checkpoint() // at the end of epoch 1
      await checkpoint() // at the end of epoch 2: the store has it, the fold has not
      table.dropUnused()
      expect(name === 'values' ? values.get('a') : nested.get('a', 1)).toBeUndefined()
    },
  )
})
