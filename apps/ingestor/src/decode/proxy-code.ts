import type { Address, ChainEvent } from '@tocsin/chain-model'
import type { FactLookup, TaughtFacts } from './contract-fact.ts'
import type { CodesOf } from './execution.ts'

/** Whose code a contract runs, as its own events have told: those of ERC-1967, of beacons and of EIP-2535. */
export interface ProxyCode {
  /** The implementation, or the facets of a diamond, those that were added last first. */
  readonly codes: readonly Address[]
  /** Who is asked for the implementation. */
  readonly beacon: Address | null
}

/** A diamond has this many facets, at most: those that were cut longest ago are forgotten. */
const maxFacets = 32

/**
 * The codes of contracts by what is known of them. A facet that was cut out again stays: what it left in the log before is
 * explained by it, and what others have in its place they explain first.
 */
export const codesKnown =
  (facts: FactLookup): CodesOf =>
  (contract) => {
    const code = facts.get('proxy', contract)
    if (code === undefined) return []
    return code.beacon === null ? code.codes : (facts.get('proxy', code.beacon)?.codes ?? [])
  }

/**
 * What these events tell of proxies. Of all there are on a chain only those are learned that an ABI could explain, now or
 * after the next upgrade of a beacon. @returns whether anything was learned
 */
export function teachProxies(
  events: readonly ChainEvent[],
  facts: TaughtFacts,
  isExplained: (code: Address) => boolean,
): boolean {
  let isNew = false
  const teach = (proxy: Address, code: ProxyCode) => {
    facts.teach('proxy', proxy, code)
    isNew = true
  }
  for (const event of events) {
    const known = facts.get('proxy', event.address)
    if (event.type === 'beacon-upgraded') teach(event.address, { codes: [], beacon: event.beacon })
    else if (event.type === 'proxy-upgraded') {
      if (known !== undefined || isExplained(event.implementation))
        teach(event.address, { codes: [event.implementation], beacon: null })
    } else if (event.type === 'diamond-cut') {
      const added = event.cuts.filter(({ action }) => action !== 'remove').map(({ facet }) => facet)
      if (known === undefined && !added.some(isExplained)) continue
      const codes = [...new Set([...added, ...(known?.codes ?? [])])].slice(0, maxFacets)
      teach(event.address, { codes, beacon: null })
    }
  }
  return isNew
}
