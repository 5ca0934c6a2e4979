import type { Address, Hash, TokenInfo } from '@tocsin/chain-model'
import type { KnownPool } from './pool-tokens.ts'
import type { ProxyCode } from './proxy-code.ts'

/** The contract, or of what has no contract of its own the id: a pool of Uniswap v4. */
export type FactKey = Address | Hash

/**
 * What may be known of a contract, by the kind of fact: a new kind is one line here. Values are plain JSON and never
 * change: they are kept in the facts topic.
 */
export interface FactValues {
  readonly token: TokenInfo
  readonly pool: KnownPool
  readonly proxy: ProxyCode
  /** It was asked as a token, or as a pool, and had nothing to say that counts: it is not asked again. */
  readonly 'no-token': true
  readonly 'no-pool': true
}

export type FactType = keyof FactValues

/** One thing known of a contract; null: it is not known any more. */
export type ContractFact = {
  [Type in FactType]: { readonly type: Type; readonly address: FactKey; readonly value: FactValues[Type] | null }
}[FactType]

/** A fact as it was learned, and as what before, oldest first: a reorg may take the newest ones back. */
export interface FactHistory {
  readonly type: FactType
  readonly address: FactKey
  /** Empty: nothing is known any more. */
  readonly versions: readonly FactVersion[]
}

/** What was learned at the block of this number. */
export interface FactVersion {
  readonly number: number
  /** Of the history's type. */
  readonly value: FactValues[FactType]
}

export interface FactLookup {
  get<Type extends FactType>(type: Type, address: FactKey): FactValues[Type] | undefined
}

/** Something for each contract and kind of fact. */
export class FactTable<Entry> {
  readonly #entries = new Map<FactType, Map<FactKey, Entry>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(type: FactType, address: FactKey): Entry | undefined {
    return this.#entries.get(type)?.get(address)
  }

  /** Undefined: there is nothing any more. */
  set(type: FactType, address: FactKey, entry: Entry | undefined): void {
    let ofType = this.#entries.get(type)
    if (ofType === undefined) this.#entries.set(type, (ofType = new Map<FactKey, Entry>()))
    this.#size -= ofType.size
    if (entry === undefined) ofType.delete(address)
    else ofType.set(address, entry)
    this.#size += ofType.size
  }

  clear(): void {
    this.#entries.clear()
    this.#size = 0
  }

  *[Symbol.iterator](): Generator<readonly [type: FactType, address: FactKey, entry: Entry]> {
    for (const [type, entries] of this.#entries) for (const [address, entry] of entries) yield [type, address, entry]
  }
}

/** Facts as they come to be known while a block is decoded, above what was known before it. */
export class TaughtFacts implements FactLookup {
  readonly #known: FactLookup
  readonly #taught = new FactTable<FactValues[FactType]>()

  constructor(known: FactLookup) {
    this.#known = known
  }

  get<Type extends FactType>(type: Type, address: FactKey): FactValues[Type] | undefined {
    return (this.#taught.get(type, address) as FactValues[Type] | undefined) ?? this.#known.get(type, address) // set under its type
  }

  teach<Type extends FactType>(type: Type, address: FactKey, value: FactValues[Type]): void {
    this.#taught.set(type, address, value)
  }

  /** What is new. */
  get all(): readonly TaughtFact[] {
    return [...this.#taught].map(([type, address, value]) => ({ type, address, value }) as TaughtFact) // as above
  }
}

/** A fact that a block itself tells. */
export type TaughtFact = {
  [Type in FactType]: { readonly type: Type; readonly address: FactKey; readonly value: FactValues[Type] }
}[FactType]
