import type { Codec } from '../codec.ts'

/**
 * An immutable list that appends, and drops from its front, in constant time: a view of a stretch of an array that other
 * views share. An earlier view stays what it was, so it can stand in the undo log.
 */
export class ListView<T> implements Iterable<T> {
  readonly #items: T[]
  readonly #start: number
  readonly size: number

  private constructor(items: T[], start: number, size: number) {
    this.#items = items
    this.#start = start
    this.size = size
  }
  static of<T>(items: readonly T[]): ListView<T> {
    return new ListView(items.slice(), 0, items.length)
  }

  append(item: T): ListView<T> {
    const [start, end] = [this.#start, this.#start + this.size]
    // Shared as long as nobody appended to it from an earlier view, and most of it is still in use.
    if (this.#items.length === end && start <= this.size) {
      this.#items.push(item)
      return new ListView(this.#items, start, this.size + 1)
    }
    const items = this.#items.slice(start, end)
    items.push(item)
    return new ListView(items, 0, items.length)
  }
  /** Without the first `count`, which is not above `size`. */
  dropFirst(count: number): ListView<T> {
    return count === 0 ? this : new ListView(this.#items, this.#start + count, this.size - count)
  }
  /** `index` is at least 0 and below `size`. */
  at(index: number): T {
    return this.#items[this.#start + index] as T // within the view, by the caller
  }
  toArray(): readonly T[] {
    return this.#items.slice(this.#start, this.#start + this.size)
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
    encode: (list) => {
      const parts = list.toArray().map((value) => item.encode(value))
      const written = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + 4 + part.length, 0))
      let at = 0
      for (const part of parts) {
        written.set(part, written.writeUInt32BE(part.length, at))
        at += 4 + part.length
      }
      return written
    },
    decode: (bytes) => read(bytes, (part) => item.decode(part)),
    ...(item.migrate && { migrate: (bytes, version) => read(bytes, (part) => migrated(item, part, version)) }),
  }
}

const migrated = <T>(codec: Codec<T>, bytes: Uint8Array, version: number): T =>
  codec.migrate === undefined ? codec.decode(bytes) : codec.migrate(bytes, version)
