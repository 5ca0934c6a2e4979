import type { OperatorContext } from '../operators/operator.ts'
import type { Timer, Timers } from '../timers.ts'
import type { Codec } from '../codec.ts'
import type { Timestamp } from '../time.ts'
import type { Cell, CurrentKey, Elements, Entries } from './current-key.ts'
import { expiringStateOf, Expiry, type StateShape } from './expiry.ts'
import type { ByteString } from './key-encoding.ts'
import { listCodec, type ListView } from './list-view.ts'
import { IndexedNestedTable, IndexedValueTable, KeyIndex } from './key-index.ts'
import { mapHandle } from './map-handle.ts'
import { plainCell, plainElements, plainEntries } from './plain-state.ts'
import { byteStringSubKeys, NestedTable } from './nested-table.ts'
import { StateTtlMismatchError } from './versioned.ts'
import { Rows, type Row } from './rows.ts'
import { ValueTable } from './value-table.ts'
import { type CheckpointedTable } from './checkpointed-table.ts'
import { StateDescriptorError } from './state-descriptor-error.ts'
import type {
  AggregatingState,
  AggregatingStateDescriptor,
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ReducingState,
  ReducingStateDescriptor,
  TtlOptions,
  ValueState,
  ValueStateDescriptor,
} from './state.ts'
import { TimedCodec, type Timed } from './timed.ts'
import { TimedCell, TimedElements, TimedEntries, type ExpiringValues } from './timed-state.ts'

export type StateDescriptor =
  | ValueStateDescriptor<unknown>
  | ListStateDescriptor<unknown>
  | MapStateDescriptor<unknown, unknown>
  | ReducingStateDescriptor<unknown>
  | AggregatingStateDescriptor<unknown, unknown, unknown>
type StateHandle =
  | ValueState<unknown>
  | ListState<unknown>
  | MapState<unknown, unknown>
  | ReducingState<unknown>
  | AggregatingState<unknown, unknown>

/** So many descriptors are looked through. */
const few = 8

/** A table with the times of its values. */
interface TimedTable<Table> {
  readonly table: Table
  readonly codec: TimedCodec<unknown>
}

/** The keyed state of one operator: handles bound to the key that is being processed, one for each descriptor. */
export class KeyedState implements CurrentKey {
  /** Of the element or timer that is being processed. */
  key: ByteString = ''
  /** The time for TTLs: see `TtlOptions`. */
  now: Timestamp = 0
  readonly #context: OperatorContext
  readonly #timers: Timers
  #rows = new Rows()
  /** Of the first states that were asked for. */
  readonly #firstRows = this.#rows
  readonly #handles = new WeakMap<object, StateHandle>()
  /** The first descriptors, which are all where they are declared once: to look at each is faster than the map. */
  readonly #few: StateDescriptor[] = []
  readonly #fewHandles: StateHandle[] = []
  readonly #byName = new Map<string, { readonly descriptor: StateDescriptor; readonly handle: StateHandle }>()
  readonly #tables = new Map<string, { has(key: ByteString): boolean }>()
  readonly #keys: KeyIndex | null
  readonly #timedCells = new Map<string, TimedTable<ValueTable<Timed<unknown>>>>()
  readonly #timedLists = new Map<string, TimedTable<ValueTable<ListView<Timed<unknown>>>>>()
  readonly #timedMaps = new Map<string, TimedTable<NestedTable<ByteString, Timed<unknown>>>>()
  readonly #expiring = new Map<string, ExpiringValues>()

