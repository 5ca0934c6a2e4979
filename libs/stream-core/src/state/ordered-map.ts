/** Up to so many keys two lists in order serve better than a `Map`: they take a third of its memory. */
const few = 32

/**
 * A map whose keys can be walked in order. Keys mostly come in ascending order, as times do, and go from either end.
 * Few keys are kept in order at all times; of many the order is worked out when it is asked for, if one came or went in
 * between.
 */
export class OrderedMap<K extends string | number, V> {
  /** In order, unless `#values` is there and `#isSorted` is not set. */
  #keys: K[] = []
  /** Those of `#keys`, while there are few. */
  #list: V[] = []
  /** Once there were many. */
  #values: Map<K, V> | null = null
  #isSorted = true

  get size(): number {
    return this.#values === null ? this.#keys.length : this.#values.size
  }
  get(key: K): V | undefined {
    if (this.#values !== null) return this.#values.get(key)
    const at = this.#indexOf(key)
    return at < 0 ? undefined : this.#list[at]
  }
  has(key: K): boolean {
    return this.#values !== null ? this.#values.has(key) : this.#indexOf(key) >= 0
  }

  set(key: K, value: V): void {
    const values = this.#values
    if (values === null) {
      this.#setInList(key, value)
      return
    }
    const before = values.size
    values.set(key, value)
    if (!this.#isSorted || values.size === before) return
    const last = this.#keys.at(-1)
    if (last === undefined || last < key) this.#keys.push(key)
    else this.#isSorted = false
  }

  delete(key: K): void {
    const keys = this.#keys
    if (this.#values === null) {
      const at = this.#indexOf(key)
      if (at < 0) return
      removeAt(keys, at)
      removeAt(this.#list, at)
      return
    }
    if (!this.#values.delete(key)) return
    if (this.#values.size === 0) {
      this.#keys = []
      this.#values = null
      this.#isSorted = true
      return
    }
    if (!this.#isSorted) return
    if (keys[0] === key) keys.shift()
    else if (keys.at(-1) === key) keys.pop()
    else this.#isSorted = false
  }

  /** Ascending. A snapshot: changes made while it is walked do not show. */
  keys(): readonly K[] {
    return this.#inOrder().slice()
  }
  first(): K | undefined {
    return this.#inOrder()[0]
  }
  last(): K | undefined {
    return this.#inOrder().at(-1)
  }
  /** The greatest key at or below `key`. */
  floor(key: K): K | undefined {
    const sorted = this.#inOrder()
    return sorted[lowerBound(sorted, key, true) - 1]
  }
  /** The least key at or above `key`. */
  ceiling(key: K): K | undefined {
    const sorted = this.#inOrder()
    return sorted[lowerBound(sorted, key, false)]
  }
  /** The least key above `key`. */
  higher(key: K): K | undefined {
    const sorted = this.#inOrder()
    return sorted[lowerBound(sorted, key, true)]
  }

  /** Calls `visit` with the values at the keys in `[from, to]`, ascending. It must not change the map. */
  visitBetween(from: K, to: K, visit: (value: V, key: K) => void): void {
    const sorted = this.#inOrder()
    for (let at = lowerBound(sorted, from, false); at < sorted.length; at += 1) {
      const key = sorted[at]
      if (key === undefined || key > to) return
      const value = this.#at(at, key)
      if (value !== undefined) visit(value, key)
    }
  }
  hasBetween(from: K, to: K): boolean {
    const sorted = this.#inOrder()
    const at = sorted[lowerBound(sorted, from, false)]
    return at !== undefined && at <= to
  }
  /** The values at the keys in `[from, to]`, ascending, one made of the ones before and the next. Undefined: none. */
  reduceBetween(from: K, to: K, merge: (before: V, next: V) => V): V | undefined {
    const sorted = this.#inOrder()
    let merged: V | undefined
    for (let at = lowerBound(sorted, from, false); at < sorted.length; at += 1) {
      const key = sorted[at]
      if (key === undefined || key > to) break
      const next = this.#at(at, key)
      if (next !== undefined) merged = merged === undefined ? next : merge(merged, next)
    }
    return merged
  }

  *unordered(): Generator<[K, V]> {
    if (this.#values !== null) {
      yield* this.#values
      return
    }
    for (const [at, key] of this.#keys.entries()) yield [key, this.#list[at] as V] // the lists are of one length
  }

  #at(index: number, key: K): V | undefined {
    return this.#values === null ? this.#list[index] : this.#values.get(key)
  }

  #setInList(key: K, value: V): void {
    const keys = this.#keys
    const last = keys.length === 0 ? undefined : keys[keys.length - 1]
    if (last === undefined || last < key) {
      keys.push(key)
      this.#list.push(value)
    } else {
      const at = lowerBound(keys, key, false)
      if (keys[at] === key) {
        this.#list[at] = value
        return
      }
      keys.splice(at, 0, key)
      this.#list.splice(at, 0, value)
    }
    if (keys.length <= few) return
    this.#values = new Map(keys.map((each, index) => [each, this.#list[index] as V])) // the lists are of one length
    this.#list = []
  }

  /** Of few keys; the last is asked for most. */
  #indexOf(key: K): number {
    const keys = this.#keys
    const last = keys.length - 1
    if (last < 0) return -1
    if (keys[last] === key) return last
    const at = lowerBound(keys, key, false)
    return keys[at] === key ? at : -1
  }

  #inOrder(): K[] {
    if (!this.#isSorted && this.#values !== null) {
      this.#keys = [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1))
      this.#isSorted = true
    }
    return this.#keys
  }
}

const removeAt = (list: unknown[], at: number): void => {
  if (at === list.length - 1) list.pop()
  else if (at === 0) list.shift()
  else list.splice(at, 1)
}

const lowerBound = <K extends string | number>(sorted: readonly K[], key: K, after: boolean): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = sorted[middle]
    if (at !== undefined && (at < key || (after && at === key))) low = middle + 1
    else high = middle
  }
  return low
}
