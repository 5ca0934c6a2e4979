import type { Codec } from '../codec.ts'
import type { UndoLog } from '../task/rewind.ts'
import type { CheckpointedTable, EncodedCell, StoredTable } from './checkpointed-table.ts'
import { absent, Generations } from './generations.ts'
import { byteStringsOf, integerKey } from './key-encoding.ts'
import { OrderedMap } from './ordered-map.ts'
import { decodeEntry, decodePage, encodePage, maxEntriesAPage } from './page.ts'
import { bytesACell, bytesAByte } from './value-table.ts'
import { decodeVersioned, encodeVersioned } from './versioned.ts'

/** How the second key of a nested table is written. */
export interface SubKeys<Sub> {
  toBytes(sub: Sub): string
  fromBytes(text: string): Sub
}
export const byteStringSubKeys: SubKeys<string> = { toBytes: (sub) => sub, fromBytes: (text) => text }
export const integerSubKeys: SubKeys<number> = {
  toBytes: byteStringsOf(integerKey).of,
  fromBytes: byteStringsOf(integerKey).from,
}

/** What an entry takes in memory besides its value's bytes. */
const bytesAnEntry = 100

/** Many entries a key, in order of their second key. All entries of a key are in memory, or none. */
export class NestedTable<Sub extends string | number, V> implements CheckpointedTable {
  readonly name: string
  readonly layout = 'pages'
  readonly survivesRewind = false
  readonly #keys = new Generations<OrderedMap<Sub, V>>()
  readonly #codec: Codec<V>
  readonly #subKeys: SubKeys<Sub>
  readonly #undo: UndoLog
  #stored: StoredTable | null = null
  /** As in `ValueTable`, in keys. */
  #cold = 0
  #size = 0
  #storedSize = 0
  #sizeInCheckpoint = 0
  /** Of the keys in memory; after an eviction an estimate. */
  #entries = 0
  /** As in `ValueTable`. */
  #changed = new Map<string, Map<Sub, boolean>>()
  #due: Map<string, Map<Sub, boolean>> | null = null
  #notes = new Map<string, Map<Sub, V | undefined>>()
  #gone: string[] = []
  /** Where the pages after the first begin, for the stored keys that have any; and as the checkpoint in hand has it. */
  readonly #pages = new Map<string, readonly Sub[]>()
  #newPages = new Map<string, readonly Sub[]>()
  #seenBytes = 0
  #seenEntries = 0

  constructor(name: string, subKeys: SubKeys<Sub>, codec: Codec<V>, undo: UndoLog) {
    this.name = name
    this.#subKeys = subKeys
    this.#codec = codec
    this.#undo = undo
  }

