import type { Codec } from '../codec.ts'
import type { Journaled, UndoLog, ValuesAsOf } from '../task/rewind.ts'
import { byteStringsOf, integerKey } from './key-encoding.ts'
import { OrderedMap } from './ordered-map.ts'

/** A cell as a checkpoint writes it; `value` null deletes. `sub` names an entry of a nested table. */
export interface EncodedCell {
  readonly key: string
  readonly sub: string | null
  readonly value: Uint8Array | null
}

/** What a checkpoint and a restore need of a table, whatever it holds. */
export interface CheckpointedTable extends Journaled {
  readonly name: string
  /** Cells changed since the last checkpoint, as of the base of `asOf`. */
  changedCells(asOf: ValuesAsOf): Generator<EncodedCell>
  /** The checkpoint is durable: what was `taken` is no longer due. */
  checkpointed(): void
  load(cell: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void
  readonly size: number
}

export class StateCodecMismatchError extends Error {
  readonly code = 'STREAM_STATE_CODEC_MISMATCH'
  readonly handling = 'stop'
  readonly remedy = 'Give the codec a migration from the stored version, or the state a new name to start empty.'
  constructor(at: { state: string; stored: number; current: number }, options?: ErrorOptions) {
    super(`State "${at.state}" was written by codec version ${at.stored}; this build reads ${at.current}.`, options)
  }
}

/** The version of the codec in two bytes, then the value. */
export const encodeVersioned = <T>(codec: Codec<T>, value: T): Uint8Array => {
  const bytes = codec.encode(value)
  const versioned = new Uint8Array(bytes.length + 2)
  versioned[0] = codec.version >> 8
  versioned[1] = codec.version & 0xff
  versioned.set(bytes, 2)
  return versioned
}

export const decodeVersioned = <T>(codec: Codec<T>, versioned: Uint8Array, state: string): T => {
  const stored = ((versioned[0] ?? 0) << 8) | (versioned[1] ?? 0)
  const bytes = versioned.subarray(2)
  if (stored === codec.version) return codec.decode(bytes)
  if (codec.migrate === undefined) throw new StateCodecMismatchError({ state, stored, current: codec.version })
  return codec.migrate(bytes, stored)
}

/** One value a key. */
export class ValueTable<V> implements CheckpointedTable {
  readonly name: string
  readonly survivesRewind: boolean
  readonly #values = new Map<string, V>()
  readonly #codec: Codec<V>
  readonly #undo: UndoLog
  /** Since the last checkpoint; whether that checkpoint lacks the cell. */
  #changed = new Map<string, boolean>()

  constructor(name: string, codec: Codec<V>, undo: UndoLog, options: { readonly survivesRewind?: boolean } = {}) {
    this.name = name
    this.#codec = codec
    this.#undo = undo
    this.survivesRewind = options.survivesRewind ?? false
  }

  get size(): number {
    return this.#values.size
  }
  get(key: string): V | undefined {
    return this.#values.get(key)
  }
  set(key: string, value: V | undefined): void {
    const previous = this.#values.get(key)
    if (previous === undefined && value === undefined) return
    this.#undo.record(this, key, null, previous)
    this.put(key, value)
  }
  entries(): IterableIterator<[string, V]> {
    return this.#values.entries()
  }
  protected put(key: string, value: V | undefined): void {
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
  }

  restore(key: string, _sub: string | number | null, previous: unknown): void {
    this.put(key, previous as V | undefined) // recorded by `set`, which took it from this table
  }
  touch(key: string, _sub: null, previous: unknown): void {
    if (!this.#changed.has(key)) this.#changed.set(key, previous === undefined)
  }
  *changedCells(asOf: ValuesAsOf): Generator<EncodedCell> {
    const then = asOf.get(this)
    for (const [key, isNew] of this.#changed) {
      const cell = then?.get(key)
      const value = (cell?.has(null) ? cell.get(null) : this.#values.get(key)) as V | undefined // as in `restore`
      if (value === undefined && isNew) continue // came and went
      yield { key, sub: null, value: value === undefined ? null : encodeVersioned(this.#codec, value) }
    }
  }
  checkpointed(): void {
    this.#changed = new Map()
  }
  load(cell: { readonly key: string; readonly value: Uint8Array }): void {
    this.put(cell.key, decodeVersioned(this.#codec, cell.value, this.name))
  }
}

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

/** Many entries a key, in order of their second key. */
export class NestedTable<Sub extends string | number, V> implements CheckpointedTable {
  readonly name: string
  readonly survivesRewind = false
  readonly #keys = new Map<string, OrderedMap<Sub, V>>()
  readonly #codec: Codec<V>
  readonly #subKeys: SubKeys<Sub>
  readonly #undo: UndoLog
  /** As in `ValueTable`. */
  #changed = new Map<string, Map<Sub, boolean>>()

  constructor(name: string, subKeys: SubKeys<Sub>, codec: Codec<V>, undo: UndoLog) {
    this.name = name
    this.#subKeys = subKeys
    this.#codec = codec
    this.#undo = undo
  }

  get size(): number {
    return this.#keys.size
  }
  /** The entries of `key`; read only: changes go through `set`. */
  of(key: string): OrderedMap<Sub, V> | undefined {
    return this.#keys.get(key)
  }
  get(key: string, sub: Sub): V | undefined {
    return this.#keys.get(key)?.get(sub)
  }
  set(key: string, sub: Sub, value: V | undefined): void {
    const entries = this.#keys.get(key)
    const previous = entries?.get(sub)
    if (previous === undefined && value === undefined) return
    this.#undo.record(this, key, sub, previous)
    if (previous !== undefined && value !== undefined) entries?.set(sub, value)
    else this.put(key, sub, value)
  }
  entries(): IterableIterator<[string, OrderedMap<Sub, V>]> {
    return this.#keys.entries()
  }
  /** An entry comes or goes, or is put back. */
  protected put(key: string, sub: Sub, value: V | undefined): void {
    let entries = this.#keys.get(key)
    if (value === undefined) {
      entries?.delete(sub)
      if (entries?.size === 0) this.#keys.delete(key)
      return
    }
    if (entries === undefined) this.#keys.set(key, (entries = new OrderedMap()))
    entries.set(sub, value)
  }

  restore(key: string, sub: string | number | null, previous: unknown): void {
    this.put(key, sub as Sub, previous as V | undefined) // recorded by `set`, which took both from this table
  }
  touch(key: string, sub: string | number | null, previous: unknown): void {
    let subs = this.#changed.get(key)
    if (subs === undefined) this.#changed.set(key, (subs = new Map<Sub, boolean>()))
    if (!subs.has(sub as Sub)) subs.set(sub as Sub, previous === undefined) // as in `restore`
  }
  *changedCells(asOf: ValuesAsOf): Generator<EncodedCell> {
    const then = asOf.get(this)
    for (const [key, subs] of this.#changed) {
      const cells = then?.get(key)
      const now = this.#keys.get(key)
      for (const [sub, isNew] of subs) {
        const value = (cells?.has(sub) ? cells.get(sub) : now?.get(sub)) as V | undefined // as in `restore`
        if (value === undefined && isNew) continue
        const bytes = value === undefined ? null : encodeVersioned(this.#codec, value)
        yield { key, sub: this.#subKeys.toBytes(sub), value: bytes }
      }
    }
  }
  checkpointed(): void {
    this.#changed = new Map()
  }
  load(cell: { readonly key: string; readonly sub: string | null; readonly value: Uint8Array }): void {
    this.put(cell.key, this.#subKeys.fromBytes(cell.sub ?? ''), decodeVersioned(this.#codec, cell.value, this.name))
  }
}
