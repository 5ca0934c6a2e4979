import type { Codec } from '../codec.ts'

/**
 * An immutable list that appends in constant time: a view of the first `size` items of an array that later views share.
 * An earlier view stays what it was, so it can stand in the undo log.
 */
export class ListView<T> implements Iterable<T> {
  readonly #items: T[]
  readonly size: number

  private constructor(items: T[], size: number) {
    this.#items = items
    this.size = size
  }
  static of<T>(items: readonly T[]): ListView<T> {
    return new ListView(items.slice(), items.length)
  }

  append(item: T): ListView<T> {
    const items = this.#items.length === this.size ? this.#items : this.#items.slice(0, this.size)
    items.push(item)
    return new ListView(items, items.length)
  }
  toArray(): readonly T[] {
    return this.#items.slice(0, this.size)
  }
  [Symbol.iterator](): Iterator<T> {
    return this.toArray()[Symbol.iterator]()
  }
}

/** Items one after the other, each with its length in four bytes before it. */
export const listCodec = <T>(item: Codec<T>): Codec<ListView<T>> => {
  const read = (bytes: Uint8Array, decode: (bytes: Uint8Array) => T): ListView<T> => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const items: T[] = []
    for (let at = 0; at < bytes.length;) {
      const end = at + 4 + view.getUint32(at)
      items.push(decode(bytes.subarray(at + 4, end)))
      at = end
    }
    return ListView.of(items)
  }
  return {
    version: item.version,
    encode: (list) =>
      Buffer.concat(
        list.toArray().flatMap((value) => {
          const bytes = item.encode(value)
          const length = Buffer.alloc(4)
          length.writeUInt32BE(bytes.length)
          return [length, bytes]
        }),
      ),
    decode: (bytes) => read(bytes, (part) => item.decode(part)),
    ...(item.migrate && { migrate: (bytes, version) => read(bytes, (part) => migrated(item, part, version)) }),
  }
}

const migrated = <T>(codec: Codec<T>, bytes: Uint8Array, version: number): T =>
  codec.migrate === undefined ? codec.decode(bytes) : codec.migrate(bytes, version)
