import {
  FactTable,
  type ContractFact,
  type FactHistory,
  type FactKey,
  type FactLookup,
  type FactType,
  type FactValues,
  type FactVersion,
  type TaughtFact,
} from './contract-fact.ts'
import type { KnownPool } from './pool-tokens.ts'

/** What reorgs may take back of one fact. Before the oldest of these it counts as not known. */
const maxVersions = 8

type Versions = readonly FactVersion[]

/**
 * What a chain has taught of its contracts up to a block: tokens and pools that answered calls, pools that factories
 * created. Where the chain branches off, {@link rewind} takes back what the lost branch taught. Each change raises
 * `version`, so that one who decoded with an earlier version can be told whether that still holds.
 *
 * It is kept with the blocks: {@link unwritten} goes into the append of the block that taught it, {@link written} says that
 * it is there, and {@link restore} begins anew with what was kept. What is known, forgotten or asked again is decided by
 * what is kept and the blocks alone, so a process that was killed decodes as one that was not.
 */
export class LearnedFacts implements FactLookup {
  readonly #maxFacts: number
  readonly #facts = new FactTable<Versions>()
  /** At no block above it was anything learned. */
  #newest = -Infinity
  /** What is kept of each fact that has changed since; empty where it is not kept. */
  readonly #kept = new FactTable<Versions>()
  readonly #changedAt = new Map<FactKey, number>()
  /** Of versions before this one it is not known any more what has changed since. */
  #oldestVersion = 0
  #version = 0
  readonly #listeners = new Set<(fact: ContractFact) => void>()

  /** Above so many facts an eighth of them are forgotten, those that were learned first: whoever names them is asked again. */
  constructor(maxFacts = Infinity) {
    this.#maxFacts = maxFacts
  }

  get version(): number {
    return this.#version
  }

  get size(): number {
    return this.#facts.size
  }

  get<Type extends FactType>(type: Type, address: FactKey): FactValues[Type] | undefined {
    return this.#facts.get(type, address)?.at(-1)?.value as FactValues[Type] | undefined // kept under its type
  }

  /** At the block of this number, which is the newest. */
  learn<Type extends FactType>(number: number, type: Type, address: FactKey, value: FactValues[Type]): void {
    const before = this.#facts.get(type, address) ?? []
    const earlier = before.at(-1)?.number === number ? before.slice(0, -1) : before
    this.#set(type, address, [...earlier, { number, value }].slice(-maxVersions))
    this.#newest = Math.max(this.#newest, number)
  }

  /** What a block itself taught. Of pools the first word counts: a later event may come from anyone who wants to rename one. */
  adopt(number: number, taught: readonly TaughtFact[]): void {
    for (const { type, address, value } of taught)
      if (type !== 'pool' || supersedes(value, this.get('pool', address))) this.learn(number, type, address, value)
  }

  /** Forgets what was learned at this block and above: it was told of another branch, or of this block before. */
  rewind(number: number): void {
    if (number > this.#newest) return
    const learnedSince: [FactType, FactKey, Versions][] = []
    this.#newest = -Infinity
    for (const [type, address, versions] of this.#facts) {
      const left = lastNumber(versions) < number ? versions : versions.filter((version) => version.number < number)
      if (left !== versions) learnedSince.push([type, address, left])
      this.#newest = Math.max(this.#newest, lastNumber(left))
    }
    for (const each of learnedSince) this.#set(...each)
  }

  /** Whether something is known otherwise now than it was at `version`, of any of these. */
  changedSince(version: number, addresses: readonly FactKey[]): boolean {
    return version < this.#oldestVersion || addresses.some((address) => (this.#changedAt.get(address) ?? 0) > version)
  }

  /** All that is known now. */
  all(): readonly ContractFact[] {
    return [...this.#facts].map(([type, address, versions]) => factOf(type, address, versions))
  }

  /** The same with what may be taken back, as it is kept. */
  histories(): readonly FactHistory[] {
    return [...this.#facts].map(([type, address, versions]) => ({ type, address, versions }))
  }

  /** Told of each change. @returns how to stop */
  onChange(listener: (fact: ContractFact) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Which facts are not yet kept as they are now, in order. */
  unwritten(): readonly FactHistory[] {
    return [...this.#kept]
      .map(([type, address, kept]) => ({ type, address, versions: this.#facts.get(type, address) ?? [], kept }))
      .filter(({ versions, kept }) => versions.length !== kept.length || versions.some((each, at) => each !== kept[at]))
      .map(({ type, address, versions }): FactHistory => ({ type, address, versions }))
      .sort(inOrder)
  }

  /** All is kept now. What then is too much is forgotten, and that is to be kept with the next block. */
  written(): void {
    this.#kept.clear()
    this.#forgetOldest()
  }

  /** Begins anew with what was kept of other times: nothing that was learned since counts. */
  restore(histories: Iterable<FactHistory>): void {
    const before = this.all()
    this.#facts.clear()
    this.#newest = -Infinity
    this.#changedAt.clear()
    this.#oldestVersion = ++this.#version
    for (const { type, address } of before) this.#tell(factOf(type, address, []))
    for (const { type, address, versions } of histories) {
      if (versions.length === 0) continue
      this.#facts.set(type, address, versions)
      this.#newest = Math.max(this.#newest, lastNumber(versions))
      this.#tell(factOf(type, address, versions))
    }
    this.written()
  }

  /** By the blocks at which facts were learned and by nothing else, so that it comes to the same after a restart. */
  #forgetOldest(): void {
    if (this.size <= this.#maxFacts) return
    const oldestFirst = this.histories().toSorted(
      (a, b) => lastNumber(a.versions) - lastNumber(b.versions) || inOrder(a, b),
    )
    for (const { type, address } of oldestFirst.slice(0, this.size - Math.floor(this.#maxFacts * (7 / 8))))
      this.#set(type, address, [])
    this.#changedAt.clear()
    this.#oldestVersion = this.#version
  }

  #set(type: FactType, address: FactKey, versions: Versions): void {
    if (this.#kept.get(type, address) === undefined) this.#kept.set(type, address, this.#facts.get(type, address) ?? [])
    this.#facts.set(type, address, versions.length === 0 ? undefined : versions)
    this.#changedAt.set(address, ++this.#version)
    this.#tell(factOf(type, address, versions))
  }

  #tell(fact: ContractFact): void {
    for (const listener of this.#listeners) listener(fact)
  }
}

/** What is proven counts more than what is not, and else the first word. */
export const supersedes = (pool: KnownPool, known: KnownPool | undefined): boolean =>
  known === undefined || (pool.proven && !known.proven)

const factOf = (type: FactType, address: FactKey, versions: Versions): ContractFact =>
  ({ type, address, value: versions.at(-1)?.value ?? null }) as ContractFact // versions are of their history's type

const lastNumber = (versions: Versions): number => versions.at(-1)?.number ?? -Infinity

const inOrder = (a: FactHistory, b: FactHistory): number => compare(a.type, b.type) || compare(a.address, b.address)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
