/** In memory: the cell is known to be absent, whatever the store holds. */
export const absent = Symbol('absent')
export type Absent = typeof absent

/**
 * What a table has in memory, in two generations: what was used since the last `start`, and what was not. Eviction then
 * is dropping one map. A list in the order of use would cost each access; this costs one lookup while all is young.
 */
export class Generations<T> {
  #young = new Map<string, T | Absent>()
  #old = new Map<string, T | Absent>()
  /** What was asked for last: whoever sets a value has just read it, and reads it again. Null: nothing. Always young. */
  #lastKey: string | null = null
  #last: T | Absent | undefined

  /** Absent ones too. */
  get size(): number {
    return this.#young.size + this.#old.size
  }
  /** Undefined: not in memory. What is found is young from now on. */
  get(key: string): T | Absent | undefined {
    if (key === this.#lastKey) return this.#last
    const young = this.#young.get(key)
    const found = young !== undefined || this.#old.size === 0 ? young : this.#rejuvenate(key)
    this.#lastKey = key
    this.#last = found
    return found
  }
  set(key: string, value: T | Absent): void {
    this.#young.set(key, value)
    if (this.#old.size > 0) this.#old.delete(key)
    this.#lastKey = key
    this.#last = value
  }
  delete(key: string): void {
    this.#lastKey = null
    this.#young.delete(key)
    this.#old.delete(key)
  }
  *entries(): Generator<[string, T]> {
    for (const [key, value] of this.#young) if (value !== absent) yield [key, value]
    for (const [key, value] of this.#old) if (value !== absent) yield [key, value]
  }

  /** All is old from now on. Only when nothing else is. */
  start(): void {
    this.#lastKey = null // it must be found, to be young
    for (const [key, value] of this.#old) this.#young.set(key, value)
    this.#old = this.#young
    this.#young = new Map()
  }
  dropOld(): void {
    this.#old = new Map()
  }

  #rejuvenate(key: string): T | Absent | undefined {
    const found = this.#old.get(key)
    if (found === undefined) return undefined
    this.#old.delete(key)
    this.#young.set(key, found)
    return found
  }
}
