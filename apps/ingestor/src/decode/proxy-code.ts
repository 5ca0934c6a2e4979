import type { Address, ChainEvent, ChainEventOf, ProxyInfo } from '@tocsin/chain-model'
import type { FactLookup, TaughtFacts } from './contract-fact.ts'
import type { CodesOf } from './execution.ts'

/** Whose code a contract runs, as its own events have told (of ERC-1967, beacons and EIP-2535), or its state at a block. */
export interface ProxyCode {
  /** The implementation, or the facets of a diamond, those that were added last first; none: its own code, or its beacon's. */
  readonly codes: readonly Address[]
  /** Who is asked for the implementation. */
  readonly beacon: Address | null
  /** Absent: none is known. */
  readonly admin?: Address
}

/** A diamond has this many facets, at most: those that were cut longest ago are forgotten. */
export const maxFacets = 32

/**
 * The codes of a contract by what is known of it; undefined where it is not known. A facet that was cut out again stays:
 * what it left in the log before is explained by it, and what others have in its place they explain first.
 */
export function codesKnown(contract: Address, facts: FactLookup): readonly Address[] | undefined {
  const code = facts.get('proxy', contract)
  return code === undefined || code.beacon === null ? code?.codes : facts.get('proxy', code.beacon)?.codes
}

export interface LookedUpCodes {
  readonly codesOf: CodesOf
  /** Whose codes facts were asked for by what an ABI names: any log at all could be an anonymous event. */
  readonly contracts: ReadonlySet<Address>
}

/** The codes of contracts as far as they are known. */
export function lookedUpCodes(...known: readonly FactLookup[]): LookedUpCodes {
  const contracts = new Set<Address>()
  return {
    contracts,
    codesOf: (contract, isNamed) => {
      if (isNamed) contracts.add(contract)
      return [...new Set(known.flatMap((facts) => codesKnown(contract, facts) ?? []))]
    },
  }
}

/** Of these contracts those that run another's code, or of which that is not known; in order of address. */
export const proxiesAmong = (contracts: Iterable<Address>, facts: FactLookup): ProxyInfo[] =>
  [...contracts].sort().flatMap((address) => {
    const implementations = codesKnown(address, facts)
    if (implementations?.length === 0) return []
    const { beacon = null, admin = null } = facts.get('proxy', address) ?? {}
    return [{ address, implementations: implementations === undefined ? null : [...implementations], beacon, admin }]
  })

/**
 * What these events tell of proxies. Of all there are on a chain only those are learned that an ABI could explain, now or
 * after the next upgrade of a beacon, and of those that are known every change. `isExplained` null: nobody gave an ABI.
 * @returns whether anything was learned
 */
export function teachProxies(
  events: readonly ChainEvent[],
  facts: TaughtFacts,
  isExplained: ((code: Address) => boolean) | null,
): boolean {
  const mayMatter = (code: Address) => isExplained?.(code) === true
  let isNew = false
  const teach = (proxy: Address, code: ProxyCode) => {
    facts.teach('proxy', proxy, code)
    isNew = true
  }
  for (const event of events) {
    if (!isOfProxy(event)) continue
    const known = facts.get('proxy', event.address)
    const admin = known?.admin === undefined ? {} : { admin: known.admin }
    if (event.type === 'beacon-upgraded') {
      if (known !== undefined || isExplained !== null)
        teach(event.address, { codes: [], beacon: event.beacon, ...admin })
    } else if (event.type === 'proxy-upgraded') {
      if (known !== undefined || mayMatter(event.implementation))
        teach(event.address, { codes: [event.implementation], beacon: null, ...admin })
    } else if (event.type === 'proxy-admin-changed') {
      if (known !== undefined) teach(event.address, { ...known, admin: event.newAdmin })
    } else {
      const added = event.cuts.filter(({ action }) => action !== 'remove').map(({ facet }) => facet)
      if (known === undefined && !added.some(mayMatter)) continue
      const codes = [...new Set([...added, ...(known?.codes ?? [])])].slice(0, maxFacets)
      teach(event.address, { codes, beacon: null, ...admin })
    }
  }
  return isNew
}

type ProxyEvent = ChainEventOf<'beacon-upgraded' | 'proxy-upgraded' | 'proxy-admin-changed' | 'diamond-cut'>

const isOfProxy = (event: ChainEvent): event is ProxyEvent =>
  event.type === 'beacon-upgraded' ||
  event.type === 'proxy-upgraded' ||
  event.type === 'proxy-admin-changed' ||
  event.type === 'diamond-cut'
