import type { OperatorContext } from '../operators/operator.ts'
import type { Timer, Timers } from '../timers.ts'
import type { Timestamp } from '../time.ts'
import { byteStringsOf, type ByteString } from './key-encoding.ts'
import { ListView, listCodec } from './list-view.ts'
import { byteStringSubKeys, NestedTable, ValueTable } from './state-table.ts'
import type {
  ListState,
  ListStateDescriptor,
  MapState,
  MapStateDescriptor,
  ValueState,
  ValueStateDescriptor,
} from './state.ts'

export type StateDescriptor =
  ValueStateDescriptor<unknown> | ListStateDescriptor<unknown> | MapStateDescriptor<unknown, unknown>
type StateHandle = ValueState<unknown> | ListState<unknown> | MapState<unknown, unknown>

export class StateDescriptorError extends Error {
  readonly code = 'STREAM_STATE_DESCRIPTOR'
  readonly handling = 'stop'
  readonly remedy = 'Give each state of an operator its own name and declare its descriptor once.'
}

/** The keyed state of one operator: handles bound to the key that is being processed, one for each descriptor. */
export class KeyedState {
  /** Of the element or timer that is being processed. */
  key: ByteString = ''
  now: Timestamp = 0
  readonly #context: OperatorContext
  readonly #handles = new WeakMap<object, StateHandle>()
  readonly #byName = new Map<string, { readonly descriptor: StateDescriptor; readonly handle: StateHandle }>()

  constructor(context: OperatorContext, _timers: Timers) {
    this.#context = context
  }

  bind(descriptor: StateDescriptor): StateHandle {
    const handle = this.#handles.get(descriptor)
    if (handle !== undefined) return handle
    const named = this.#byName.get(descriptor.name)
    if (named !== undefined && named.descriptor.kind !== descriptor.kind) {
      throw new StateDescriptorError(
        `State "${descriptor.name}" of "${this.#context.name}" is declared as ${named.descriptor.kind} and as ${descriptor.kind}.`,
      )
    }
    const created = named?.handle ?? this.#create(descriptor)
    this.#handles.set(descriptor, created)
    if (named === undefined) this.#byName.set(descriptor.name, { descriptor, handle: created })
    return created
  }

  /** A timer of the state itself is due. */
  expire(_timer: Timer): void {
    return
  }

  #create(descriptor: StateDescriptor): StateHandle {
    if (descriptor.name.startsWith('#')) {
      throw new StateDescriptorError(`The state name "${descriptor.name}" begins with #, which is reserved.`)
    }
    if (descriptor.ttl !== undefined) {
      throw new StateDescriptorError(`State "${descriptor.name}" asks for a TTL, which this version does not have yet.`)
    }
    switch (descriptor.kind) {
      case 'value':
        return this.#createValue(descriptor)
      case 'list':
        return this.#createList(descriptor)
      case 'map':
        return this.#createMap(descriptor)
    }
  }

  #createValue(descriptor: ValueStateDescriptor<unknown>): ValueState<unknown> {
    const context = this.#context
    const table = new ValueTable(descriptor.name, descriptor.codec, context.undo)
    context.register(table)
    // oxlint-disable-next-line typescript/no-this-alias -- the handle's own `this` is the handle
    const operator = this
    return {
      get value() {
        return table.get(operator.key)
      },
      set value(value) {
        table.set(operator.key, context.freeze(value))
      },
      clear: () => table.set(operator.key, undefined),
    }
  }

  #createList(descriptor: ListStateDescriptor<unknown>): ListState<unknown> {
    const context = this.#context
    const table = new ValueTable<ListView<unknown>>(descriptor.name, listCodec(descriptor.codec), context.undo)
    context.register(table)
    const current = () => table.get(this.key)
    return {
      get size() {
        return current()?.size ?? 0
      },
      get: () => current()?.toArray() ?? [],
      add: (value) => {
        const frozen = context.freeze(value)
        table.set(this.key, current()?.append(frozen) ?? ListView.of([frozen]))
      },
      replace: (values) => {
        const list = ListView.of(values.map((value) => context.freeze(value)))
        table.set(this.key, list.size === 0 ? undefined : list)
      },
      clear: () => table.set(this.key, undefined),
      [Symbol.iterator]: () => (current()?.toArray() ?? [])[Symbol.iterator](),
    }
  }

  #createMap(descriptor: MapStateDescriptor<unknown, unknown>): MapState<unknown, unknown> {
    const context = this.#context
    const { of, from } = byteStringsOf(descriptor.keyCodec)
    const table = new NestedTable<string, unknown>(descriptor.name, byteStringSubKeys, descriptor.codec, context.undo)
    context.register(table)
    const current = () => table.of(this.key)
    function* entries(): Generator<readonly [unknown, unknown]> {
      const map = current()
      for (const sub of map?.keys() ?? []) yield [from(sub), map?.get(sub)] as const
    }
    function* keys(): Generator {
      for (const sub of current()?.keys() ?? []) yield from(sub)
    }
    function* values(): Generator {
      const map = current()
      for (const sub of map?.keys() ?? []) yield map?.get(sub)
    }
    return {
      get size() {
        return current()?.size ?? 0
      },
      get: (key) => table.get(this.key, of(key)),
      has: (key) => table.get(this.key, of(key)) !== undefined,
      set: (key, value) => {
        if (value === undefined) throw new StateDescriptorError(`Map "${descriptor.name}" cannot hold undefined.`)
        table.set(this.key, of(key), context.freeze(value))
      },
      delete: (key) => table.set(this.key, of(key), undefined),
      entries,
      keys,
      values,
      clear: () => {
        for (const sub of current()?.keys() ?? []) table.set(this.key, sub, undefined)
      },
      [Symbol.iterator]: entries,
    }
  }
}
