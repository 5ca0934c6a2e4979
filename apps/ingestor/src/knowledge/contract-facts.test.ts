import { parseAddress, parseHash, type Hex } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import type { ChainSource } from '../sources/chain-source.ts'
import { contractFacts } from './contract-facts.ts'

const token = parseAddress(`0x${'1'.repeat(40)}`)
const [old, recent] = [parseHash(`0x${'a'.repeat(64)}`), parseHash(`0x${'b'.repeat(64)}`)]
const six: Hex = `0x${'6'.padStart(64, '0')}`

describe('contractFacts', () => {
  const asked: Hex[] = []
  const factsOf = (answerAt: (block: Hex) => Hex | null | undefined) => {
    asked.length = 0
    const call: ChainSource['call'] = async ({ blockHash }) => {
      asked.push(blockHash)
      return answerAt(blockHash)
    }
    return contractFacts({ call } as ChainSource, { maxCallsInFlight: 2, maxRemembered: 10 }) // calls are all it makes
  }
  const wanted = { tokens: [token], pools: [] }
  const { signal } = new AbortController()

  test('behavior: a contract that answers nothing is not asked again', async () => {
    const facts = factsOf(() => null)
    await facts.read(wanted, { number: 1, blockHash: old }, signal)
    const before = asked.length
    expect((await facts.read(wanted, { number: 2, blockHash: recent }, signal)).tokens).toEqual([])
    expect(asked).toHaveLength(before)
  })

  test('behavior: a contract that had nothing to say on a branch that was reverted is asked again', async () => {
    const facts = factsOf((block) => (block === old ? null : six))
    await facts.read(wanted, { number: 7, blockHash: old }, signal)
    await facts.read({ tokens: [], pools: [] }, { number: 8, blockHash: old }, signal)
    expect((await facts.read(wanted, { number: 7, blockHash: recent }, signal)).tokens).toMatchObject([{ decimals: 6 }])
  })

  test('behavior: where the state of an old block is gone it is asked again at the next', async () => {
    const facts = factsOf((block) => (block === old ? undefined : six))
    expect((await facts.read(wanted, { number: 1, blockHash: old }, signal)).tokens).toEqual([])
    expect((await facts.read(wanted, { number: 2, blockHash: recent }, signal)).tokens).toMatchObject([{ decimals: 6 }])
  })
})
