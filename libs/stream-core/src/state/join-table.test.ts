import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { UndoLog } from '../task/rewind.ts'
import type { DurationMs, Timestamp } from '../time.ts'
import { JoinTable } from './join-table.ts'
import { listCodec } from './list-view.ts'
import { newMemoryStoreContents, openMemoryStore } from './memory-store.ts'
import { integerSubKeys } from './nested-table.ts'
import { decodePage, maxEntriesAPage } from './page.ts'
import { stateCells } from './state-cells.ts'
import type { StoreWrite } from './state-store.ts'
import { numberCodec } from './value-codecs.ts'

/** Wide enough that elements are looked at only every 20 ms. */
const interval = 80
const grid = interval / 2

interface Element {
  readonly key: string
  readonly time: Timestamp
  readonly n: number
}
interface Fold {
  /** In the order of arrival. */
  readonly elements: readonly Element[]
  readonly watermark: Timestamp
  /** Never taken back. */
  readonly steps: number
}
const start: Fold = { elements: [], watermark: 0, steps: 0 }

interface Kind {
  readonly hasEpochs: boolean
  readonly rest: DurationMs
}

/** A table over a store, with epochs or without, and what it should hold: now, at the end of each epoch, in the store. */
class Bench {
  readonly #contents = newMemoryStoreContents()
  readonly #store = openMemoryStore(this.#contents)
  readonly #hasEpochs: boolean
  readonly #rest: DurationMs
  #now = start
  /** What each epoch that is not final began with; the last is open. Without epochs nothing can be undone. */
  #begins = [start]
  #durable = start
  #storedSize = 0
  #undo: UndoLog
  #table: JoinTable<number>
  #others = otherSide()
  #begun: { readonly write: StoreWrite; readonly held: Fold; readonly cells: Generator } | null = null
  /** The step in which it began. */
  #generation: number | null = null
  #steps = 0

