import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { actorOf, parseAddress, type ChainTransaction } from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { blocksOf } from '../sources/recording-shapes.ts'
import { decodeTransaction } from './decode-transaction.ts'

interface Recorded {
  readonly name: string
  readonly entryPoint?: string
  readonly accounts?: readonly string[]
  readonly token: string
  readonly authority?: string
  readonly block: unknown
  readonly receipts: unknown
  /** Of `trace_block`, and of `debug_traceBlockByNumber` with the call tracer. */
  readonly traces: unknown
  readonly nested: unknown
}

const file = new URL('../../fixtures/accounts-31337.json.gz', import.meta.url)
const recorded = JSON.parse(gunzipSync(readFileSync(file)).toString()) as readonly Recorded[] // our own file
const cyd = parseAddress(`0x${'c3'.repeat(20)}`)

function transactionOf({ block, receipts, entryPoint }: Recorded, traces: unknown): ChainTransaction {
  const [tx] = blocksOf({ block, receipts, traces }, 31337)?.[0]?.block.transactions ?? []
  if (tx === undefined) throw new Error('one transaction is in each block')
  const none = new Set<never>()
  const entryPoints = new Set(entryPoint === undefined ? [] : [parseAddress(entryPoint)])
  return decodeTransaction({ number: 1, hash: null, timestamp: 0 }, tx, {
    chainId: 31337,
    token: () => undefined,
    labels: () => [],
    pools: new Map(),
    factories: new Set(),
    vouchers: { entryPoints, permit2: none, forwarders: none },
    abis: null,
  })
}

describe('actorsOf what entry points did', () => {
  const bundles = recorded.filter(({ entryPoint }) => entryPoint !== undefined)
  const both = bundles.flatMap((bundle) => [
    [bundle.name, 'trace_block', bundle, bundle.traces] as const,
    [bundle.name, 'the call tracer', bundle, bundle.nested] as const,
  ])

  test.for(both)('default: %s, by %s: each operation’s events and frames are its account’s', ([, , bundle, traces]) => {
    const [ann, bob] = (bundle.accounts ?? []).map((one) => parseAddress(one))
    const { calls, actors, events, frames, ...tx } = transactionOf(bundle, traces)
    expect(actors?.map(({ address, by, frame }) => [address, by, frame])).toEqual([
      [ann, 'user-operation', [5]],
      [bob, 'user-operation', [6]],
      [ann, 'user-operation', [7]],
    ])
    const [bundled] = calls ?? []
    expect(bundled?.type === 'handle-operations' && bundled.operations.map(({ sender, selector }) => [sender, selector]))
      .toEqual([[ann, '0xb61d27f6'], [bob, '0xb61d27f6'], [ann, '0xb61d27f6']]) // prettier-ignore
    const told = events.flatMap((event) => (event.type === 'user-operation' ? [[event.sender, event.success]] : []))
    expect(told).toEqual([[ann, true], [bob, true], [ann, false]]) // prettier-ignore
    // The payment in tokens and that in coin are the accounts’; what they pay the entry point before is the bundler’s act.
    const at = events.findIndex((event) => event.type === 'erc20-transfer')
    expect(actorOf({ ...tx, actors }, { event: at }).address).toBe(ann)
    const native = frames?.find(({ to, value }) => to === cyd && value > 0n)
    expect(actorOf({ ...tx, actors }, { frame: native?.traceAddress ?? [] }).address).toBe(bob)
    expect(actorOf({ ...tx, actors }, { frame: [1, 0, 1] }).address).toBe(tx.from)
    expect(calls?.filter(({ type }) => type === 'transfer').map(({ caller, traceAddress }) => [caller, traceAddress]))
      .toEqual([[ann, [5, 0, 0, 0]], [ann, [7, 0, 0, 0]]]) // prettier-ignore
  })

  test('default: without traces the same accounts have the same events, and the calls are read off the bundle', () => {
    for (const bundle of bundles) {
      const traced = transactionOf(bundle, bundle.traces)
      const { actors, calls, known } = transactionOf(bundle, null)
      expect(known.frames).toBe(false)
      expect(actors).toEqual(traced.actors?.map((actor) => ({ ...actor, frame: null })))
      const kinds = (of: ChainTransaction['calls']) => of?.map(({ type, caller, address }) => [type, caller, address])
      expect(kinds(calls)?.toSorted()).toEqual(kinds(traced.calls)?.toSorted())
    }
  })

  test('default: the key of an EIP-7702 account is recovered, and the account acts, whoever sent', () => {
    const [sent] = recorded.filter(({ authority }) => authority !== undefined)
    if (sent?.authority === undefined) throw new Error('it is recorded')
    const address = parseAddress(sent.authority)
    expect(transactionOf(sent, sent.traces)).toMatchObject({
      authorizations: [{ authority: address, delegate: sent.token, chainId: 31337n, nonce: 0n }],
      actors: [{ address, by: 'delegated-account', events: { start: 0, end: 1 }, frame: [] }],
    })
  })
})
