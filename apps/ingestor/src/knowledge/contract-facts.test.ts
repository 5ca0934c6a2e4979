import { parseAddress, parseHash, type Address, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { readContracts, readPool } from './contract-facts.ts'

const [token, pool, proxy] = ['1', '2', '5'].map((digit) => parseAddress(`0x${digit.repeat(40)}`)) as [
  Address,
  Address,
  Address,
]
const word = (digit: string): Hex => `0x${digit.repeat(40).padStart(64, '0')}`

const three = parseAddress(`0x${'3'.repeat(40)}`)

const read = (answer: Hex | null | undefined) =>
  readContracts(
    { tokens: [token], pools: [pool], proxies: [proxy] },
    {
      source: { call: async () => answer, storage: async () => answer ?? undefined, code: async () => '0x6001' },
      blockHash: parseHash(`0x${'a'.repeat(64)}`),
      factories: new Set(),
      maxCallsInFlight: 2,
    },
    new AbortController().signal,
  )

describe('readContracts', () => {
  test('default: decimals of a token, both tokens of a pool, whose code a contract runs', async () => {
    expect(await read(`0x${'6'.padStart(64, '0')}`)).toMatchObject({ tokens: [{ address: token, decimals: 6 }] })
    expect(await read(word('3'))).toEqual({
      tokens: [], // its decimals would be too many
      pools: new Map([[pool, { token0: three, token1: three }]]),
      proxies: new Map([[proxy, { codes: [three], beacon: null, admin: three }]]),
      mute: { tokens: [token], pools: [] },
    })
  })

  test('behavior: what answers nothing is mute', async () => {
    const mute = { tokens: [token], pools: [pool] }
    expect(await read(null)).toEqual({ tokens: [], pools: new Map(), proxies: new Map(), mute })
  })

  test('behavior: where the state of the block is gone nothing is said of it', async () => {
    const mute = { tokens: [], pools: [] }
    expect(await read(undefined)).toEqual({ tokens: [], pools: new Map(), proxies: new Map(), mute })
  })
})

describe('readPool', () => {
  const factory = parseAddress(`0x${'f'.repeat(40)}`)
  const fee: Hex = `0x${'bb8'.padStart(64, '0')}`
  const pair = `${'3'.repeat(40).padStart(64, '0')}${'4'.repeat(40).padStart(64, '0')}`
  /** A node of one pool that names the factory as its own, and of a factory that answers so. */
  const asked = (toFactory: Readonly<Record<string, Hex>>) =>
    readPool(
      pool,
      async (to, data) => {
        if (to === factory) return toFactory[data] ?? word('0')
        const told: Readonly<Record<string, Hex>> = {
          '0x0dfe1681': word('3'),
          '0xd21220a7': word('4'),
          '0xc45a0155': word('f'),
          '0xddca3f43': fee,
        }
        return told[data] ?? null
      },
      new Set([factory]),
    )
  const tokens = { token0: parseAddress(`0x${'3'.repeat(40)}`), token1: parseAddress(`0x${'4'.repeat(40)}`) }

  test('default: a listed factory that knows the pool as its own vouches for it, of v2 and of v3', async () => {
    expect(await asked({ [`0xe6a43905${pair}`]: word('2') })).toEqual({ ...tokens, factory })
    expect(await asked({ [`0x1698ee82${pair}${fee.slice(2)}`]: word('2') })).toEqual({ ...tokens, factory })
  })

  test('behavior: a pool that names a factory which does not know it is vouched for by nobody', async () => {
    expect(await asked({})).toEqual(tokens)
    expect(await asked({ [`0xe6a43905${pair}`]: word('5') })).toEqual(tokens)
  })
})
