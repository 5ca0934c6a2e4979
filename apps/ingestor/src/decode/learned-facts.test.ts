import { parseAddress, type Address, type TokenInfo } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FactTable, type ContractFact, type FactHistory } from './contract-fact.ts'
import { LearnedFacts } from './learned-facts.ts'

const address = (which: number): Address => parseAddress(`0x${String(which).padStart(40, '0')}`)
const token = (which: number, decimals: number): TokenInfo => ({
  ...{ address: address(which), symbol: null, decimals, kind: 'other', recognised: false },
})
const pool = (token0: number, proven: boolean) => ({ token0: address(token0), token1: null, proven })
const addresses = Array.from({ length: 4 }, (_, which) => address(which))

const known = (facts: LearnedFacts) => addresses.map((each) => [facts.get('token', each), facts.get('pool', each)])
const text = (facts: LearnedFacts) =>
  facts
    .histories()
    .map((each) => JSON.stringify(each))
    .sort()

/** The log's part: the newest word on each fact. */
class Kept {
  readonly #table = new FactTable<FactHistory>()

  write(facts: LearnedFacts): void {
    for (const history of facts.unwritten()) this.#table.set(history.type, history.address, history)
    facts.written()
  }

  get histories(): readonly FactHistory[] {
    return [...this.#table].map(([, , history]) => history)
  }
}

describe('LearnedFacts', () => {
  test('default: of pools the first word counts, unless another is proven; a rewind takes back what came at the block', () => {
    const facts = new LearnedFacts()
    facts.adopt(1, [{ type: 'pool', address: address(1), value: pool(7, false) }])
    facts.adopt(2, [{ type: 'pool', address: address(1), value: pool(8, false) }])
    expect(facts.get('pool', address(1))).toEqual(pool(7, false))
    facts.adopt(3, [{ type: 'pool', address: address(1), value: pool(9, true) }])
    expect(facts.get('pool', address(1))).toEqual(pool(9, true))
    facts.rewind(3)
    expect(facts.get('pool', address(1))).toEqual(pool(7, false))
    facts.rewind(1)
    expect(facts.get('pool', address(1))).toBeUndefined()
  })

  test('behavior: above the most facts the oldest eighth is forgotten, once they are written', () => {
    const facts = new LearnedFacts(8)
    for (let number = 1; number <= 9; number++) facts.learn(number, 'token', address(number), token(number, 1))
    expect(facts.size).toBe(9)
    const { version } = facts
    facts.written()
    expect(facts.histories().map(({ versions }) => versions[0]?.number)).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(facts.unwritten()).toEqual([1, 2].map((each) => ({ type: 'token', address: address(each), versions: [] })))
    expect(facts.changedSince(version, [])).toBe(true) // it is not known any more what
  })

  test('behavior: of a fact that changes at each block the newest eight words are remembered', () => {
    const facts = new LearnedFacts()
    for (let number = 1; number <= 20; number++) facts.learn(number, 'token', address(1), token(1, number))
    facts.rewind(14)
    expect(facts.get('token', address(1))?.decimals).toBe(13)
    facts.rewind(13)
    expect(facts.get('token', address(1))).toBeUndefined()
  })

  const step = fc.oneof(
    fc.record({ type: fc.constant('token' as const), which: fc.nat(3), value: fc.nat(3) }),
    fc.record({ type: fc.constant('pool' as const), which: fc.nat(3), value: fc.nat(3) }),
    fc.record({ type: fc.constant('next' as const) }),
    fc.record({ type: fc.constant('rewind' as const), by: fc.nat(3) }),
  )
  interface Learned {
    readonly type: 'token' | 'pool'
    readonly which: number
    readonly value: number
  }
  const learn = (facts: LearnedFacts, { type, which, value }: Learned, number: number) =>
    type === 'token'
      ? facts.learn(number, type, address(which), token(which, value))
      : facts.learn(number, type, address(which), pool(value, true))

  test('property: a rewind gives what was known before the block, one who is told of each change knows the same, and what did not change since a version is not said to have', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const facts = new LearnedFacts()
        const told = new FactTable<unknown>()
        facts.onChange(({ type, address: of, value }: ContractFact) => told.set(type, of, value ?? undefined))
        const before = [known(facts)]
        const versions = [{ version: facts.version, known: known(facts) }]
        for (const each of steps) {
          const number = before.length - 1
          if (each.type === 'next') {
            if (before.length < 8) before.push(known(facts)) // of more blocks a fact may have more words than are remembered
          } else if (each.type === 'rewind') {
            const back = Math.max(0, number - each.by)
            facts.rewind(back)
            expect(known(facts)).toEqual(before[back])
            before.length = back + 1
          } else learn(facts, each, number)
          expect(addresses.map((of) => [told.get('token', of), told.get('pool', of)])).toEqual(known(facts))
          for (const then of versions)
            for (const [at, of] of addresses.entries())
              if (!facts.changedSince(then.version, [of])) expect(known(facts)[at]).toEqual(then.known[at])
          versions.push({ version: facts.version, known: known(facts) })
          const again = new Map(facts.all().map((fact) => [`${fact.type} ${fact.address}`, fact.value]))
          for (const of of addresses)
            expect([again.get(`token ${of}`), again.get(`pool ${of}`)]).toEqual([
              facts.get('token', of),
              facts.get('pool', of),
            ])
        }
      }),
    )
  })

  const life = fc.oneof(
    fc.record({ type: fc.constant('token' as const), which: fc.nat(9), value: fc.nat(3) }),
    fc.record({ type: fc.constant('pool' as const), which: fc.nat(9), value: fc.nat(3) }),
    fc.record({ type: fc.constant('written' as const), crashed: fc.boolean() }),
    fc.record({ type: fc.constant('rewind' as const), by: fc.nat(12) }),
  )

  test('property: begun anew from what was written at a block it knows, forgets and writes the same as one that never ended', () => {
    fc.assert(
      fc.property(fc.array(life, { maxLength: 60 }), (steps) => {
        const [calm, first] = [new LearnedFacts(6), new LearnedFacts(6)]
        const [calmly, kept] = [new Kept(), new Kept()]
        let crashing = first
        let number = 0
        for (const each of steps) {
          if (each.type === 'rewind') {
            number = Math.max(0, number - each.by)
            for (const facts of [calm, crashing]) facts.rewind(number)
          } else if (each.type !== 'written') for (const facts of [calm, crashing]) learn(facts, each, number)
          else {
            expect(crashing.unwritten()).toEqual(calm.unwritten())
            calmly.write(calm)
            kept.write(crashing)
            number++
            if (!each.crashed) continue
            crashing = new LearnedFacts(6)
            crashing.restore(kept.histories)
            expect(text(crashing)).toEqual(text(calm))
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
