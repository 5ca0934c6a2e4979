import { byteStringSubKeys, NestedTable } from '../state/nested-table.ts'
import type { ByteString } from '../state/key-encoding.ts'
import type { ValueState, ValueStateDescriptor } from '../state/state.ts'
import type { OperatorContext } from './operator.ts'

interface Bound<T> {
  readonly table: NestedTable<string, T>
  readonly handle: ValueState<T>
}

/** Values by key and window, a table for each descriptor; its handles are of the key and window in hand. */
export class WindowState {
  key: ByteString = ''
  window: ByteString = ''
  readonly #prefix: string
  readonly #context: OperatorContext
  readonly #bound = new Map<string, unknown>()

  constructor(prefix: string, context: OperatorContext) {
    this.#prefix = prefix
    this.#context = context
  }

  state<T>(descriptor: ValueStateDescriptor<T>): ValueState<T> {
    return this.#bind(descriptor).handle
  }

  /** The value of the window in hand becomes what it and those of `windows` come to, in their order; theirs go. */
  merge<T>(descriptor: ValueStateDescriptor<T>, windows: readonly ByteString[], combine: (a: T, b: T) => T): void {
    const { table } = this.#bind(descriptor)
    let merged = table.get(this.key, this.window)
    for (const window of windows) {
      const value = table.get(this.key, window)
      if (value === undefined || window === this.window) continue
      merged = merged === undefined ? value : combine(merged, value)
      table.set(this.key, window, undefined)
    }
    table.set(this.key, this.window, this.#context.freeze(merged))
  }

  #bind<T>(descriptor: ValueStateDescriptor<T>): Bound<T> {
    const existing = this.#bound.get(descriptor.name)
    if (existing !== undefined) return existing as Bound<T> // made of a descriptor of this name, which is declared once
    const context = this.#context
    const name = `${this.#prefix}${descriptor.name}`
    const table = new NestedTable<string, T>(name, byteStringSubKeys, descriptor.codec, context.undo)
    context.register(table)
    // oxlint-disable-next-line typescript/no-this-alias -- the handle's own `this` is the handle
    const inHand = this
    const handle: ValueState<T> = {
      get value() {
        return table.get(inHand.key, inHand.window)
      },
      set value(value) {
        table.set(inHand.key, inHand.window, context.freeze(value))
      },
      clear: () => table.set(inHand.key, inHand.window, undefined),
    }
    const bound = { table, handle }
    this.#bound.set(descriptor.name, bound)
    return bound
  }
}
