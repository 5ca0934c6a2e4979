import type { Entries } from './current-key.ts'
import { byteStringsOf } from './key-encoding.ts'
import { StateDescriptorError } from './state-descriptor-error.ts'
import type { MapState, MapStateDescriptor } from './state.ts'

/** The entries of one key by the keys of the map. */
export const mapHandle = (
  { name, keyCodec }: MapStateDescriptor<unknown, unknown>,
  entries: Entries<unknown>,
  freeze: <T>(value: T) => T,
): MapState<unknown, unknown> => {
  const { of, from } = byteStringsOf(keyCodec)
  function* all(): Generator<readonly [unknown, unknown]> {
    for (const sub of entries.subs()) {
      const value = entries.get(sub)
      if (value !== undefined) yield [from(sub), value]
    }
  }
  return {
    get size() {
      return entries.size
    },
    get: (key) => entries.get(of(key)),
    has: (key) => entries.get(of(key)) !== undefined,
    set: (key, value) => {
      if (value === undefined) throw new StateDescriptorError(`Map "${name}" cannot hold undefined.`)
      entries.set(of(key), freeze(value))
    },
    delete: (key) => entries.set(of(key), undefined),
    entries: all,
    *keys() {
      for (const [key] of all()) yield key
    },
    *values() {
      for (const [, value] of all()) yield value
    },
    clear: () => {
      for (const sub of entries.subs()) entries.set(sub, undefined)
    },
    [Symbol.iterator]: all,
  }
}
