import type { Address, Hash, Hex } from '@tocsin/chain-model'
import { maxFacets, type ProxyCode } from '../decode/proxy-code.ts'
import { keccak } from '../verify/keccak.ts'

/** What a contract is asked for at one block. Null: nothing is there, a call reverts, or no node can say. */
export interface ContractState {
  readonly call: (to: Address, data: Hex) => Promise<Hex | null>
  readonly storage: (address: Address, slot: Hash) => Promise<Hex | null>
  readonly code: (address: Address) => Promise<Hex | null>
}

const hashOf = (text: string): Hash => keccak(Buffer.from(text))
const eip1967 = (name: string): Hash =>
  `0x${(BigInt(hashOf(`eip1967.proxy.${name}`)) - 1n).toString(16).padStart(64, '0')}` as Hash // 32 bytes of hex

/** Where proxies keep whom they ask. */
export const proxySlots = {
  implementation: eip1967('implementation'),
  beacon: eip1967('beacon'),
  admin: eip1967('admin'),
  /** EIP-1822, UUPS before ERC-1967. */
  proxiable: hashOf('PROXIABLE'),
  /** OpenZeppelin's before ERC-1967. */
  zeppelinos: hashOf('org.zeppelinos.proxy.implementation'),
} as const

const selectors = {
  /** `implementation()` of a beacon. Source: ERC-1967. */
  implementation: '0x5c60da1b',
  /** `facetAddresses()` of a diamond. Source: EIP-2535. */
  facetAddresses: '0x52ef6b2c',
} as const

/**
 * Codes that hand every call on to the address within, of any length where that begins with zeros. What may follow is
 * data. Source: EIP-1167, ERC-7511.
 */
const minimalProxies = [
  /^0x363d3d373d3d3d363d(?<push>6[0-9a-f]|7[0-3])(?<rest>[0-9a-f]+)$/,
  /^0x365f5f375f5f365f(?<push>6[0-9a-f]|7[0-3])(?<rest>[0-9a-f]+)$/,
] as const
const handsOn = /^5af4(?:3d82803e903d9160[0-9a-f]{2}57fd5bf3|3d5f5f3e5f3d9160[0-9a-f]{2}57fd5bf3)/

/**
 * Whose code a contract runs, and what its beacon answers, where it has one: a contract without any of it runs its own.
 * Null where no node can say, or nothing is there at the block's end: who acted and is gone may come again as another.
 */
export async function readProxy(
  address: Address,
  { call, storage, code }: ContractState,
): Promise<ReadonlyMap<Address, ProxyCode> | null> {
  const slot = (name: keyof typeof proxySlots) => storage(address, proxySlots[name])
  // All at once, so that they are one batch.
  const told = await Promise.all([
    slot('implementation'),
    slot('beacon'),
    slot('admin'),
    slot('proxiable'),
    slot('zeppelinos'),
    code(address),
  ])
  const [implementation, ofBeacon, ofAdmin, proxiable, zeppelinos, bytes] = told
  if (bytes === null || bytes === '0x' || told.includes(null)) return null
  const [beacon, admin] = [addressIn(ofBeacon), addressIn(ofAdmin)]
  const codes = new Map<Address, ProxyCode>()
  const runs = (implementations: readonly Address[], asking: Address | null = null) =>
    codes.set(address, { codes: implementations, beacon: asking, ...(admin === null ? {} : { admin }) })
  const own = addressIn(implementation)
  if (own !== null) return runs([own])
  if (beacon !== null) {
    const answer = addressIn(await call(beacon, selectors.implementation))
    return runs([], beacon).set(beacon, { codes: answer === null ? [] : [answer], beacon: null })
  }
  const older = addressIn(proxiable) ?? addressIn(zeppelinos) ?? minimalProxyOf(bytes)
  if (older !== null) return runs([older])
  const facets = addressesIn(await call(address, selectors.facetAddresses))
  return runs(facets.filter((each) => each !== address))
}

/** The implementation that a minimal proxy's code names. */
export function minimalProxyOf(code: Hex): Address | null {
  for (const pattern of minimalProxies) {
    const { push, rest } = pattern.exec(code)?.groups ?? {}
    if (push === undefined || rest === undefined) continue
    const digits = 2 * (Number.parseInt(push, 16) - 0x5f)
    if (handsOn.test(rest.slice(digits))) return `0x${rest.slice(0, digits).padStart(40, '0')}` as Address // of hex
  }
  return null
}

const empty = /^0x0*$/

/** Null where the word is zero, or none, or no address. */
const addressIn = (word: Hex | null): Address | null =>
  word?.length === 66 && word.startsWith(`0x${'0'.repeat(24)}`) && !empty.test(word)
    ? (`0x${word.slice(26)}` as Address) // 20 bytes of parsed hex
    : null

/** A list of addresses as the ABI encodes it; empty where the bytes are none, or any item is no address. */
function addressesIn(bytes: Hex | null): readonly Address[] {
  const [offset, length, ...items] = (bytes ?? '0x').slice(2).match(/.{64}/g) ?? []
  if (offset === undefined || length === undefined || BigInt(`0x${offset}`) !== 32n) return []
  if (BigInt(`0x${length}`) > items.length) return []
  const addresses = items.slice(0, Number(`0x${length}`)).map((item) => addressIn(`0x${item}`))
  return addresses.includes(null) ? [] : addresses.flatMap((each) => each ?? []).slice(0, maxFacets)
}
