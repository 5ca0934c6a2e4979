import { parseAddress, parseHash, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { readContracts } from './contract-facts.ts'

const [token, pool] = [parseAddress(`0x${'1'.repeat(40)}`), parseAddress(`0x${'2'.repeat(40)}`)]
const word = (digit: string): Hex => `0x${digit.repeat(40).padStart(64, '0')}`

const read = (answer: Hex | null | undefined) =>
  readContracts(
    { tokens: [token], pools: [pool] },
    { source: { call: async () => answer }, blockHash: parseHash(`0x${'a'.repeat(64)}`), maxCallsInFlight: 2 },
    new AbortController().signal,
  )

describe('readContracts', () => {
  test('default: decimals of a token, both tokens of a pool', async () => {
    expect(await read(`0x${'6'.padStart(64, '0')}`)).toMatchObject({ tokens: [{ address: token, decimals: 6 }] })
    expect(await read(word('3'))).toEqual({
      tokens: [], // its decimals would be too many
      pools: new Map([
        [pool, { token0: parseAddress(`0x${'3'.repeat(40)}`), token1: parseAddress(`0x${'3'.repeat(40)}`) }],
      ]),
      mute: { tokens: [token], pools: [] },
    })
  })

  test('behavior: what answers nothing is mute', async () => {
    expect(await read(null)).toEqual({ tokens: [], pools: new Map(), mute: { tokens: [token], pools: [pool] } })
  })

  test('behavior: where the state of the block is gone nothing is said of it', async () => {
    expect(await read(undefined)).toEqual({ tokens: [], pools: new Map(), mute: { tokens: [], pools: [] } })
  })
})
