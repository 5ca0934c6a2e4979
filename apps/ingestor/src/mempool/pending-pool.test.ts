import { parseAddress, parseHash, type Hash } from '@tocsin/chain-model'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  PendingPool,
  type MinedTransaction,
  type PendingPoolLimits,
  type PendingState,
  type PooledTransaction,
  type Transition,
} from './pending-pool.ts'

const hashOf = (number: number): Hash => parseHash(`0x${number.toString(16).padStart(64, '0')}`)
const wallet = (number: number) => parseAddress(`0x${number.toString(16).padStart(40, '0')}`)

/** A transaction whose hash says sender, nonce, call and fee, in hex digits. */
const tx = (sender: number, nonce: number, call: number, fee: number): PooledTransaction => ({
  hash: hashOf(((sender * 16 + nonce) * 16 + call) * 65_536 + fee),
  from: wallet(sender),
  nonce,
  to: wallet(200),
  value: BigInt(call),
  input: '0x',
  gas: 21_000n,
  maxFeePerGas: BigInt(fee),
  maxPriorityFeePerGas: 0n,
})
const mined = (transaction: PooledTransaction): MinedTransaction => ({ ...transaction, status: 'success' })
const block = (number: number, fork = 0) => ({ number, hash: hashOf(number * 256 + fork + 2 ** 40) })

const limits: PendingPoolLimits = {
  maxTransactions: 100,
  maxBytes: 1 << 20,
  maxBlocks: 8,
  recheckAfterMs: 60,
  dropAfterMs: 30,
  forgetAfterMs: 1_000,
}
/** What a transition says, short. */
const said = (transitions: readonly Transition[]) =>
  transitions.map(({ transaction, state }) => [transaction.hash, state.type] as const)

