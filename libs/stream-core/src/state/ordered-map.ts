/** Up to so many keys, one that comes or goes in the middle is put into or taken out of the order at once. */
const spliceUpTo = 64

/**
 * A map whose keys can be walked in order. Keys mostly come in ascending order, as times do, and go from either end.
 * Otherwise, in a large map, the order is worked out when it is asked for.
 */
export class OrderedMap<K extends string | number, V> {
  readonly #values = new Map<K, V>()
  #sorted: K[] = []
  #isSorted = true

  get size(): number {
    return this.#values.size
  }
  get(key: K): V | undefined {
    return this.#values.get(key)
  }
  has(key: K): boolean {
    return this.#values.has(key)
  }
  set(key: K, value: V): void {
    const before = this.#values.size
    this.#values.set(key, value)
    if (!this.#isSorted || this.#values.size === before) return
    const last = this.#sorted.at(-1)
    if (last === undefined || last < key) this.#sorted.push(key)
    else if (this.#sorted.length <= spliceUpTo) this.#sorted.splice(lowerBound(this.#sorted, key, false), 0, key)
    else this.#isSorted = false
  }
  delete(key: K): void {
    if (!this.#values.delete(key) || !this.#isSorted) return
    if (this.#sorted[0] === key) this.#sorted.shift()
    else if (this.#sorted.at(-1) === key) this.#sorted.pop()
    else if (this.#sorted.length <= spliceUpTo) this.#sorted.splice(lowerBound(this.#sorted, key, false), 1)
    else this.#isSorted = false
  }

  /** Ascending. A snapshot: changes made while it is walked do not show. */
  keys(): readonly K[] {
    return this.#values.size === 0 ? [] : this.#inOrder().slice()
  }
  first(): K | undefined {
    return this.#inOrder()[0]
  }
  /** The greatest key at or below `key`. */
  floor(key: K): K | undefined {
    const sorted = this.#inOrder()
    return sorted[lowerBound(sorted, key, true) - 1]
  }

  /** Calls `visit` with the values at the keys in `[from, to]`, ascending. It must not change the map. */
  visitBetween(from: K, to: K, visit: (value: V, key: K) => void): void {
    const sorted = this.#inOrder()
    for (let at = lowerBound(sorted, from, false); at < sorted.length; at += 1) {
      const key = sorted[at]
      if (key === undefined || key > to) return
      const value = this.#values.get(key)
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
      const next = this.#values.get(key)
      if (next !== undefined) merged = merged === undefined ? next : merge(merged, next)
    }
    return merged
  }

  unordered(): IterableIterator<[K, V]> {
    return this.#values.entries()
  }

  #inOrder(): K[] {
    if (!this.#isSorted) {
      this.#sorted = [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1))
      this.#isSorted = true
    }
    return this.#sorted
  }
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
