import { parseAddress } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { inVirtualTime, virtualClock } from '../testing/virtual-clock.ts'
import { EndpointUnavailableError } from '../verify/endpoint-answer-error.ts'
import type { EndpointSource } from './json-rpc-source.ts'
import { pooledSource } from './pooled-source.ts'
import { scriptedSource, type ScriptedSource } from './scripted-source.ts'

const chainId = 31337
const { signal } = new AbortController()

/** How one endpoint behaves: takes so long, or fails. */
interface Manner {
  ms: number
  fails: boolean
  canTrace: boolean
}

/** A pool of endpoints that all tell the same chain, or one of their own. */
function poolOf(...chains: readonly [ScriptedSource, ...ScriptedSource[]]) {
  const { clock, time } = virtualClock()
  const told: string[] = []
  const asked: string[] = []
  const manners = chains.map((): Manner => ({ ms: 10, fails: false, canTrace: true }))
  const sources = chains.map((chain, at): EndpointSource => {
    const name = `node ${at + 1}`
    const endpoint = new RpcEndpoint({
      name,
      transport: { exchange: () => new Promise(() => {}), subscribe: () => null, close: async () => {} },
      requestTimeoutMs: 1000,
      clock,
    })
    const slowly = async <T>(what: string, answer: (within: AbortSignal) => Promise<T>, within: AbortSignal) => {
      asked.push(`${name} ${what}`)
      const { ms, fails } = manners[at] ?? { ms: 0, fails: false }
      await clock.wait(ms, within)
      if (!fails) return answer(within)
      endpoint.failed('unavailable')
      throw new EndpointUnavailableError({ endpoint: name, method: what, reason: 'told so' })
    }
    return {
      ...chain,
      name,
      endpoint,
      get canTrace() {
        return manners[at]?.canTrace ?? true
      },
      tip: (within) => slowly('tip', async (s) => ({ ...(await chain.tip(s)), endpoint: name }), within),
      headerByNumber: (number, within) => slowly('header', (s) => chain.headerByNumber(number, s), within),
      headerByHash: (hash, within) => slowly('header', (s) => chain.headerByHash(hash, s), within),
      block: (header, within) => slowly('block', (s) => chain.block(header, s), within),
      call: (call, within) => slowly('call', (s) => chain.call(call, s), within),
      storage: (slot, within) => slowly('storage', (s) => chain.storage(slot, s), within),
      code: (of, within) => slowly('code', (s) => chain.code(of, s), within),
    }
  })
  const [first = sources[0], ...others] = sources
  if (first === undefined) throw new Error('assertion: there is one chain at least')
  const pool = pooledSource({
    chainId,
    sources: [first, ...others],
    clock,
    observe: {
      hedged: (endpoint) => told.push(`hedged ${endpoint}`),
      quarantined: (endpoint, is) => told.push(`${is ? 'quarantined' : 'released'} ${endpoint}`),
    },
  })
  const run = <T>(work: Promise<T>) => inVirtualTime(time, work)
  return {
    pool,
    manners,
    told,
    asked,
    run,
    time,
    pass: (ms: number) => run(time.after(ms)),
    tip: () => run(pool.tip(signal)),
  }
}

const oneChain = () => {
  const chain = scriptedSource({ chainId })
  chain.mine(5)
  return chain
}

