import type { OperatorContext } from '../operators/operator.ts'
import { mapHandle } from './map-handle.ts'
import { plainEntries } from './plain-state.ts'
import { StateDescriptorError } from './state-descriptor-error.ts'
import { byteStringSubKeys, NestedTable } from './nested-table.ts'
import type { MapState, MapStateDescriptor, ReadOnlyMapState } from './state.ts'

/** The state has no key: where a job runs in shards, each has a copy of all of it. */
const noKey = ''

/** A table that every shard has alike. */
export class BroadcastTable<V> extends NestedTable<string, V> {
  readonly isBroadcast = true
}

/** What a broadcast stream writes and the elements of the other stream read. */
export class BroadcastState {
  readonly #operator: string
  readonly #byName = new Map<
    string,
    { readonly write: MapState<unknown, unknown>; readonly read: ReadOnlyMapState<unknown, unknown> }
  >()

  constructor(context: OperatorContext, descriptors: readonly MapStateDescriptor<unknown, unknown>[]) {
    this.#operator = context.name
    for (const descriptor of descriptors) {
      const { name, codec, ttl, maxEntries } = descriptor
      if (name === '' || this.#byName.has(name) || ttl !== undefined || maxEntries !== undefined) {
        throw new StateDescriptorError(
          `The broadcast state "${name}" of "${context.name}" has no name of its own, or a TTL or bound, which it cannot.`,
        )
      }
      const table = new BroadcastTable(`#broadcast-${name}`, byteStringSubKeys, codec, context.undo)
      context.register(table)
      const entries = plainEntries({ key: noKey, now: 0 }, table)
      const write = mapHandle(descriptor, entries, (value) => context.freeze(value))
      this.#byName.set(name, { write, read: readOnly(write) })
    }
  }

  writable(descriptor: MapStateDescriptor<unknown, unknown>): MapState<unknown, unknown> {
    return this.#of(descriptor).write
  }
  readable(descriptor: MapStateDescriptor<unknown, unknown>): ReadOnlyMapState<unknown, unknown> {
    return this.#of(descriptor).read
  }

  #of({ name }: MapStateDescriptor<unknown, unknown>) {
    const state = this.#byName.get(name)
    if (state === undefined) {
      throw new StateDescriptorError(`The state "${name}" of "${this.#operator}" is not given to broadcast().`)
    }
    return state
  }
}

const readOnly = (state: MapState<unknown, unknown>): ReadOnlyMapState<unknown, unknown> => ({
  get size() {
    return state.size
  },
  get: (key) => state.get(key),
  has: (key) => state.has(key),
  entries: () => state.entries(),
  keys: () => state.keys(),
  values: () => state.values(),
  [Symbol.iterator]: () => state.entries(),
})
