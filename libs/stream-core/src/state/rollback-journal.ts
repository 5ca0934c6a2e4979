import type { ClassicLevel } from 'classic-level'
import { fromByteString, integerKey, joinParts, toByteString, type ByteString } from './key-encoding.ts'
import { paneEntries } from './pane-table.ts'
import { PageWriter } from './slot-log.ts'

export type Level = ClassicLevel<Uint8Array, Uint8Array>
export type LevelBatch = ReturnType<Level['batch']>
type Snapshot = ReturnType<Level['snapshot']>

const pagePart = joinParts(['journal'])
const behindPages = fromByteString(`${pagePart.slice(0, -1)}\x02`)
const generationKey = fromByteString(joinParts(['journal-generation']))
const pageKey = (generation: number, page: number): Uint8Array =>
  fromByteString(pagePart + joinParts([generation, page].map((number) => toByteString(integerKey.encode(number)))))
/** To read so many, or to drop so many pages, takes a millisecond. */
const keysAPage = 512
const behindAll = fromByteString('\xff')

/**
 * Waits until all that is written is a table of LevelDB, and so durable: a log that it has left behind is not synced. To
 * compact where nothing lies does that; it says nothing of a failure, but then the next write fails.
 */
export const flush = (level: Level): Promise<void> => level.compactRange(behindAll, behindAll)

/**
 * How a checkpoint is atomic that is written in more than one batch: in each lie pages that say what its entries were
 * before, and they hold as long as the generation that they bear is the store's. The last batch raises it, and so does who
 * has put back what a killed process left. One batch will not do: it is one stretch of memory that is copied whenever it
 * doubles, which at 32 MB holds the event loop for 28 ms. Source: SQLite's rollback journal, where a header does what the
 * generation does here (sqlite.org/atomiccommit.html, "Persistent Rollback Journals").
 */
export class RollbackJournal {
  readonly #level: Level
  #generation: number
  #pages = 0
  /** What is committed, while there is more in the store than that. */
  #committed: HeldSnapshot | null = null

  private constructor(level: Level, generation: number) {
    this.#level = level
    this.#generation = generation
  }

  /** Nothing is left then of a checkpoint that was not committed. May be broken off and done again. */
  static async open(level: Level): Promise<{ readonly journal: RollbackJournal; readonly rolledBackPages: number }> {
    const { generation, pages } = await rollBack(level)
    return { journal: new RollbackJournal(level, generation), rolledBackPages: pages }
  }

  /** How to read what is committed and no more. */
  get ofCommitted(): { readonly snapshot?: Snapshot } {
    return this.#committed === null ? {} : { snapshot: this.#committed.snapshot }
  }
  /** As `ofCommitted`, for one who reads on while more is committed: until `release` is called. */
  hold(): { readonly of: { readonly snapshot?: Snapshot }; readonly release: () => void } {
    const held = this.#committed
    held?.hold()
    return { of: this.ofCommitted, release: () => held?.release() }
  }

  /** Nothing is left of the checkpoint before, or all, where that was not known. @returns the generation of the next */
  async begin(): Promise<number> {
    if (this.#committed !== null) this.#end((await rollBack(this.#level)).generation)
    return this.#generation
  }
  /** Writes `batch`, which changes `keys`, so that it can be taken back. Gives way to others after each page. */
  async write(generation: number, batch: LevelBatch, keys: readonly ByteString[]): Promise<void> {
    this.#requireCurrent(generation)
    this.#committed ??= new HeldSnapshot(this.#level.snapshot())
    for (let from = 0; from < keys.length; from += keysAPage) {
      const some = keys.slice(from, from + keysAPage)
      const previous = await this.#level.getMany(some.map(fromByteString), this.ofCommitted)
      const page = new PageWriter()
      for (const [index, key] of some.entries()) paneEntries.write(page, { key, value: previous[index] ?? null }, 0)
      batch.put(pageKey(generation, this.#pages), page.bytes())
      this.#pages += 1
    }
    await batch.write()
  }
  /** Writes `batch`, the last one: with it all is committed. What was written before is durable. */
  async commit(generation: number, batch: LevelBatch): Promise<void> {
    this.#requireCurrent(generation)
    batch.put(generationKey, integerKey.encode(generation + 1))
    await batch.write({ sync: true })
    const pages = this.#pages
    this.#end(generation + 1)
    for (let from = 0; from < pages; from += keysAPage) {
      const dropped = this.#level.batch()
      for (let page = from; page < Math.min(pages, from + keysAPage); page += 1) dropped.del(pageKey(generation, page))
      await dropped.write()
    }
  }

  #requireCurrent(generation: number): void {
    if (generation !== this.#generation)
      throw new Error('assertion: a store has one checkpoint written to it at a time')
  }
  #end(generation: number): void {
    this.#committed?.release()
    this.#committed = null
    this.#pages = 0
    this.#generation = generation
  }
}

/** A snapshot that is closed when nobody reads through it any more. */
class HeldSnapshot {
  readonly snapshot: Snapshot
  #holders = 1

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot
  }
  hold(): void {
    this.#holders += 1
  }
  release(): void {
    this.#holders -= 1
    if (this.#holders === 0) void this.snapshot.close()
  }
}

/** Puts back what a checkpoint changed that was not committed. @returns the generation to go on with, and what there was */
const rollBack = async (level: Level): Promise<{ readonly generation: number; readonly pages: number }> => {
  const stored = await level.get(generationKey)
  let generation = stored === undefined ? 0 : integerKey.decode(stored)
  let pages = 0
  for await (const [, page] of level.iterator({ gte: pageKey(generation, 0), lt: behindPages })) {
    const batch = level.batch()
    for (const { key, value } of paneEntries.read(Buffer.from(page.buffer, page.byteOffset, page.byteLength), 0)) {
      if (value === null) batch.del(fromByteString(key))
      else batch.put(fromByteString(key), value)
    }
    await batch.write()
    pages += 1
  }
  if (pages > 0) {
    await flush(level) // or the pages might be void before what they put back is durable
    generation += 1
    await level.put(generationKey, integerKey.encode(generation), { sync: true })
  }
  await level.clear({ gte: fromByteString(pagePart), lt: behindPages })
  return { generation, pages }
}
