/** In memory: the cell is known to be absent, whatever the store holds. */
export const absent = Symbol('absent')
export type Absent = typeof absent

/**
 * A `Map` that grows copies all it has, which for a million keys holds the event loop for a third of a second: so keys are
 * spread over many.
 */
const shards = 64
/** Of its first and its last chars: keys of several parts, or numbered ones, differ in one or the other. */
const sampled = 8

const shardOf = (key: string): number => {
  const { length } = key
  let hash = length
  for (let at = 0; at < sampled && at < length; at += 1) hash = Math.imul(hash, 31) + key.charCodeAt(at)
  for (let at = Math.max(sampled, length - sampled); at < length; at += 1) {
    hash = Math.imul(hash, 31) + key.charCodeAt(at)
  }
  return Math.imul(hash, 0x9e3779b1) >>> (32 - Math.log2(shards))
}

type Shards<T> = Map<string, T | Absent>[]
const newShards = <T>(): Shards<T> => Array.from({ length: shards }, () => new Map<string, T | Absent>())

/**
 * What a table has in memory, in two generations: what was used since the last `start`, and what was not. Eviction then
 * is dropping one of them. A list in the order of use would cost each access; this costs one lookup while all is young.
 */
export class Generations<T> {
  #young = newShards<T>()
  #old = newShards<T>()
  #youngSize = 0
  #oldSize = 0
  /** What was asked for last: whoever sets a value has just read it, and reads it again. Always young. */
  #lastKey = ''
  #last: T | Absent | undefined
  /** `#last` is what `#lastKey` has. */
  #isLast = false

  /** Absent ones too. */
  get size(): number {
    return this.#youngSize + this.#oldSize
  }
  /** Undefined: not in memory. What is found is young from now on. */
  get(key: string): T | Absent | undefined {
    if (this.#isLast && key === this.#lastKey) return this.#last
    const shard = shardOf(key)
    const young = this.#young[shard]?.get(key)
    const found = young !== undefined || this.#oldSize === 0 ? young : this.#rejuvenate(key, shard)
    this.recall(key, found)
    return found
  }
  /** What `get` would find, where it is known without a look: `key` was asked for last. */
  lastOf(key: string): T | Absent | undefined {
    return this.#isLast && key === this.#lastKey ? this.#last : undefined
  }
  /** As `get`, for who still holds what is young and knows that it is. */
  recall(key: string, young: T | Absent | undefined): void {
    this.#lastKey = key
    this.#last = young
    this.#isLast = true
  }
  set(key: string, value: T | Absent): void {
    const shard = shardOf(key)
    this.#put(key, value, shard)
    if (this.#oldSize > 0 && this.#old[shard]?.delete(key) === true) this.#oldSize -= 1
    this.recall(key, value)
  }
  delete(key: string): void {
    const shard = shardOf(key)
    this.#isLast = false
    if (this.#young[shard]?.delete(key) === true) this.#youngSize -= 1
    if (this.#oldSize > 0 && this.#old[shard]?.delete(key) === true) this.#oldSize -= 1
  }
  *entries(): Generator<[string, T]> {
    for (const generation of [this.#young, this.#old]) {
      for (const shard of generation) for (const [key, value] of shard) if (value !== absent) yield [key, value]
    }
  }

  /** All is old from now on. Only when nothing else is. */
  start(): void {
    this.#isLast = false // it must be found, to be young
    for (const [index, shard] of this.#old.entries()) {
      for (const [key, value] of shard) this.#put(key, value, index)
    }
    this.#old = this.#young
    this.#oldSize = this.#youngSize
    this.#young = newShards()
    this.#youngSize = 0
  }
  dropOld(): void {
    this.#old = newShards()
    this.#oldSize = 0
  }

  #put(key: string, value: T | Absent, shard: number): void {
    const young = this.#young[shard]
    if (young === undefined) throw new Error('assertion: there is no such shard')
    const before = young.size
    young.set(key, value)
    this.#youngSize += young.size - before
  }
  #rejuvenate(key: string, shard: number): T | Absent | undefined {
    const old = this.#old[shard]
    const found = old?.get(key)
    if (found === undefined) return undefined
    old?.delete(key)
    this.#oldSize -= 1
    this.#put(key, found, shard)
    return found
  }
}
