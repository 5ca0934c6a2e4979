/**
 * A map whose keys can be walked in order. The order is worked out when it is asked for and kept while keys are only
 * appended at the end, as times are.
 */
export class OrderedMap<K extends string | number, V> {
  readonly #values = new Map<K, V>()
  #sorted: K[] | null = null

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
    if (this.#sorted === null || this.#values.size === before) return
    const last = this.#sorted.at(-1)
    if (last === undefined || last < key) this.#sorted.push(key)
    else this.#sorted = null
  }
  delete(key: K): void {
    if (this.#values.delete(key)) this.#sorted = null
  }

  /** Ascending. A snapshot: changes made while it is walked do not show. */
  keys(): readonly K[] {
    this.#sorted ??= [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1))
    return this.#values.size === 0 ? [] : this.#sorted.slice()
  }

  /** The keys in `[from, to]`, ascending. */
  keysBetween(from: K, to: K): readonly K[] {
    this.#sorted ??= [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1))
    const sorted = this.#sorted
    return sorted.slice(lowerBound(sorted, from, false), lowerBound(sorted, to, true))
  }

  unordered(): IterableIterator<[K, V]> {
    return this.#values.entries()
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
