import type { Timestamp } from '../time.ts'

/**
 * What a window came to, for the keys that the next window holds too, in the order of their bytes. Windows slide over
 * most keys without gaining or losing a pane: the next one is the same, and need not be looked up and merged again.
 * Lists side by side, so that going through them touches nothing of a key but what is asked for. Follows from state: it
 * may be forgotten at any time.
 */
export class CarriedWindows<Key, Acc> {
  /** Of the window that it is carried to. */
  readonly end: Timestamp
  readonly #keys: string[] = []
  readonly #userKeys: Key[] = []
  readonly #merged: Acc[] = []
  /** Where the first and the last pane of the key begin. */
  readonly #firsts: Timestamp[] = []
  readonly #lasts: Timestamp[] = []
  #at = 0

  constructor(end: Timestamp) {
    this.end = end
  }

  /** Keys in ascending order. */
  add(key: string, userKey: Key, merged: Acc, panes: { readonly first: Timestamp; readonly last: Timestamp }): void {
    this.#keys.push(key)
    this.#userKeys.push(userKey)
    this.#merged.push(merged)
    this.#firsts.push(panes.first)
    this.#lasts.push(panes.last)
  }
  /** Carries on what lies at `at` of `before`. */
  addFrom(before: CarriedWindows<Key, Acc>, at: number): void {
    this.#keys.push(before.#keys[at] as string) // `find` gave `at`: the lists of `before` are that long
    this.#userKeys.push(before.#userKeys[at] as Key)
    this.#merged.push(before.#merged[at] as Acc)
    this.#firsts.push(before.#firsts[at] as Timestamp)
    this.#lasts.push(before.#lasts[at] as Timestamp)
  }

  /** Asked for keys in ascending order. @returns where it lies, or −1 */
  find(key: string): number {
    const keys = this.#keys
    for (; this.#at < keys.length; this.#at += 1) {
      const next = keys[this.#at]
      if (next === key) {
        this.#at += 1
        return this.#at - 1
      }
      if (next === undefined || next > key) return -1
    }
    return -1
  }
  userKeyAt(at: number): Key {
    return this.#userKeys[at] as Key // as in `addFrom`; so are those below
  }
  mergedAt(at: number): Acc {
    return this.#merged[at] as Acc
  }
  firstAt(at: number): Timestamp {
    return this.#firsts[at] as Timestamp
  }
  lastAt(at: number): Timestamp {
    return this.#lasts[at] as Timestamp
  }
}