  /** With `hasKeyIndex` it knows which keys have state: of what is not in memory that could not be told otherwise. */
  constructor(context: OperatorContext, timers: Timers, { hasKeyIndex = false } = {}) {
    this.#context = context
    this.#timers = timers
    this.#keys = hasKeyIndex ? new KeyIndex(context.undo) : null
    if (this.#keys !== null) context.register(this.#keys)
  }

  /** What memory holds of the key in hand, if it was asked for: for a timer of the key. */
  get row(): Row | null {
    return this.#firstRows.inHand(this.key)
  }
  /** The key of a timer is in hand. */
  turnTo({ key, row }: Timer): void {
    this.key = key
    if (row !== null) this.#firstRows.recall(row)
  }

  /** Those that have state of any name, in order of their bytes. */
  keysWithState(): readonly ByteString[] {
    return this.#keys?.inOrder() ?? []
  }

  /** Whether the key in hand has something of a state that is bound, expired or not. */
  has({ name }: StateDescriptor): boolean {
    return this.#tables.get(name)?.has(this.key) === true
  }

  bind(descriptor: StateDescriptor): StateHandle {
    const handle = this.#fewHandles[this.#few.indexOf(descriptor)] ?? this.#handles.get(descriptor)
    if (handle !== undefined) return handle
    const { name, kind } = descriptor
    const named = this.#byName.get(name)
    if (named !== undefined && named.descriptor.kind !== kind) {
      throw this.#refused(descriptor, `is declared as ${named.descriptor.kind} and as ${kind}`)
    }
    if (named !== undefined && lifeOf(named.descriptor) !== lifeOf(descriptor)) {
      throw this.#refused(descriptor, 'is declared twice, with another TTL or bound')
    }
    const created = named?.handle ?? this.#create(descriptor)
    this.#handles.set(descriptor, created)
    if (this.#few.length < few) {
      this.#few.push(descriptor)
      this.#fewHandles.push(created)
    }
    if (named === undefined) this.#byName.set(name, { descriptor, handle: created })
    return created
  }

  /** A timer of the state itself is due. After a restore that can be before the state is asked for by its descriptor. */
  expire({ namespace, key, at }: Timer): void {
    const state = expiringStateOf(namespace)
    if (state === undefined) throw new Error(`A timer of "${this.#context.name}" is of no state: ${namespace}.`)
    const { name, shape, ttl } = state
    const bound = this.#expiring.get(name)
    if (bound !== undefined) bound.expire(key, at)
    else if (!this.#byName.has(name)) this.#expiringBeforeBound(name, shape, { ttl }).expire(key, at)
  }

  #expiringBeforeBound(name: string, shape: StateShape, ttl: TtlOptions): ExpiringValues {
    switch (shape) {
      case 'cell':
        return this.#timedCell(name, null, ttl)
      case 'list':
        return this.#timedElements(name, null, ttl)
      case 'map':
        return this.#timedEntries(name, null, ttl, Infinity)
    }
  }

  #create(descriptor: StateDescriptor): StateHandle {
    const { name, ttl } = descriptor
    if (name === '' || name.startsWith('#')) {
      throw this.#refused(descriptor, 'has no name, or one that begins with #, which is reserved')
    }
    if (ttl !== undefined && !(Number.isSafeInteger(ttl.ttl) && ttl.ttl > 0)) {
      throw this.#refused(descriptor, `has a TTL of ${ttl.ttl} ms`)
    }
    const { maxEntries = Infinity } = 'maxEntries' in descriptor ? descriptor : {}
    if (maxEntries !== Infinity && !(Number.isSafeInteger(maxEntries) && maxEntries > 0)) {
      throw this.#refused(descriptor, `is bounded to ${maxEntries} entries`)
    }
    const freeze = <T>(value: T): T => this.#context.freeze(value)
    switch (descriptor.kind) {
      case 'value':
        return valueHandle(this.#cell(descriptor), freeze)
      case 'reducing':
        return reducingHandle(descriptor, this.#cell(descriptor), freeze)
      case 'aggregating':
        return aggregatingHandle(descriptor, this.#cell(descriptor), freeze)
      case 'list':
        return listHandle(this.#elements(descriptor), maxEntries, freeze)
      case 'map':
        return mapHandle(descriptor, this.#entries(descriptor, maxEntries), freeze)
    }
  }

  #cell({ name, codec, ttl }: Pick<StateDescriptor, 'name' | 'codec' | 'ttl'>): Cell<unknown> {
    if (ttl !== undefined) return this.#timedCell(name, codec, ttl)
    return plainCell(this, this.#register(this.#valueTable(name, codec)))
  }
  #elements({ name, codec, ttl }: ListStateDescriptor<unknown>): Elements<unknown> {
    if (ttl !== undefined) return this.#timedElements(name, codec, ttl)
    return plainElements(this, this.#register(this.#valueTable(name, listCodec(codec))))
  }
  #entries({ name, codec, ttl }: MapStateDescriptor<unknown, unknown>, maxEntries: number): Entries<unknown> {
    if (ttl !== undefined || maxEntries !== Infinity) return this.#timedEntries(name, codec, ttl, maxEntries)
    return plainEntries(this, this.#register(this.#nestedTable(name, codec)))
  }

  // The codec is null, and the table there before its state is asked for, when a timer came first.
  #timedCell(name: string, codec: Codec<unknown> | null, ttl: TtlOptions): TimedCell<unknown> {
    const at = this.#timedTable(name, codec, this.#timedCells, (timed) => this.#valueTable(name, timed))
    const cell = new TimedCell(this, at.table, new Expiry({ shape: 'cell', name }, ttl, this.#timers))
    this.#expiring.set(name, cell)
    return cell
  }
  #timedElements(name: string, codec: Codec<unknown> | null, ttl: TtlOptions): TimedElements<unknown> {
    const at = this.#timedTable(name, codec, this.#timedLists, (timed) => this.#valueTable(name, listCodec(timed)))
    const elements = new TimedElements(this, at.table, new Expiry({ shape: 'list', name }, ttl, this.#timers))
    this.#expiring.set(name, elements)
    return elements
  }
  #timedEntries(
    name: string,
    codec: Codec<unknown> | null,
    ttl: TtlOptions | undefined,
    maxEntries: number,
  ): TimedEntries<unknown> {
    const at = this.#timedTable(name, codec, this.#timedMaps, (timed) => this.#nestedTable(name, timed))
    const expiry = ttl === undefined ? null : new Expiry({ shape: 'map', name }, ttl, this.#timers)
    const entries = new TimedEntries(this, at.table, expiry, maxEntries)
    this.#expiring.set(name, entries)
    return entries
  }

  #timedTable<Table extends CheckpointedTable>(
    name: string,
    codec: Codec<unknown> | null,
    tables: Map<string, TimedTable<Table>>,
    create: (codec: TimedCodec<unknown>) => Table,
  ): TimedTable<Table> {
    const existing = tables.get(name)
    if (existing !== undefined) {
      if (codec !== null) existing.codec.bind(codec)
      return existing
    }
    const timedCodec = new TimedCodec(name, codec)
    const created = { table: this.#register(create(timedCodec)), codec: timedCodec }
    tables.set(name, created)
    return created
  }
  #valueTable<V>(name: string, codec: Codec<V>): ValueTable<V> {
    const { undo } = this.#context
    if (this.#rows.isFull) this.#rows = new Rows()
    const rows = this.#rows
    if (this.#keys === null) return new ValueTable(name, codec, undo, { rows })
    const table = new IndexedValueTable(name, codec, undo, { rows, index: this.#keys })
    this.#tables.set(name, table)
    return table
  }
  #nestedTable<V>(name: string, codec: Codec<V>): NestedTable<ByteString, V> {
    const { undo } = this.#context
    if (this.#keys === null) return new NestedTable(name, byteStringSubKeys, codec, undo)
    const table = new IndexedNestedTable(name, byteStringSubKeys, codec, undo, this.#keys)
    this.#tables.set(name, table)
    return table
  }
  #register<Table extends CheckpointedTable>(table: Table): Table {
    if (this.#expiring.has(table.name)) throw new StateTtlMismatchError(table.name, { stored: true })
    this.#context.register(table)
    return table
  }
  #refused({ name }: StateDescriptor, why: string): StateDescriptorError {
    return new StateDescriptorError(`State "${name}" of "${this.#context.name}" ${why}.`)
  }
}

const lifeOf = (descriptor: StateDescriptor): string =>
  JSON.stringify([descriptor.ttl ?? null, 'maxEntries' in descriptor ? descriptor.maxEntries : null])

type Freeze = <T>(value: T) => T

const valueHandle = (cell: Cell<unknown>, freeze: Freeze): ValueState<unknown> => ({
  get value() {
    return cell.get()
  },
  set value(value) {
    cell.set(freeze(value))
  },
  clear: () => cell.set(undefined),
})

const reducingHandle = (
  descriptor: ReducingStateDescriptor<unknown>,
  cell: Cell<unknown>,
  freeze: Freeze,
): ReducingState<unknown> => ({
  get: () => cell.get(),
  add: (value) => {
    const before = cell.get()
    cell.set(freeze(before === undefined ? value : descriptor.reduce(before, value)))
  },
  clear: () => cell.set(undefined),
})

const aggregatingHandle = (
  { aggregate }: AggregatingStateDescriptor<unknown, unknown, unknown>,
  cell: Cell<unknown>,
  freeze: Freeze,
): AggregatingState<unknown, unknown> => ({
  get: () => {
    const accumulator = cell.get()
    return accumulator === undefined ? undefined : aggregate.getResult(accumulator)
  },
  add: (value) => {
    const before = cell.get()
    cell.set(freeze(aggregate.add(value, before === undefined ? aggregate.createAccumulator() : before)))
  },
  clear: () => cell.set(undefined),
})

const listHandle = (elements: Elements<unknown>, maxEntries: number, freeze: Freeze): ListState<unknown> => ({
  get size() {
    return elements.size
  },
  get: () => elements.get(),
  add: (value) => elements.append(freeze(value), maxEntries),
  replace: (values) => {
    const kept = values.slice(Math.max(0, values.length - maxEntries))
    elements.replace(kept.map((value) => freeze(value)))
  },
  clear: () => elements.replace([]),
  [Symbol.iterator]: () => elements.get()[Symbol.iterator](),
})
