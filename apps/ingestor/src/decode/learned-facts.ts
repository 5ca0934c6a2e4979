import type { Address, TokenInfo } from '@tocsin/chain-model'
import type { KnownPool } from './pool-tokens.ts'

/** One thing known of a contract; null: it is not known any more. */
export type LearnedFact =
  | { readonly type: 'token'; readonly address: Address; readonly value: TokenInfo | null }
  | { readonly type: 'pool'; readonly address: Address; readonly value: KnownPool | null }

/** Further back nothing is forgotten any more: finality is nearer on every chain. */
const maxRewindBlocks = 4_096

/**
 * What a chain has taught of its contracts up to a block: tokens and pools that answered calls, pools that factories
 * created. Where the chain branches off, {@link rewind} takes back what the lost branch taught. Each change raises
 * `version`, so that one who decoded with an earlier version can be told whether that still holds.
 */
export class LearnedFacts {
  readonly #tokens = new Map<Address, TokenInfo>()
  readonly #pools = new Map<Address, KnownPool>()
  /** Oldest first. */
  readonly #learned: { readonly number: number; readonly before: LearnedFact }[] = []
  readonly #changedAt = new Map<Address, number>()
  readonly #listeners = new Set<(fact: LearnedFact) => void>()
  #version = 0

  get version(): number {
    return this.#version
  }

  token(address: Address): TokenInfo | undefined {
    return this.#tokens.get(address)
  }

  pool(address: Address): KnownPool | undefined {
    return this.#pools.get(address)
  }

  /** At the block of this number, as a call there has told. */
  learnToken(number: number, info: TokenInfo): void {
    this.#learn(number, { type: 'token', address: info.address, value: info })
  }

  learnPool(number: number, address: Address, pool: KnownPool): void {
    this.#learn(number, { type: 'pool', address, value: pool })
  }

  /** The pools that a block created. The first word counts: a later event may come from anyone who wants to rename one. */
  adopt(number: number, created: ReadonlyMap<Address, KnownPool>): void {
    for (const [address, pool] of created) {
      const known = this.#pools.get(address)
      if (supersedes(pool, known)) this.learnPool(number, address, pool)
    }
  }

  /** Forgets what was learned at this block and above: it was told of another branch, or of this block before. */
  rewind(number: number): void {
    for (let last = this.#learned.at(-1); last !== undefined && last.number >= number; last = this.#learned.at(-1)) {
      this.#learned.pop()
      this.#set(last.before)
    }
  }

  /** Whether something is known otherwise now than it was at `version`, of any of these. */
  changedSince(version: number, addresses: readonly Address[]): boolean {
    return addresses.some((address) => (this.#changedAt.get(address) ?? 0) > version)
  }

  all(): readonly LearnedFact[] {
    return [
      ...[...this.#tokens].map(([address, value]): LearnedFact => ({ type: 'token', address, value })),
      ...[...this.#pools].map(([address, value]): LearnedFact => ({ type: 'pool', address, value })),
    ]
  }

  /** Told of each change. @returns how to stop */
  onChange(listener: (fact: LearnedFact) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #learn(number: number, fact: LearnedFact): void {
    const { type, address } = fact
    const before: LearnedFact =
      type === 'token'
        ? { type, address, value: this.#tokens.get(address) ?? null }
        : { type, address, value: this.#pools.get(address) ?? null }
    this.#learned.push({ number, before })
    while ((this.#learned[0]?.number ?? number) < number - maxRewindBlocks) this.#learned.shift()
    this.#set(fact)
  }

  #set(fact: LearnedFact): void {
    if (fact.type === 'token') setOrDelete(this.#tokens, fact.address, fact.value)
    else setOrDelete(this.#pools, fact.address, fact.value)
    this.#changedAt.set(fact.address, ++this.#version)
    for (const listener of this.#listeners) listener(fact)
  }
}

/** What is proven counts more than what is not, and else the first word. */
export const supersedes = (pool: KnownPool, known: KnownPool | undefined): boolean =>
  known === undefined || (pool.proven && !known.proven)

function setOrDelete<Value>(map: Map<Address, Value>, address: Address, value: Value | null): void {
  if (value === null) map.delete(address)
  else map.set(address, value)
}
