import { fileURLToPath } from 'node:url'
import {
  creationsOf,
  parseAddress,
  parseHash,
  transactionsCodec,
  type Address,
  type ChainTransaction,
  type Label,
  type LabelClass,
} from '@tocsin/chain-model'
import { describe, expect, test } from 'vitest'
import { decodeRecording } from '../ingest.ts'
import { openRecording } from '../sources/recording-source.ts'
import { parseTraces } from '../sources/parse-block.ts'
import { decodeTransaction, type DecodeContext } from './decode-transaction.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))

async function transactionsOf(name: string): Promise<ChainTransaction[]> {
  const transactions: ChainTransaction[] = []
  for await (const record of decodeRecording(await openRecording([fixture(name)])))
    if (record.type === 'transaction') {
      expect(transactionsCodec.decode(transactionsCodec.encode(record))).toEqual(record)
      transactions.push(record)
    }
  return transactions
}

describe('decodeTransaction', () => {
  test('default: a whole block gives envelope, outcome, events and frames of each transaction', async () => {
    const transactions = await transactionsOf('block-4370006.json.gz')
    expect({
      transactions: transactions.length,
      events: transactions.reduce((sum, { events }) => sum + events.length, 0),
      frames: transactions.reduce((sum, { frames }) => sum + (frames?.length ?? 0), 0),
      complete: transactions.every(
        (tx) => tx.known.envelope && tx.known.frames && tx.gasUsed !== null && tx.nonce !== null,
      ),
      failed: transactions.filter(({ status }) => status === 'failed').length,
    }).toEqual({ transactions: 64, events: 113, frames: 448, complete: true, failed: 0 })
    for (const { from, to, value, selector, frames, contractAddress, status } of transactions) {
      const top = frames?.[0]
      expect(top?.traceAddress).toEqual([])
      expect([top?.from, top?.value]).toEqual([from, value])
      expect(top?.error === null).toBe(status === 'success')
      if (to !== null) expect([top?.to, top?.selector]).toEqual([to, selector])
      else if (status === 'success') expect(top?.to).toBe(contractAddress)
    }
  })

  test('behavior: a transaction names what was known of its tokens and labels at its block, in order', async () => {
    const transactions = await transactionsOf('logs-18426253-18426254.jsonl.gz')
    expect(transactions.reduce((sum, { events }) => sum + events.length, 0)).toBe(607)
    for (const { tokens, labels, events } of transactions) {
      expect(tokens).toEqual([...tokens].sort((a, b) => (a.address < b.address ? -1 : 1)))
      expect(labels.map(({ address }) => address)).toEqual(labels.map(({ address }) => address).sort())
      const text = JSON.stringify(events, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
      for (const { address } of [...tokens, ...labels]) expect(text).toContain(address)
    }
    const symbols = new Set(transactions.flatMap(({ tokens }) => tokens.map(({ symbol }) => symbol)))
    expect(symbols).toEqual(new Set(['DAI', 'USDC', 'USDT', 'WETH']))
    expect(new Set(transactions.flatMap(({ labels }) => labels.map((label) => label.class)))).toContain('dex-router')
  })
})

const [ann, bob, cyd] = ['aa', 'bb', 'cc'].map((digits) => parseAddress(`0x${digits.repeat(20)}`)) as [
  Address,
  Address,
  Address,
]

describe('decodeTransaction of one', () => {
  const hash = parseHash(`0x${'1'.repeat(64)}`)
  const decoded = (status: 'success' | 'failed' | null, labels: DecodeContext['labels'] = () => []) =>
    decodeTransaction(
      { number: 1, hash, timestamp: 0 },
      {
        ...{ hash, index: 0, logs: [], frames: null },
        envelope: { from: ann, to: null, value: 0n, nonce: 0, input: '0x', authorizations: null },
        outcome: { status, gasUsed: 1n, effectiveGasPrice: 1n, contractAddress: bob },
      },
      {
        ...{ chainId: 1, token: () => undefined, labels, pools: new Map(), factories: new Set(), abis: null },
        vouchers: { entryPoints: new Set(), forwarders: new Set(), permit2: new Set() },
      },
    )

  test('behavior: a creation that failed has no contract, though geth’s receipt names where it would have been', () => {
    expect([decoded('success').contractAddress, decoded('failed').contractAddress]).toEqual([bob, null])
    expect(creationsOf(decoded('success'))).toEqual([{ address: bob, creator: ann, traceAddress: [] }])
    // Before Byzantium a receipt does not tell, and so neither do we.
    expect([decoded(null).status, decoded(null).contractAddress, creationsOf(decoded(null))]).toEqual([
      'unknown',
      bob,
      [],
    ])
  })

  test('behavior: labels come in order of address, class and source, however the lists have them', () => {
    const label = (address: Address, labelClass: LabelClass, source: string): Label => ({
      ...{ address, source, confidence: 90, validFrom: null, validTo: null },
      class: labelClass,
    })
    const lists = new Map([
      [bob, [label(bob, 'exchange', 'b'), label(bob, 'bridge', 'c'), label(bob, 'exchange', 'a')]],
      [ann, [label(ann, 'mixer', 'a'), label(ann, 'exploit', 'a')]],
      [cyd, [label(cyd, 'mixer', 'a')]],
    ])
    expect(decoded('success', (address) => lists.get(address) ?? []).labels).toEqual([
      { address: ann, class: 'exploit', source: 'a' },
      { address: ann, class: 'mixer', source: 'a' },
      { address: bob, class: 'bridge', source: 'c' },
      { address: bob, class: 'exchange', source: 'a' },
      { address: bob, class: 'exchange', source: 'b' },
    ])
  })
})

describe('parseTraces', () => {
  const [a, b, c] = ['aa', 'bb', 'cc'].map((digits) => `0x${digits.repeat(20)}`)
  const transfer = { selector: '0xa9059cbb', input: '0xa9059cbb00' }
  const call = { type: 'CALL', from: a, to: b, value: '0x5', input: '0xa9059cbb00' }

  test('default: the call tracer’s nesting becomes frames in order of execution; failed ones stay, with what is below', () => {
    const nested = [
      {
        txHash: `0x${'1'.repeat(64)}`,
        result: {
          ...call,
          calls: [
            {
              ...call,
              type: 'DELEGATECALL',
              error: 'execution reverted',
              calls: [{ ...call, type: 'STATICCALL', value: undefined }],
            },
            { type: 'CREATE2', from: b, to: c, value: '0x0', input: '0x60806040', error: 'out of gas' },
            { type: 'SELFDESTRUCT', from: b, to: c, value: '0x7', input: '0x' },
          ],
        },
      },
    ]
    const [trace] = parseTraces(nested)
    expect(trace?.frames).toEqual([
      { traceAddress: [], type: 'call', from: a, to: b, value: 5n, ...transfer, error: null },
      {
        traceAddress: [0],
        type: 'delegatecall',
        from: a,
        to: b,
        value: 5n,
        ...transfer,
        error: 'execution reverted',
      },
      { traceAddress: [0, 0], type: 'staticcall', from: a, to: b, value: 0n, ...transfer, error: null },
      {
        traceAddress: [1],
        type: 'create2',
        from: b,
        to: null,
        value: 0n,
        selector: '0x',
        input: '0x60806040',
        error: 'out of gas',
      },
      { traceAddress: [2], type: 'selfdestruct', from: b, to: c, value: 7n, selector: '0x', input: '0x', error: null },
    ])
  })

  test('behavior: flat traces in any order come out in order of execution; rewards belong to no transaction', () => {
    const flat = (traceAddress: number[]) => ({
      type: 'call',
      traceAddress,
      transactionHash: `0x${'1'.repeat(64)}`,
      transactionPosition: 3,
      blockNumber: 9,
      action: { callType: 'call', from: a, to: b, value: '0x0', input: '0x' },
      result: { output: '0x' },
    })
    const reward = {
      type: 'reward',
      traceAddress: [],
      blockNumber: 9,
      action: { author: c, rewardType: 'block', value: '0x1' },
    }
    const traces = parseTraces([flat([1]), flat([0, 10]), flat([0, 9]), reward, flat([]), flat([0])])
    expect(
      traces.map(({ transactionIndex, frames }) => [transactionIndex, frames.map(({ traceAddress }) => traceAddress)]),
    ).toEqual([[3, [[], [0], [0, 9], [0, 10], [1]]]])
  })

  test('property: calls nested a thousand deep are read without recursion', () => {
    let deep: object = call
    for (let level = 0; level < 1024; level++) deep = { ...call, calls: [deep] }
    expect(parseTraces([{ result: deep }])[0]?.frames.length).toBe(1025)
  })
})
