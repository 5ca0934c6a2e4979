import { hashOf } from './scanned-key.ts'

/**
 * A table that grows moves all it has, which for a million keys holds the event loop for tens of milliseconds: so keys are
 * spread over many.
 */
const shards = 64
const shardBits = Math.log2(shards)
const firstSlots = 8
/** What a slot is made of. They lie side by side, so that a look at one is mostly one read from memory. */
const hashAt = 0
const keyAt = 1
const valueAt = 2
const slotLength = 3
/** A key lies no further from its place: who chooses keys could otherwise make each look as long as the table. */
const longestWay = 64

/**
 * Values by key. A `Map` looks at each of several keys before it finds the right one, and each is read from far off; here
 * their hashes tell all but the right one apart, so that of 100,000 keys one is found in two thirds of the time. Source:
 * open addressing with linear probing; a key that is deleted makes room for those that gave way to it.
 */
export class HashTable<T> {
  readonly #shards = Array.from({ length: shards }, () => new Shard<T>())
  #size = 0

  get size(): number {
    return this.#size
  }
  get(key: string): T | undefined {
    const hash = hashOf(key)
    return this.#shards[hash & (shards - 1)]?.get(key, hash)
  }
  set(key: string, value: T): void {
    const hash = hashOf(key)
    if (this.#shards[hash & (shards - 1)]?.set(key, hash, value) === true) this.#size += 1
  }
  /** @returns whether it was there */
  delete(key: string): boolean {
    const hash = hashOf(key)
    const wasThere = this.#shards[hash & (shards - 1)]?.delete(key, hash) === true
    if (wasThere) this.#size -= 1
    return wasThere
  }
  /** In no order that says anything. Of no use once something changes: a key that is deleted moves others. */
  *entries(): Generator<[string, T]> {
    for (const shard of this.#shards) yield* shard.entries()
  }
}

class Shard<T> {
  /** Hash, key and value of one slot after the other; an empty one has no hash. */
  #slots: (number | string | T | undefined)[] = emptySlots(firstSlots)
  /** One less than there are slots, a power of two. */
  #mask = firstSlots - 1
  #taken = 0
  /** What found no room near its place. Null: nothing. Its hashes nobody can foresee. */
  #far: Map<string, T> | null = null

  get(key: string, hash: number): T | undefined {
    const at = this.#find(key, hash)
    return at === -1 ? this.#far?.get(key) : (this.#slots[at + valueAt] as T) // `set` put it behind its key
  }
  /** @returns whether it is new */
  set(key: string, hash: number, value: T): boolean {
    const at = this.#find(key, hash)
    if (at !== -1) {
      this.#slots[at + valueAt] = value
      return false
    }
    const isNew = this.#far?.delete(key) !== true
    if (3 * (this.#taken + 1) > 2 * (this.#mask + 1)) this.#grow()
    this.#add(key, hash, value)
    return isNew
  }
  delete(key: string, hash: number): boolean {
    const at = this.#find(key, hash)
    if (at === -1) return this.#far?.delete(key) === true
    const slots = this.#slots
    const mask = this.#mask
    let gap = at / slotLength
    for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
      const from = next * slotLength
      const other = slots[from + hashAt]
      if (typeof other !== 'number') break
      // Only what lies behind its place may come nearer to it.
      if (((next - (other >>> shardBits)) & mask) < ((next - gap) & mask)) continue
      const to = gap * slotLength
      slots[to + hashAt] = other
      slots[to + keyAt] = slots[from + keyAt]
      slots[to + valueAt] = slots[from + valueAt]
      gap = next
    }
    slots.fill(undefined, gap * slotLength, (gap + 1) * slotLength)
    this.#taken -= 1
    return true
  }
  *entries(): Generator<[string, T]> {
    const slots = this.#slots
    for (let at = 0; at < slots.length; at += slotLength) {
      if (slots[at + hashAt] !== undefined) yield [slots[at + keyAt] as string, slots[at + valueAt] as T] // as in `get`
    }
    if (this.#far !== null) yield* this.#far
  }

  /** Where the slot of the key begins; -1: it has none. */
  #find(key: string, hash: number): number {
    const slots = this.#slots
    const mask = this.#mask
    let slot = (hash >>> shardBits) & mask
    for (let left = longestWay; left > 0; left -= 1) {
      const at = slot * slotLength
      const other = slots[at + hashAt]
      if (other === hash && slots[at + keyAt] === key) return at
      if (other === undefined) return -1
      slot = (slot + 1) & mask
    }
    return -1
  }
  /** It is not there yet. */
  #add(key: string, hash: number, value: T): void {
    const slots = this.#slots
    const mask = this.#mask
    let slot = (hash >>> shardBits) & mask
    for (let left = longestWay; left > 0; left -= 1) {
      const at = slot * slotLength
      if (slots[at + hashAt] === undefined) {
        slots[at + hashAt] = hash
        slots[at + keyAt] = key
        slots[at + valueAt] = value
        this.#taken += 1
        return
      }
      slot = (slot + 1) & mask
    }
    this.#far ??= new Map()
    this.#far.set(key, value)
  }
  #grow(): void {
    const before = this.#slots
    const slots = 2 * (this.#mask + 1)
    this.#slots = emptySlots(slots)
    this.#mask = slots - 1
    this.#taken = 0
    for (let at = 0; at < before.length; at += slotLength) {
      const hash = before[at + hashAt]
      // As in `get`.
      if (typeof hash === 'number') this.#add(before[at + keyAt] as string, hash, before[at + valueAt] as T)
    }
  }
}

const emptySlots = (slots: number): undefined[] => Array<undefined>(slots * slotLength).fill(undefined)
