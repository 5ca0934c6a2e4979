import { parseAddress, type Address, type TokenInfo } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LearnedFacts, type LearnedFact } from './learned-facts.ts'

const address = (which: number): Address => parseAddress(`0x${String(which).padStart(40, '0')}`)
const token = (which: number, decimals: number): TokenInfo => ({
  ...{ address: address(which), symbol: null, decimals, kind: 'other', recognised: false },
})
const pool = (token0: number, proven: boolean) => ({ token0: address(token0), token1: null, proven })
const addresses = Array.from({ length: 4 }, (_, which) => address(which))

const known = (facts: LearnedFacts) => addresses.map((each) => [facts.token(each), facts.pool(each)])

describe('LearnedFacts', () => {
  test('default: of pools the first word counts, unless another is proven; a rewind takes back what came at the block', () => {
    const facts = new LearnedFacts()
    facts.adopt(1, new Map([[address(1), pool(7, false)]]))
    facts.adopt(2, new Map([[address(1), pool(8, false)]]))
    expect(facts.pool(address(1))).toEqual(pool(7, false))
    facts.adopt(3, new Map([[address(1), pool(9, true)]]))
    expect(facts.pool(address(1))).toEqual(pool(9, true))
    facts.rewind(3)
    expect(facts.pool(address(1))).toEqual(pool(7, false))
    facts.rewind(1)
    expect(facts.pool(address(1))).toBeUndefined()
  })

  const step = fc.oneof(
    fc.record({ type: fc.constant('token' as const), which: fc.nat(3), value: fc.nat(3) }),
    fc.record({ type: fc.constant('pool' as const), which: fc.nat(3), value: fc.nat(3) }),
    fc.record({ type: fc.constant('next' as const) }),
    fc.record({ type: fc.constant('rewind' as const), by: fc.nat(3) }),
  )

  test('property: a rewind gives what was known before the block, one who is told of each change knows the same, and what did not change since a version is not said to have', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const facts = new LearnedFacts()
        const told = { token: new Map<Address, unknown>(), pool: new Map<Address, unknown>() }
        facts.onChange(({ type, address: of, value }: LearnedFact) => told[type].set(of, value ?? undefined))
        const before = [known(facts)]
        const versions = [{ version: facts.version, known: known(facts) }]
        for (const each of steps) {
          const number = before.length - 1
          if (each.type === 'token') facts.learnToken(number, token(each.which, each.value))
          else if (each.type === 'pool') facts.learnPool(number, address(each.which), pool(each.value, true))
          else if (each.type === 'next') before.push(known(facts))
          else {
            const back = Math.max(0, number - each.by)
            facts.rewind(back)
            expect(known(facts)).toEqual(before[back])
            before.length = back + 1
          }
          expect(addresses.map((of) => [told.token.get(of), told.pool.get(of)])).toEqual(known(facts))
          for (const then of versions)
            for (const [at, of] of addresses.entries())
              if (!facts.changedSince(then.version, [of])) expect(known(facts)[at]).toEqual(then.known[at])
          versions.push({ version: facts.version, known: known(facts) })
          const again = new Map(facts.all().map((fact) => [`${fact.type} ${fact.address}`, fact.value]))
          for (const of of addresses)
            expect([again.get(`token ${of}`), again.get(`pool ${of}`)]).toEqual([facts.token(of), facts.pool(of)])
        }
      }),
    )
  })
})