  constructor({ hasEpochs, rest }: Kind) {
    this.#hasEpochs = hasEpochs
    this.#rest = rest
    ;[this.#undo, this.#table] = this.#open()
    this.#others = otherSide()
  }
  #open(): [UndoLog, JoinTable<number>] {
    const undo = new UndoLog(this.#hasEpochs)
    undo.attach((name) => this.#store.readSpill(name))
    const table = new JoinTable('#left', numberCodec, undo, { rest: this.#rest, interval })
    for (const each of [table, table.expiries]) {
      const read = (key: string, sub: string | null) => this.#store.read(each.name, key, sub)
      each.attach({ size: each === table ? this.#storedSize : 0, read })
    }
    for (const cell of this.#contents.cells.values()) {
      if (cell.table === table.expiries.name && cell.key === '') table.expiries.load(cell)
    }
    return [undo, table]
  }
  get #base(): Fold {
    return this.#begins[0] ?? start
  }
  #become(change: Partial<Fold>): void {
    this.#steps += 1
    this.#now = { ...this.#now, ...change, steps: this.#steps }
    this.#undo.settle()
    if (!this.#hasEpochs) this.#begins = [this.#now]
  }

  /** `fails`: what it did is taken back at once. */
  add(key: string, ahead: number, fails: boolean): void {
    const time = this.#now.watermark + ahead
    const { position } = this.#undo
    this.#table.add(key, time, this.#steps)
    if (fails) this.#undo.rollback(position)
    this.#become(fails ? {} : { elements: [...this.#now.elements, { key, time, n: this.#steps }] })
  }
  advance(by: number): void {
    const watermark = this.#now.watermark + by
    while (this.#table.expireNext(watermark)) this.#undo.settle()
    const seen = Math.floor(watermark / grid) * grid
    this.#become({ watermark, elements: this.#now.elements.filter(({ time }) => time + this.#rest > seen) })
  }
  seal(): void {
    if (!this.#hasEpochs) return
    this.#undo.seal(this.#begins.length)
    while (this.#undo.compactNext());
    this.#begins.push(this.#now)
  }
  revert(depth: number): void {
    if (!this.#hasEpochs) return
    const index = Math.max(this.#begins.length - 1 - depth, 0)
    this.#undo.rewind(index)
    while (this.#undo.rewindNext());
    this.#begins.length = index + 1
    this.#now = this.#begins[index] ?? start
  }
  finalize(depth: number): void {
    const count = this.#begins.length - 1 - depth
    if (count <= 0) return
    this.#undo.finalize(count)
    while (this.#undo.finalizeNext());
    this.#begins.splice(0, count)
  }
  async spill(): Promise<void> {
    await this.#undo.spill(1, this.#store)
  }

  begin(): void {
    if (this.#begun !== null) return
    const write = this.#store.begin()
    const tables = [this.#table, this.#table.expiries]
    for (const table of tables) table.beginCheckpoint()
    this.#undo.beginNotes()
    function* cells() {
      for (const table of tables) {
        for (const cell of table.changedCells()) {
          if (cell !== null) write.put(table.name, cell.key, cell.sub, cell.value)
          yield
        }
      }
    }
    this.#begun = { write, held: this.#base, cells: cells() }
  }
  encode(count: number): void {
    if (this.#begun === null) return
    while (this.#undo.noteNext());
    for (let left = count; left > 0 && this.#begun.cells.next().done !== true; left -= 1);
  }
  async end(isWritten: boolean): Promise<void> {
    if (this.#begun === null) return
    const { write, held } = this.#begun
    this.encode(Infinity)
    if (isWritten) {
      await write.commit(new Uint8Array())
      this.#durable = held
      this.#storedSize = this.#table.sizeInCheckpoint
    } else write.abandon()
    this.#undo.endNotes()
    for (const table of [this.#table, this.#table.expiries]) for (const _ of table.endCheckpoint(isWritten));
    this.#begun = null
  }
  /** As a memory budget of nothing would. */
  evict(): void {
    if (this.#begun !== null) return
    if (this.#generation === null) {
      this.#table.startGeneration()
      this.#generation = this.#steps
    } else if (this.#generation <= this.#durable.steps) {
      this.#table.dropUnused()
      this.#generation = null
    }
  }
  restart(): void {
    this.#begun?.write.abandon()
    this.#begun = null
    this.#generation = null
    this.#now = this.#durable
    this.#begins = [this.#durable]
    ;[this.#undo, this.#table] = this.#open()
    this.#others = otherSide()
  }

  /** What the table has of `key`, for who has the other side's, which brings it into memory, and what it should have. */
  look(key: string): Looked {
    const elements = this.#table.beside(this.#others(key))
    const isThatInMemory = elements === this.#table.of(key)
    const found = [...(elements ?? [])].map(({ time, value }) => [time, value])
    return {
      found: { elements: found, keys: this.#table.size, isThatInMemory },
      expected: { elements: inOrder(this.#now, key), keys: keysOf(this.#now).length, isThatInMemory: true },
    }
  }
  /** What the store has, in its order, and what it should have. */
  async lookAtStore(): Promise<Looked> {
    const found: (readonly [string, Timestamp, number])[] = []
    for await (const { key, sub, value } of stateCells(this.#store, new Map([['#left', 'pages']]))) {
      const time = integerSubKeys.fromBytes(sub ?? '')
      for (const n of listCodec(numberCodec).decode(value.subarray(2))) found.push([key, time, n])
    }
    const keys = keysOf(this.#durable)
    return {
      found: { elements: found, keys: this.#storedSize },
      expected: {
        elements: keys.flatMap((key) => inOrder(this.#durable, key).map((at) => [key, ...at])),
        keys: keys.length,
      },
    }
  }
  get pages(): number {
    return this.#contents.cells.size
  }
}

/** Of each key, what a table of the other side has of it, always the same. */
const otherSide = () => {
  const table = new JoinTable('#right', numberCodec, new UndoLog(false), { rest: 0, interval: 1 })
  const rows = new Map(allKeys.map((each) => [each, table.add(each, 0, 0)]))
  return (each: string) => rows.get(each) ?? table.add(each, 0, 0)
}

interface Looked {
  readonly found: object
  readonly expected: object
}

const keysOf = ({ elements }: Fold): readonly string[] => [...new Set(elements.map(({ key }) => key))].sort()
const inOrder = ({ elements }: Fold, of: string): readonly (readonly [Timestamp, number])[] =>
  elements
    .filter(({ key }) => key === of)
    .toSorted((a, b) => a.time - b.time)
    .map(({ time, n }) => [time, n])

const allKeys = ['a', 'b', 'c']
const key = fc.constantFrom(...allKeys)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant('add' as const), key, ahead: fc.nat(60), fails: fc.boolean() }),
  },
  // Most come in order, and so many that a key has several pages.
  { weight: 6, arbitrary: fc.record({ what: fc.constant('many' as const), key, count: fc.nat(150), by: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('advance' as const), by: fc.nat(50) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('seal' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('revert' as const), depth: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('finalize' as const), depth: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('spill' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('checkpoint' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('begin' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('encode' as const), count: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('end' as const), isWritten: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('evict' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('restart' as const) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('look' as const), key }) },
)

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

const play = async (bench: Bench, one: Step): Promise<Looked | void> => {
  switch (one.what) {
    case 'add':
      return bench.add(one.key, one.ahead, one.fails)
    case 'many':
      for (let at = 0; at < one.count; at += 1) bench.add(one.key, at * one.by, false)
      return
    case 'advance':
      return bench.advance(one.by)
    case 'seal':
      return bench.seal()
    case 'revert':
      return bench.revert(one.depth)
    case 'finalize':
      return bench.finalize(one.depth)
    case 'spill':
      return bench.spill()
    case 'checkpoint':
      bench.begin()
      return bench.end(true)
    case 'begin':
      return bench.begin()
    case 'encode':
      return bench.encode(one.count)
    case 'end':
      return bench.end(one.isWritten)
    case 'evict':
      return bench.evict()
    case 'restart':
      return bench.restart()
    case 'look':
      return bench.look(one.key)
  }
}

// Moments that chance finds too seldom.
const add = { what: 'add', key: 'a', ahead: 10, fails: false } as const
const advance = { what: 'advance', by: 60 } as const
const seal = { what: 'seal' } as const
const finalize = { what: 'finalize', depth: 0 } as const
const [begin, encode, end] = [
  { what: 'begin' },
  { what: 'encode', count: 0 },
  { what: 'end', isWritten: true },
] as const
const checkpoint = { what: 'checkpoint' } as const
const evict = { what: 'evict' } as const
const epochs: Kind = { hasEpochs: true, rest: 40 }
const moments: [Kind, Step[]][] = [
  // What a checkpoint has noted to have left comes back before it is written.
  [epochs, [add, seal, finalize, advance, begin, encode, { what: 'revert', depth: 0 }, end]],
  // It comes back, and leaves again at the same time.
  [epochs, [add, seal, advance, { what: 'revert', depth: 0 }, advance]],
  // What a checkpoint has noted is final before it is written, and so noted twice.
  [epochs, [add, seal, finalize, advance, seal, begin, encode, finalize, end]],
  // What a checkpoint found nothing of gets an element for good, that has left for now, before it ends.
  [epochs, [add, advance, seal, finalize, begin, add, seal, advance, finalize, end, checkpoint]],
  // What a checkpoint found nothing of got an element before, that is final after it and has left for now.
  [
    epochs,
    [
      evict,
      add,
      advance,
      seal,
      add,
      seal,
      advance,
      { what: 'finalize', depth: 1 },
      checkpoint,
      finalize,
      checkpoint,
      evict,
    ],
  ],
  // It is past when it comes, and its time has been looked at.
  [{ hasEpochs: false, rest: 0 }, [{ ...add, ahead: 60 }, advance, { ...add, ahead: 0 }, checkpoint]],
]

describe('JoinTable', () => {
  test('property: through reverts, checkpoints that take their time or fail, evictions and restarts, it holds what a plain list does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ hasEpochs: fc.boolean(), rest: fc.constantFrom(0, 40) }),
        fc.array(step, { minLength: 20, maxLength: 80, size: 'max' }),
        async (kind, steps) => {
          const bench = new Bench(kind)
          const expectFound = (looked: Looked | void) => {
            if (looked) expect(looked.found).toEqual(looked.expected)
          }
          for (const one of steps) expectFound(await play(bench, one))
          await bench.end(true)
          expectFound(await bench.lookAtStore())
          for (const each of allKeys) expectFound(bench.look(each))
          bench.restart()
          for (const each of allKeys) expectFound(bench.look(each))
          // When all is past, nothing is left of it anywhere.
          bench.advance(10_000)
          bench.seal()
          bench.finalize(0)
          bench.begin()
          await bench.end(true)
          expect(bench.pages).toBe(0)
        },
      ),
      { numRuns: Number(process.env['STREAM_RUNS'] ?? 150), examples: moments },
    )
  })

  test('behavior: of a key with very many elements a checkpoint encodes a few hundred between two looks at the time', () => {
    const asTold = { encode: 0, most: 0 }
    const counting = {
      ...numberCodec,
      encode: (n: number) => {
        asTold.encode += 1
        return numberCodec.encode(n)
      },
    }
    const undo = new UndoLog(false)
    const table = new JoinTable('#left', counting, undo, { rest: 0, interval })
    table.attach({ size: 0, read: () => undefined })
    const [times, atOneTime] = [2000, 5000]
    for (let n = 0; n < 2 * times; n += 1) table.add('key', n >> 1, n)
    for (let n = 0; n < atOneTime; n += 1) table.add('key', times, n)
    undo.settle()
    table.beginCheckpoint()
    const pages = new Map<string | null, number>()
    let watermark = 0
    for (const cell of table.changedCells()) {
      asTold.most = Math.max(asTold.most, asTold.encode)
      asTold.encode = 0
      if (cell?.value) {
        let elements = 0
        for (const [, list] of decodePage(cell.value).entries) elements += listCodec(numberCodec).decode(list).size
        pages.set(cell.sub, elements)
      }
      // The fold goes on: what is being written leaves, and more comes.
      watermark += interval
      while (table.expireNext(watermark));
      table.add('key', watermark + times, 0)
      undo.settle()
    }
    expect(asTold.most).toBeLessThanOrEqual(256)
    expect([...pages.values()].reduce((sum, elements) => sum + elements)).toBe(2 * times + atOneTime)
    expect(pages.size).toBe(Math.ceil((times + 1) / maxEntriesAPage))
  })
})