describe('pooledSource', () => {
  test('default: the first endpoint is asked as long as it is well', async () => {
    const chain = oneChain()
    const { tip, asked, told } = poolOf(chain, chain)
    for (let look = 0; look < 5; look++) expect((await tip()).endpoint).toBe('node 1')
    expect([new Set(asked), told]).toEqual([new Set(['node 1 tip']), []])
  })

  test('behavior: where the first fails the next answers at once, and after a few failures is asked first; later the first again', async () => {
    const chain = oneChain()
    const { tip, asked, manners, pass } = poolOf(chain, chain)
    const [first] = manners
    if (first !== undefined) first.fails = true
    for (let look = 0; look < 4; look++) expect((await tip()).endpoint).toBe('node 2')
    const before = asked.length
    expect((await tip()).endpoint).toBe('node 2')
    expect(asked.slice(before)).toEqual(['node 2 tip'])
    if (first !== undefined) first.fails = false
    await pass(60_000)
    expect((await tip()).endpoint).toBe('node 1')
  })

  test('behavior: when the first takes longer than its p95 a second is asked beside it, once, and the first answer counts', async () => {
    const chain = oneChain()
    const { tip, asked, told, manners, time } = poolOf(chain, chain, chain)
    const [first] = manners
    for (let look = 0; look < 10; look++) await tip()
    if (first !== undefined) first.ms = 900
    const [before, at] = [asked.length, time.now]
    expect((await tip()).endpoint).toBe('node 2')
    // It took 10 ms before; nothing is hedged sooner than after 50.
    expect([asked.slice(before), time.now - at, told]).toEqual([['node 1 tip', 'node 2 tip'], 60, ['hedged node 1']])
  })

  test('behavior: null is the answer only where all say so, and a call that reverts is one', async () => {
    const [chain, shorter] = [oneChain(), scriptedSource({ chainId })]
    const { pool, run } = poolOf(shorter, chain)
    expect((await run(pool.headerByNumber(5, signal)))?.number).toBe(5)
    expect(await run(pool.headerByNumber(6, signal))).toBeNull()
    const call = { blockHash: chain.mine().hash, to: parseAddress(`0x${'1'.repeat(40)}`), data: '0x' } as const
    expect(await run(pool.call(call, signal))).toBeNull()
    const pruned = poolOf({ ...chain, call: async () => undefined }, chain)
    expect(await pruned.run(pruned.pool.call(call, signal))).toBeNull()
    expect(pruned.asked).toEqual(['node 1 call', 'node 2 call'])
  })

  test('behavior: storage and code are those of the first node that has the state; undefined where none has', async () => {
    const chain = oneChain()
    const at = { blockHash: chain.mine().hash, address: parseAddress(`0x${'1'.repeat(40)}`), slot: chain.mine().hash }
    const none = { ...chain, storage: async () => undefined, code: async () => undefined }
    const { pool, run, asked, manners } = poolOf(none, chain)
    expect(await run(pool.storage(at, signal))).toBe(`0x${'0'.repeat(64)}`)
    expect(await run(pool.code(at, signal))).toBe('0x')
    expect(asked).toEqual(['node 1 storage', 'node 2 storage', 'node 1 code', 'node 2 code'])
    const [, archive] = manners
    if (archive !== undefined) archive.fails = true
    expect(await run(pool.storage(at, signal))).toBeUndefined()
    const silent = poolOf(chain, chain)
    for (const manner of silent.manners) manner.fails = true
    await expect(silent.run(silent.pool.storage(at, signal))).rejects.toThrow('node 1 does not answer storage: told so')
  })

  test('error: where none answers, the error is that of the first', async () => {
    const chain = oneChain()
    const { tip, manners } = poolOf(chain, chain)
    for (const manner of manners) manner.fails = true
    await expect(tip()).rejects.toThrow('node 1 does not answer tip: told so')
  })

  test('behavior: blocks are asked of those that trace, as long as one of them is well', async () => {
    const chain = oneChain()
    const { pool, run, asked, manners } = poolOf(chain, chain)
    const [plain, archive] = manners
    if (plain !== undefined) plain.canTrace = false
    const head = chain.mine()
    await run(pool.block(head, signal))
    expect(asked).toEqual(['node 2 block'])
    if (archive !== undefined) archive.fails = true
    for (let tries = 0; tries < 3; tries++) await expect(run(pool.block(head, signal))).rejects.toThrow('node 2')
    expect((await run(pool.block(head, signal))).number).toBe(6)
  })

  test('behavior: an endpoint on another branch is left aside until it has the block that is final', async () => {
    const [chain, strange] = [oneChain(), scriptedSource({ chainId })]
    strange.mine(1)
    strange.reorg(1, 8)
    const { pool, tip, told, pass } = poolOf(strange, chain)
    const final = await chain.headerByNumber(3, signal)
    if (final === null) throw new Error('assertion: block 3 was mined')
    pool.distrust((await tip()).endpoint, final)
    for (let look = 0; look < 5; look++) {
      await pass(31_000)
      expect((await tip()).endpoint).toBe('node 2')
    }
    strange.become(chain)
    await pass(31_000)
    await tip()
    await pass(100)
    expect((await tip()).endpoint).toBe('node 1')
    expect(told).toEqual(['quarantined node 1', 'released node 1'])
  })

  test('behavior: an endpoint whose head stands still while another goes on is stale, though it answers', async () => {
    const [stale, chain] = [oneChain(), oneChain()]
    const { tip, pass } = poolOf(stale, chain)
    expect((await tip()).head.number).toBe(5)
    chain.mine(3)
    await pass(1_000)
    expect((await tip()).head.number).toBe(5)
    await pass(10_000)
    expect((await tip()).head.number).toBe(8)
    expect((await tip()).endpoint).toBe('node 2')
  })

  test('behavior: a second endpoint confirms a block, denies it, or is not there', async () => {
    const [chain, other] = [oneChain(), oneChain()]
    other.reorg(1, 1)
    const head = chain.mine()
    chain.reorg(1, 0)
    const ours = (await chain.tip(signal)).head
    const { pool, run, manners } = poolOf(chain, chain, other)
    expect(await run(pool.confirms(ours, 'node 3', signal))).toBe(true)
    expect(await run(pool.confirms(head, 'node 3', signal))).toBe(false)
    expect(await run(pool.confirms(ours, 'node 1', signal))).toBe(false) // one says so, one does not
    for (const manner of manners) manner.fails = true
    expect(await run(pool.confirms(ours, 'node 1', signal))).toBeNull()
  })
})