describe('PendingPool', () => {
  const [cheap, dear] = [tx(1, 0, 7, 10), tx(1, 0, 7, 20)]
  const other = tx(1, 0, 8, 30)

  test('default: it is pending, a dearer one of the same nonce replaces it, and the block that has it ends it', () => {
    const pool = new PendingPool(limits)
    expect(pool.seen([cheap], 5)).toEqual([{ transaction: cheap, firstSeen: 5, state: { type: 'pending' } }])
    expect(pool.seen([cheap], 6)).toEqual([])
    expect(pool.seen([other], 7)).toEqual([
      { transaction: other, firstSeen: 7, state: { type: 'pending' } },
      { transaction: cheap, firstSeen: 5, state: { type: 'replaced', by: other.hash } },
    ])
    const minedIn = { type: 'mined-same', minedAs: other.hash, block: block(1), status: 'success' } as const
    expect(pool.sealed(block(1), [mined(other)], 9)).toEqual([{ transaction: other, firstSeen: 7, state: minedIn }])
    expect([pool.pending, pool.size]).toEqual([0, 2])
    pool.finalized(1)
    expect(pool.size).toBe(0)
  })

  test('behavior: a bump of the fee is the same call, another call of its nonce is not', () => {
    for (const [by, type] of [
      [dear, 'mined-same'],
      [other, 'mined-different'],
    ] as const) {
      const pool = new PendingPool(limits)
      pool.seen([cheap], 5)
      const state = { type, minedAs: by.hash, block: block(1), status: 'success' }
      expect(pool.sealed(block(1), [mined(by)], 9)).toEqual([{ transaction: cheap, firstSeen: 5, state }])
    }
  })

  test('behavior: a reverted block gives each the state back that it had, also the replaced one that was mined', () => {
    const pool = new PendingPool(limits)
    pool.seen([cheap, other], 5)
    expect(said(pool.sealed(block(1), [mined(cheap)], 6))).toEqual([
      [cheap.hash, 'mined-same'],
      [other.hash, 'mined-different'],
    ])
    expect(pool.reverted(block(1).hash, 7)).toEqual([
      { transaction: cheap, firstSeen: 5, state: { type: 'replaced', by: other.hash } },
      { transaction: other, firstSeen: 5, state: { type: 'pending' } },
    ])
    expect(said(pool.sealed(block(1, 1), [mined(other)], 8))).toEqual([[other.hash, 'mined-same']])
  })

  test('behavior: missing for a while is dropped, a moment is not, and coming back makes it pending again', () => {
    const pool = new PendingPool(limits)
    pool.seen([cheap], 0)
    expect(pool.due(59, 9)).toEqual([])
    expect(pool.due(60, 9)).toEqual([cheap.hash])
    expect(pool.checked(cheap.hash, false, 60)).toEqual([])
    expect(pool.checked(cheap.hash, true, 80)).toEqual([])
    expect(pool.checked(cheap.hash, false, 100)).toEqual([])
    expect(said(pool.checked(cheap.hash, false, 130))).toEqual([[cheap.hash, 'dropped']])
    expect(said(pool.seen([cheap], 200))).toEqual([[cheap.hash, 'pending']])
    expect(said(pool.snapshot([], 210))).toEqual([])
    expect(said(pool.snapshot([], 240))).toEqual([[cheap.hash, 'dropped']])
    pool.forgetOld(1_239)
    expect(pool.size).toBe(1)
    pool.forgetOld(1_240)
    expect(pool.size).toBe(0)
  })

  test('behavior: seen only after its block it is no news; another call of its nonce is told with its end', () => {
    const pool = new PendingPool(limits)
    pool.sealed(block(1), [mined(cheap)], 1)
    expect(pool.seen([cheap], 2)).toEqual([])
    expect(said(pool.seen([other], 3))).toEqual([
      [other.hash, 'pending'],
      [other.hash, 'mined-different'],
    ])
    expect(said(pool.reverted(block(1).hash, 4))).toEqual([[other.hash, 'pending']])
  })

  test('behavior: a flood evicts those seen first, of these that pay least first, and says so', () => {
    const pool = new PendingPool({ ...limits, maxTransactions: 3 })
    const [a, b, c, d, e] = [tx(1, 0, 0, 9), tx(2, 0, 0, 5), tx(3, 0, 0, 7), tx(4, 0, 0, 1), tx(5, 0, 0, 1)]
    pool.seen([a, b], 1)
    expect(said(pool.seen([c, d, e], 2))).toEqual([
      [c.hash, 'pending'],
      [d.hash, 'pending'],
      [e.hash, 'pending'],
      [b.hash, 'evicted'],
      [a.hash, 'evicted'],
    ])
    expect([pool.pending, pool.size]).toEqual([3, 3])
  })

  test('behavior: call data counts towards the bytes that are kept', () => {
    const pool = new PendingPool({ ...limits, maxBytes: 300_000 })
    const large = (sender: number) => ({ ...tx(sender, 0, 0, 1), input: `0x${'00'.repeat(64 << 10)}` as const })
    for (let sender = 1; sender <= 50; sender++) pool.seen([large(sender)], sender)
    expect(pool.size).toBe(2)
  })

  type Step =
    | { readonly type: 'seen' | 'snapshot'; readonly transactions: readonly PooledTransaction[] }
    | { readonly type: 'seal'; readonly transactions: readonly PooledTransaction[] }
    | { readonly type: 'revert' | 'finalize' | 'check' | 'forget' }

  const anyTransaction = fc
    .tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 }), fc.nat({ max: 1 }), fc.integer({ min: 1, max: 4 }))
    .map((parts) => tx(...parts))
  const transactions = fc.array(anyTransaction, { maxLength: 4 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ type: fc.constantFrom('seen' as const, 'seen' as const, 'snapshot' as const), transactions }),
    fc.record({ type: fc.constant('seal' as const), transactions }),
    fc.record({ type: fc.constantFrom('revert' as const, 'check' as const, 'finalize' as const, 'forget' as const) }),
  )
  const timed = fc.array(fc.tuple(fc.nat({ max: 40 }), step), { maxLength: 40 })

  /** Plays steps on a pool; what it tells is folded by hash, and the chain is kept beside. */
  function play(pool: PendingPool, steps: readonly (readonly [number, Step])[], from = 0) {
    const told: { readonly at: number; readonly transition: Transition }[] = []
    const chain: { readonly number: number; readonly hash: Hash }[] = []
    let now = from
    let fork = from
    const hear = (transitions: readonly Transition[]) =>
      told.push(...transitions.map((transition) => ({ at: now, transition })))
    for (const [afterMs, one] of steps) {
      now += afterMs
      if (one.type === 'seen') hear(pool.seen(one.transactions, now))
      else if (one.type === 'snapshot') hear(pool.snapshot(one.transactions, now))
      else if (one.type === 'check') for (const hash of pool.due(now, 5)) hear(pool.checked(hash, false, now))
      else if (one.type === 'forget') pool.forgetOld(now)
      else if (one.type === 'finalize') pool.finalized((chain.at(-1)?.number ?? 0) - 2)
      else if (one.type === 'seal') {
        const next = block((chain.at(-1)?.number ?? 0) + 1, fork++ % 256)
        chain.push(next)
        const bySlot = new Map(one.transactions.map((each) => [`${each.from} ${each.nonce}`, mined(each)]))
        hear(pool.sealed(next, [...bySlot.values()], now))
      } else {
        const top = chain.pop()
        if (top !== undefined) hear(pool.reverted(top.hash, now))
      }
    }
    return { told, chain, now }
  }
  const statesOf = (told: readonly { readonly transition: Transition }[]) =>
    new Map(told.map(({ transition }) => [transition.transaction.hash, transition]))

  test('property: what it tells is what it knows, each state once, at most one pending a nonce, and ends in blocks of the chain', () => {
    fc.assert(
      fc.property(timed, fc.integer({ min: 4, max: 40 }), (steps, maxTransactions) => {
        const pool = new PendingPool({ ...limits, maxTransactions })
        const { told, chain } = play(pool, steps)
        const last = new Map<Hash, PendingState>()
        for (const { transition } of told) {
          const { hash } = transition.transaction
          const before = last.get(hash)
          if (before === undefined) expect(transition.state.type).toBe('pending')
          else if (before.type !== 'evicted' && transition.state.type !== 'pending')
            expect(transition.state).not.toEqual(before)
          last.set(hash, transition.state)
        }
        const pending = [...statesOf(told).values()].filter(({ state }) => state.type === 'pending')
        expect(pending.length).toBe(pool.pending)
        const slots = pending.map(({ transaction: { from, nonce } }) => `${from} ${nonce}`)
        expect(new Set(slots).size).toBe(slots.length)
        expect(pool.size).toBeLessThanOrEqual(maxTransactions)
        const onChain = new Set(chain.map(({ hash }) => hash))
        const ends = [...statesOf(told).values()].flatMap(({ state }) => ('block' in state ? [state.block.hash] : []))
        expect(ends.filter((hash) => !onChain.has(hash))).toEqual([])
        for (const { transaction, state } of statesOf(told).values()) {
          if (state.type !== 'replaced') continue
          const by = told.find(({ transition }) => transition.transaction.hash === state.by)?.transition.transaction
          expect((by?.maxFeePerGas ?? 0n) >= transaction.maxFeePerGas).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('property: a block and its revert leave every transaction in the state that it had', () => {
    fc.assert(
      fc.property(timed, transactions, (steps, inBlock) => {
        const pool = new PendingPool(limits)
        const { told, chain, now } = play(pool, steps)
        const before = statesOf(told)
        const next = block((chain.at(-1)?.number ?? 0) + 1, 255)
        const bySlot = new Map(inBlock.map((each) => [`${each.from} ${each.nonce}`, mined(each)]))
        const ended = pool.sealed(next, [...bySlot.values()], now)
        const again = pool.reverted(next.hash, now)
        const after = statesOf([...told, ...[...ended, ...again].map((transition) => ({ transition }))])
        expect(after).toEqual(before)
      }),
      { numRuns: 500 },
    )
  })

  test('property: a pool restored from what was told goes on as the one that told it', () => {
    fc.assert(
      fc.property(timed, timed, (first, second) => {
        const pool = new PendingPool({ ...limits, maxBlocks: 40 })
        // What it forgot is not in what it told: a restored one knows more.
        const lasting = first.filter(([, { type }]) => type !== 'finalize' && type !== 'forget')
        const { told, chain, now } = play(pool, lasting)
        const restored = new PendingPool({ ...limits, maxBlocks: 40 })
        for (const { at, transition } of told) restored.restore(transition, at)
        expect(restored.pending).toBe(pool.pending)
        const known = statesOf(told)
        const seen = second
          .flatMap(([, one]) => (one.type === 'seen' ? one.transactions : []))
          .filter(({ hash }) => known.has(hash))
        expect(said(restored.seen(seen, now + 1))).toEqual(said(pool.seen(seen, now + 1)))
        for (const { hash } of chain.toReversed())
          expect(new Map(said(restored.reverted(hash, now + 2)))).toEqual(new Map(said(pool.reverted(hash, now + 2))))
      }),
      { numRuns: 300 },
    )
  })
})
