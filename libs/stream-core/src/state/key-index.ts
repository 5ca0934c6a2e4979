import type { Codec } from '../codec.ts'
import type { UndoLog } from '../task/rewind.ts'
import type { ByteString } from './key-encoding.ts'
import { NestedTable, type SubKeys } from './nested-table.ts'
import type { Rows } from './rows.ts'
import { ValueTable } from './value-table.ts'
import { numberCodec } from './value-codecs.ts'

/** The keys that have state, each with the number of tables that hold something of it. All of it stays in memory. */
export class KeyIndex extends ValueTable<number> {
  constructor(undo: UndoLog) {
    super('#keys', numberCodec, undo, { isLoadedFirst: true })
  }
  /** A table has something of `key` now, or nothing any more. */
  count(key: ByteString, by: 1 | -1): void {
    const tables = (this.get(key) ?? 0) + by
    this.set(key, tables === 0 ? undefined : tables)
  }
  inOrder(): readonly ByteString[] {
    return [...this.entries()].map(([key]) => key).sort()
  }
}

export class IndexedValueTable<V> extends ValueTable<V> {
  readonly #index: KeyIndex
  constructor(
    name: string,
    codec: Codec<V>,
    undo: UndoLog,
    { rows, index }: { readonly rows: Rows; readonly index: KeyIndex },
  ) {
    super(name, codec, undo, { rows })
    this.#index = index
  }
  has(key: ByteString): boolean {
    return this.get(key) !== undefined
  }
  override set(key: ByteString, value: V | undefined): void {
    const before = this.has(key)
    super.set(key, value)
    const after = value !== undefined
    if (before !== after) this.#index.count(key, after ? 1 : -1)
  }
}

export class IndexedNestedTable<Sub extends string | number, V> extends NestedTable<Sub, V> {
  readonly #index: KeyIndex
  // oxlint-disable-next-line eslint/max-params -- those of the table, and its index
  constructor(name: string, subKeys: SubKeys<Sub>, codec: Codec<V>, undo: UndoLog, index: KeyIndex) {
    super(name, subKeys, codec, undo)
    this.#index = index
  }
  has(key: ByteString): boolean {
    return this.of(key) !== undefined
  }
  override set(key: ByteString, sub: Sub, value: V | undefined): void {
    const before = this.has(key)
    super.set(key, sub, value)
    const after = this.has(key)
    if (before !== after) this.#index.count(key, after ? 1 : -1)
  }
}
