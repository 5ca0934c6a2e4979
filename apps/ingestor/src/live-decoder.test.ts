import { parseAddress, parseHash, type Hash, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { scriptedSource } from './sources/scripted-source.ts'
import type { TimedBlock } from './sources/recording-source.ts'
import { liveDecoder } from './live-decoder.ts'

const token = parseAddress(`0x${'1'.repeat(40)}`)
const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`
const transfer = parseHash('0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef')

describe('liveDecoder', () => {
  test('behavior: what a token said on a branch that was reverted is forgotten with it', async () => {
    const source = scriptedSource({ chainId: 31337 })
    const [first, second] = [source.mine(), source.mine()]
    source.reorg(2, 2)
    const [other = first] = source.canonical.slice(1)
    const decimalsAt = new Map<Hash, number>([
      [first.hash, 6],
      [other.hash, 18],
    ])
    const asked: Hash[] = []
    const { decode } = liveDecoder(
      {
        ...source,
        call: async ({ blockHash, data }) => {
          if (data !== '0x313ce567') return null
          asked.push(blockHash)
          return word(decimalsAt.get(blockHash) ?? 0)
        },
      },
      { tokens: [], labels: [], abis: [] },
    )
    const withTransfer = (header: typeof first): TimedBlock => ({
      ...header,
      chainId: 31337,
      transactions: [
        {
          hash: header.hash,
          index: 0,
          envelope: null,
          outcome: null,
          frames: null,
          logs: [
            { logIndex: 0, address: token, topics: [transfer, parseHash(word(1)), parseHash(word(2))], data: word(5) },
          ],
        },
      ],
    })
    const { signal } = new AbortController()
    const decimals = async (header: typeof first) =>
      (await decode(withTransfer(header), signal)).transactions[0]?.tokens.map((known) => known.decimals)
    expect(await decimals(first)).toEqual([6])
    expect(await decimals(second)).toEqual([6])
    expect(await decimals(other)).toEqual([18])
    expect(asked).toEqual([first.hash, other.hash])
  })
})
