import { HashTable } from './hash-table.ts'

/** In memory: the cell is known to be absent, whatever the store holds. */
export const absent = Symbol('absent')
export type Absent = typeof absent

/**
 * What a table has in memory, in two generations: what was used since the last `start`, and what was not. Eviction then
 * is dropping one of them. A list in the order of use would cost each access; this costs one lookup while all is young.
 */
export class Generations<T> {
  #young = new HashTable<T | Absent>()
  #old = new HashTable<T | Absent>()
  /** What was asked for last: whoever sets a value has just read it, and reads it again. Always young. */
  #lastKey = ''
  #last: T | Absent | undefined
  /** `#last` is what `#lastKey` has. */
  #isLast = false

  /** Absent ones too. */
  get size(): number {
    return this.#young.size + this.#old.size
  }
  /** Undefined: not in memory. What is found is young from now on. */
  get(key: string): T | Absent | undefined {
    if (this.#isLast && key === this.#lastKey) return this.#last
    const young = this.#young.get(key)
    const found = young !== undefined || this.#old.size === 0 ? young : this.#rejuvenate(key)
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
    this.#young.set(key, value)
    if (this.#old.size > 0) this.#old.delete(key)
    this.recall(key, value)
  }
  delete(key: string): void {
    this.#isLast = false
    if (!this.#young.delete(key) && this.#old.size > 0) this.#old.delete(key)
  }
  *entries(): Generator<[string, T]> {
    for (const generation of [this.#young, this.#old]) {
      for (const [key, value] of generation.entries()) if (value !== absent) yield [key, value]
    }
  }

  /** All is old from now on. Only when nothing else is. */
  start(): void {
    this.#isLast = false // it must be found, to be young
    for (const [key, value] of this.#old.entries()) this.#young.set(key, value)
    this.#old = this.#young
    this.#young = new HashTable()
  }
  dropOld(): void {
    this.#old = new HashTable()
  }

  #rejuvenate(key: string): T | Absent | undefined {
    const found = this.#old.get(key)
    if (found === undefined) return undefined
    this.#old.delete(key)
    this.#young.set(key, found)
    return found
  }
}
