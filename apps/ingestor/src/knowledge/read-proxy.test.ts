import { parseAddress, type Address, type Hash, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { minimalProxyOf, proxySlots, readProxy } from './read-proxy.ts'

const [proxy, vault, beacon, admin, facet] = ['01', '02', '03', '04', '05'].map((digits) =>
  parseAddress(`0x${digits.repeat(20)}`),
) as [Address, Address, Address, Address, Address]
const zero: Hex = `0x${'0'.repeat(64)}`
const word = (address: Address): Hex => `0x${address.slice(2).padStart(64, '0')}`

interface Told {
  readonly slots?: Partial<Record<keyof typeof proxySlots, Hex | null>>
  readonly code?: Hex | null
  readonly calls?: Readonly<Record<string, Hex>>
}

/** A node that has one contract. `asked`: each thing it was asked for. */
async function read({ slots = {}, code = '0x6001', calls = {} }: Told) {
  const asked: string[] = []
  const names = new Map<Hash, keyof typeof proxySlots>(
    (['implementation', 'beacon', 'admin', 'proxiable', 'zeppelinos'] as const).map((name) => [proxySlots[name], name]),
  )
  const told = await readProxy(proxy, {
    storage: async (_, slot) => {
      const name = names.get(slot)
      asked.push(name ?? slot)
      const found = name === undefined ? undefined : slots[name]
      return found === undefined ? zero : found
    },
    code: async () => {
      asked.push('code')
      return code
    },
    call: async (to, data) => {
      asked.push(`${to} ${data}`)
      return calls[`${to} ${data}`] ?? null
    },
  })
  return { told: told === null ? null : Object.fromEntries(told), asked }
}

describe('proxySlots', () => {
  test('default: as ERC-1967 and EIP-1822 print them', () => {
    expect(proxySlots).toEqual({
      implementation: '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc',
      beacon: '0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50',
      admin: '0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103',
      proxiable: '0xc5f16f0fcc639fa48a6947836d9850f504798523bf8c9a3a87d5876cf622bcf7',
      zeppelinos: '0x7050c9e0f4ca769c69bd3a8ef740bc37934f8e2c036e5a723fd8ee048ed3f8c3',
    })
  })
})

describe('readProxy', () => {
  const clone: Hex = `0x363d3d373d3d3d363d73${vault.slice(2)}5af43d82803e903d91602b57fd5bf3`

  test.each<readonly [string, Told]>([
    ['ERC-1967', { slots: { implementation: word(vault) } }],
    ['EIP-1822', { slots: { proxiable: word(vault) } }],
    ['ZeppelinOS', { slots: { zeppelinos: word(vault) } }],
    ['EIP-1167', { code: clone }],
  ])('default: the implementation of a proxy by %s', async (_, node) => {
    expect((await read(node)).told).toEqual({ [proxy]: { codes: [vault], beacon: null } })
  })

  test('default: its admin, where it has one', async () => {
    const slots = { implementation: word(vault), admin: word(admin) }
    expect((await read({ slots })).told).toEqual({ [proxy]: { codes: [vault], beacon: null, admin } })
  })

  test('default: a beacon is asked for the implementation, and what it answers is of the beacon', async () => {
    const slots = { beacon: word(beacon) }
    const own = { [proxy]: { codes: [], beacon } }
    const { told } = await read({ slots, calls: { [`${beacon} 0x5c60da1b`]: word(vault) } })
    expect(told).toEqual({ ...own, [beacon]: { codes: [vault], beacon: null } })
    expect((await read({ slots })).told).toEqual({ ...own, [beacon]: { codes: [], beacon: null } })
  })

  test('default: the facets of a diamond, without itself', async () => {
    const list = [word(vault), word(proxy), word(facet)].map((each) => each.slice(2)).join('')
    const answer = (length: number): Hex => `0x${'20'.padStart(64, '0')}${length.toString(16).padStart(64, '0')}${list}`
    const facets = async (bytes: Hex) =>
      (await read({ calls: { [`${proxy} 0x52ef6b2c`]: bytes } })).told?.[proxy]?.codes
    expect(await facets(answer(3))).toEqual([vault, facet])
    expect(await facets(answer(4))).toEqual([])
    expect(await facets('0x')).toEqual([])
    expect(await facets(`${answer(3).slice(0, -64)}${'f'.repeat(64)}` as Hex)).toEqual([])
  })

  test('behavior: a contract without any of it runs its own code', async () => {
    expect(await read({})).toEqual({
      told: { [proxy]: { codes: [], beacon: null } },
      asked: ['implementation', 'beacon', 'admin', 'proxiable', 'zeppelinos', 'code', `${proxy} 0x52ef6b2c`],
    })
    expect((await read({ slots: { implementation: `0x${'f'.repeat(64)}` } })).told?.[proxy]?.codes).toEqual([])
  })

  test('behavior: where a node cannot say all of it nothing is said', async () => {
    expect((await read({ slots: { admin: null, implementation: word(vault) } })).told).toBeNull()
    expect((await read({ code: null })).told).toBeNull()
  })

  test('behavior: of a contract that is gone at the end of the block nothing is said, and no more is asked', async () => {
    const { told, asked } = await read({ code: '0x', slots: { implementation: word(vault) } })
    expect([told, asked.length]).toEqual([null, 6])
  })
})

describe('minimalProxyOf', () => {
  test.each([
    ['EIP-1167', `0x363d3d373d3d3d363d73${vault.slice(2)}5af43d82803e903d91602b57fd5bf3`, vault],
    [
      'EIP-1167 with data behind it',
      `0x363d3d373d3d3d363d73${vault.slice(2)}5af43d82803e903d91602b57fd5bf3c0ffee`,
      vault,
    ],
    [
      'EIP-1167 of an address that begins with zeros',
      `0x363d3d373d3d3d363d6f${'ab'.repeat(16)}5af43d82803e903d91602757fd5bf3`,
      `0x00000000${'ab'.repeat(16)}`,
    ],
    ['ERC-7511', `0x365f5f375f5f365f73${vault.slice(2)}5af43d5f5f3e5f3d91602a57fd5bf3`, vault],
    ['another code that holds an address', `0x363d3d373d3d3d363d73${vault.slice(2)}5af43d`, null],
    ['no code', '0x', null],
  ] as const)('default: %s', (_, code, implementation) => {
    expect(minimalProxyOf(code as Hex)).toBe(implementation)
  })
})
