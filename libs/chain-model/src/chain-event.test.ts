import { describe, expect, test } from 'vitest'
import { parseAddress } from './address.ts'
import { addressesOf, type ChainEvent } from './chain-event.ts'

const [governor, ann, bob, cyd] = ['90', 'a1', 'b2', 'c3'].map((digits) => parseAddress(`0x${digits.repeat(20)}`))

describe('addressesOf', () => {
  test('behavior: an address in the description of a proposal is not named by it', () => {
    const proposal = {
      type: 'governor-proposal',
      logIndex: 0,
      address: governor,
      proposalId: 1n,
      proposer: ann,
      calls: [{ target: bob, value: 0n, selector: '0x' }],
      voteStart: 1n,
      voteEnd: 2n,
      description: cyd,
    } as ChainEvent
    expect(addressesOf(proposal)).toEqual([governor, ann, bob])
  })
})
