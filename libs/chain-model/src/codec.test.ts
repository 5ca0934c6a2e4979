import { expect, test } from 'vitest'
import {
  mempoolCodec,
  pricesCodec,
  transactionsCodec,
  parseAddress,
  parseHash,
  type MempoolRecord,
} from '@tocsin/chain-model'

test('default: a price survives the wire', () => {
  const tick = {
    type: 'price',
    chainId: 1,
    asset: parseAddress('0xC02AAA39b223FE8D0A0e5C4F27eAD9083C756Cc2'),
    price8: 177_300_000_000n,
    source: 'file',
    time: 0,
    maxAge: null,
  } as const
  expect(pricesCodec.decode(pricesCodec.encode(tick))).toEqual(tick)
})

test('default: a pending transaction and its end survive the wire', () => {
  const hash = parseHash(`0x${'7'.repeat(64)}`)
  const from = parseAddress(`0x${'a'.repeat(40)}`)
  const about = { chainId: 1, from, nonce: 7, hash, firstSeen: 1_000 }
  const pending: MempoolRecord = {
    type: 'pending',
    ...about,
    time: 1_000,
    to: null,
    value: 10n ** 30n,
    input: '0x6001',
    gas: 21_000n,
    maxFeePerGas: 2n * 10n ** 9n,
    maxPriorityFeePerGas: 0n,
    source: 'wss://node.example',
    calls: [
      {
        ...{ type: 'transfer', traceAddress: [], caller: from, address: from, value: 0n, rest: 0 },
        ...{ to: from, amount: 2n ** 255n },
      },
    ],
    labels: [],
  }
  const block = { number: 9, hash }
  const mined: MempoolRecord = { type: 'mined-same', ...about, time: 13_000, minedAs: hash, block, status: 'success' }
  for (const record of [pending, mined]) expect(mempoolCodec.decode(mempoolCodec.encode(record))).toEqual(record)
})

test('behavior: a transaction written before calls and actors were told is read, and says that they are not known', () => {
  const before = {
    ...{ type: 'transaction', chainId: 1, index: 0, hash: `0x${'7'.repeat(64)}` },
    block: { number: 9, hash: null, timestamp: 0 },
    ...{ from: null, to: null, value: '0', nonce: null, selector: '0x', status: 'unknown' },
    ...{ gasUsed: null, effectiveGasPrice: null, contractAddress: null, frames: null },
    known: { envelope: false, frames: false },
    ...{ events: [], tokens: [], labels: [] },
  }
  const read = transactionsCodec.parse(JSON.stringify(before))
  expect(read).toMatchObject({ calls: null, actors: null, authorizations: null, pools: null })
  expect(transactionsCodec.decode(transactionsCodec.encode(read))).toEqual(read)
})