  get size(): number {
    return this.#size
  }
  /** The entries of `key`; read only: changes go through `set`. */
  of(key: string): OrderedMap<Sub, V> | undefined {
    const entries = this.#keys.get(key)
    if (entries === undefined) return this.#cold === 0 ? undefined : this.#read(key)
    return entries === absent ? undefined : entries
  }
  get(key: string, sub: Sub): V | undefined {
    return this.of(key)?.get(sub)
  }
  set(key: string, sub: Sub, value: V | undefined): void {
    const entries = this.of(key)
    const previous = entries?.get(sub)
    if (previous === undefined && value === undefined) return
    this.#undo.record(this, key, sub, previous)
    if (previous !== undefined && value !== undefined) entries?.set(sub, value)
    else this.put(key, sub, value)
  }
  /** Of what is in memory: all, in a table without a store. */
  entries(): IterableIterator<[string, OrderedMap<Sub, V>]> {
    return this.#keys.entries()
  }
  /** An entry comes or goes, or is put back. */
  protected put(key: string, sub: Sub, value: V | undefined): void {
    const entries = this.of(key)
    const before = entries?.size ?? 0
    if (value !== undefined) {
      if (entries !== undefined) entries.set(sub, value)
      else {
        const created = new OrderedMap<Sub, V>()
        created.set(sub, value)
        this.#keys.set(key, created)
        this.#size += 1
      }
      this.#entries += (entries?.size ?? 1) - before
      return
    }
    if (entries === undefined) return
    entries.delete(sub)
    this.#entries += entries.size - before
    if (entries.size > 0) return
    this.#size -= 1
    if (this.#stored !== null) this.#keys.set(key, absent)
    else this.#keys.delete(key)
  }

  restore(key: string, sub: string | number | null, previous: unknown): void {
    this.put(key, sub as Sub, previous as V | undefined) // recorded by `set`, which took both from this table
  }
  touch(key: string, sub: string | number | null, previous: unknown): void {
    if (this.#stored === null) return
    let subs = this.#changed.get(key)
    if (subs === undefined) this.#changed.set(key, (subs = new Map<Sub, boolean>()))
    if (!subs.has(sub as Sub)) subs.set(sub as Sub, previous === undefined) // as in `restore`
    if (this.#due !== null) this.note(key, sub, previous)
  }
  note(key: string, sub: string | number | null, previous: unknown): void {
    if (this.#due?.has(key) !== true) return
    let subs = this.#notes.get(key)
    if (subs === undefined) this.#notes.set(key, (subs = new Map<Sub, V | undefined>()))
    if (!subs.has(sub as Sub)) subs.set(sub as Sub, previous as V | undefined) // as in `restore`
  }

  readonly loadedFirst = 'nothing'
  load(): void {
    throw new Error(`Nothing of the table "${this.name}" is loaded first.`)
  }
  attach(stored: StoredTable): void {
    this.#stored = stored
    this.#size = this.#storedSize = this.#sizeInCheckpoint = this.#cold = stored.size
  }

  decodeStored(versioned: Uint8Array): V {
    return decodeVersioned(this.#codec, versioned, this.name)
  }
  /** An entry out of its bytes, the version of its codec before them. */
  entryOf(sub: string, versioned: Uint8Array): { readonly sub: Sub; readonly value: V } {
    return { sub: this.#subKeys.fromBytes(sub), value: this.decodeStored(versioned) }
  }

  get bytesInMemory(): number {
    return this.#keys.size * bytesACell + this.#entries * this.#bytesOfOne()
  }
  get bytesChanged(): number {
    return this.#changed.size * (bytesACell + this.#bytesOfOne())
  }
  startGeneration(): void {
    this.#keys.start()
  }
  dropUnused(): void {
    const before = this.#keys.size
    this.#keys.dropOld()
    if (before > 0) this.#entries = Math.round((this.#entries * this.#keys.size) / before)
    this.#cold = Infinity
  }

  beginCheckpoint(): void {
    this.#due = this.#changed
    this.#changed = new Map()
  }
  *changedCells(): Generator<EncodedCell | null> {
    for (const [key, subs] of this.#due ?? []) {
      const entries = this.#pages.has(key) ? null : this.#subsThen(key, undefined, undefined)
      if (entries === null || entries.length > maxEntriesAPage) yield* this.#changedPages(key, subs)
      else yield this.#onlyPage(key, subs, entries)
    }
  }
  get sizeInCheckpoint(): number {
    return this.#sizeInCheckpoint
  }
  *endCheckpoint(isDurable: boolean): Generator<void> {
    const due = this.#due ?? new Map<string, Map<Sub, boolean>>()
    const gone = this.#gone
    const newPages = this.#newPages
    this.#due = null
    this.#notes = new Map()
    this.#gone = []
    this.#newPages = new Map()
    if (!isDurable) {
      this.#sizeInCheckpoint = this.#storedSize
      for (const [key, subs] of this.#changed) {
        const earlier = due.get(key)
        if (earlier === undefined) due.set(key, subs)
        else for (const [sub, isNew] of subs) if (!earlier.has(sub)) earlier.set(sub, isNew)
      }
      this.#changed = due
      return
    }
    this.#storedSize = this.#sizeInCheckpoint
    for (const [key, firsts] of newPages) {
      if (firsts.length === 0) this.#pages.delete(key)
      else this.#pages.set(key, firsts)
    }
    for (const key of gone) {
      if (this.#keys.get(key) === absent) this.#keys.delete(key)
      yield
    }
  }

  encodePrevious(previous: unknown): Uint8Array | null {
    return previous === undefined ? null : encodeVersioned(this.#codec, previous as V) // as in `restore`
  }
  decodePrevious(bytes: Uint8Array | null): unknown {
    return bytes === null ? undefined : this.decodeStored(bytes)
  }

  /** Of a key that has and had one page at most, as most have: `subs` are all of it at the beginning of the checkpoint. */
  #onlyPage(key: string, changed: ReadonlyMap<Sub, boolean>, subs: readonly Sub[]): EncodedCell | null {
    const isStored = wasAny(changed) || subs.some((sub) => !changed.has(sub))
    this.#sizeInCheckpoint += Number(subs.length > 0) - Number(isStored)
    if (subs.length === 0) {
      this.#gone.push(key)
      return isStored ? { key, sub: null, value: null } : null
    }
    this.#keepKnown(key)
    return { key, sub: null, value: this.#encodePage(key, [], subs) }
  }
  /** It went since, and the checkpoint before had said so too: from this one on only memory can. */
  #keepKnown(key: string): void {
    if (this.#keys.get(key) === undefined) this.#keys.set(key, absent)
  }
  /** The pages of `key` that hold an entry of `changed`, as of the beginning of the checkpoint. */
  *#changedPages(key: string, changed: ReadonlyMap<Sub, boolean>): Generator<EncodedCell | null> {
    const firsts = this.#pages.get(key) ?? []
    const pages = new Set<number>()
    for (const sub of changed.keys()) pages.add(pageOf(firsts, sub))
    let isStored = firsts.length > 0 || wasAny(changed)
    const newFirsts: Sub[] = []
    let inFirst: readonly Sub[] | null = null
    for (let page = 0; page <= firsts.length; page += 1) {
      const first = firsts[page - 1]
      if (!pages.has(page)) {
        if (first !== undefined) newFirsts.push(first)
        continue
      }
      const subs = this.#subsThen(key, first, firsts[page])
      isStored ||= subs.some((sub) => !changed.has(sub))
      for (const [index, part] of inParts(subs).entries()) {
        if (page === 0 && index === 0) inFirst = part
        else {
          const [at] = part
          if (at === undefined) continue
          newFirsts.push(at)
          yield { key, sub: this.#subKeys.toBytes(at), value: this.#encodePage(key, [], part) }
        }
      }
      // A page is named by where it began; now it begins elsewhere, or is gone.
      if (first !== undefined && first !== subs[0]) yield { key, sub: this.#subKeys.toBytes(first), value: null }
    }
    const isGone = newFirsts.length === 0 && inFirst?.length === 0
    if (isGone) this.#gone.push(key)
    else this.#keepKnown(key)
    this.#sizeInCheckpoint += Number(!isGone) - Number(isStored)
    const isSame = newFirsts.length === firsts.length && newFirsts.every((first, index) => first === firsts[index])
    if (!isSame) this.#newPages.set(key, newFirsts)
    if (isGone) yield isStored ? { key, sub: null, value: null } : null
    else if (inFirst !== null || !isSame) {
      const value = this.#encodePage(key, newFirsts, inFirst ?? this.#subsThen(key, undefined, firsts[0]))
      yield { key, sub: null, value }
    } else yield null
  }
  /** In `[from, to)`, ascending. */
  #subsThen(key: string, from: Sub | undefined, to: Sub | undefined): readonly Sub[] {
    const notes = this.#notes.get(key)
    const now = this.of(key)
    if (notes === undefined && from === undefined && to === undefined) return now?.keys() ?? []
    const isIn = (sub: Sub) => (from === undefined || sub >= from) && (to === undefined || sub < to)
    const subs = (now?.keys() ?? []).filter((sub) => isIn(sub) && notes?.has(sub) !== true)
    for (const [sub, value] of notes ?? []) if (value !== undefined && isIn(sub)) subs.push(sub)
    return subs.sort((a, b) => (a < b ? -1 : 1))
  }
  #encodePage(key: string, firsts: readonly Sub[], subs: readonly Sub[]): Uint8Array {
    const notes = this.#notes.get(key)
    const now = this.of(key)
    const entries: (readonly [string, Uint8Array])[] = []
    for (const sub of subs) {
      const value = notes?.has(sub) === true ? notes.get(sub) : now?.get(sub)
      if (value === undefined) throw new Error(`An entry of "${this.name}" went from a checkpoint in hand.`)
      const bytes = this.#codec.encode(value)
      entries.push([this.#subKeys.toBytes(sub), bytes])
      this.#seenBytes += bytes.length
    }
    this.#seenEntries += subs.length
    return encodePage({ firsts: firsts.map((first) => this.#subKeys.toBytes(first)), entries }, this.#codec.version)
  }

  #read(key: string): OrderedMap<Sub, V> | undefined {
    const stored = this.#stored
    const page = stored?.read(key, null)
    if (stored === null || page === undefined) {
      this.#keys.set(key, absent)
      return undefined
    }
    const entries = new OrderedMap<Sub, V>()
    const { firsts } = this.#readPage(page, entries)
    for (const first of firsts) {
      const next = stored.read(key, first)
      if (next === undefined) throw new Error(`A page of a key of "${this.name}" is missing from the store.`)
      this.#readPage(next, entries)
    }
    if (firsts.length > 0)
      this.#pages.set(
        key,
        firsts.map((first) => this.#subKeys.fromBytes(first)),
      )
    this.#keys.set(key, entries)
    this.#entries += entries.size
    this.#cold -= 1
    return entries
  }
  #readPage(bytes: Uint8Array, into: OrderedMap<Sub, V>): { readonly firsts: readonly string[] } {
    const { version, firsts, entries } = decodePage(bytes)
    for (const [sub, value] of entries) {
      into.set(this.#subKeys.fromBytes(sub), decodeEntry(this.#codec, value, version, this.name))
      this.#seenBytes += value.length
    }
    this.#seenEntries += entries.length
    return { firsts }
  }
  #bytesOfOne(): number {
    return bytesAnEntry + bytesAByte * (this.#seenEntries === 0 ? 0 : this.#seenBytes / this.#seenEntries)
  }
}

/** One of the entries is no new one. */
const wasAny = (changed: ReadonlyMap<unknown, boolean>): boolean => {
  for (const isNew of changed.values()) if (!isNew) return true
  return false
}

/** 0 is the first page; page `n` begins at `firsts[n - 1]`. */
const pageOf = <Sub extends string | number>(firsts: readonly Sub[], sub: Sub): number => {
  let low = 0
  let high = firsts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = firsts[middle]
    if (at !== undefined && at <= sub) low = middle + 1
    else high = middle
  }
  return low
}

/** One part, or several that are half full; always at least one. */
const inParts = <T>(items: readonly T[]): readonly (readonly T[])[] => {
  if (items.length <= maxEntriesAPage) return [items]
  const parts: T[][] = []
  for (let at = 0; at < items.length; at += maxEntriesAPage / 2) parts.push(items.slice(at, at + maxEntriesAPage / 2))
  return parts
}
