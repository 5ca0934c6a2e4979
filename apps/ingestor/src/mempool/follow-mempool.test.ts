import { mempoolCodec, mempoolTopic, parseAddress, parseHash, type Hash } from '@tocsin/chain-model'
import { openSimulatedLog, type SimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { followMempool, type Mempool } from './follow-mempool.ts'
import type { MempoolSink, Whereabouts } from './mempool-source.ts'
import type { PooledTransaction } from './pending-pool.ts'

const hashOf = (digit: number): Hash => parseHash(`0x${String(digit).repeat(64)}`)
const tx = (digit: number): PooledTransaction => ({
  hash: hashOf(digit),
  from: parseAddress(`0x${String(digit).repeat(40)}`),
  nonce: digit,
  to: parseAddress(`0x${'f'.repeat(40)}`),
  value: 1n,
  input: '0x',
  gas: 21_000n,
  maxFeePerGas: 9n,
  maxPriorityFeePerGas: 1n,
})
/** It has a label too. */
const recipient = parseAddress(`0x${'fe'.repeat(20)}`)
const blockOf = (number: number) => ({ number, hash: hashOf(number) })

interface Scene {
  readonly sink: MempoolSink
  readonly mempool: Mempool
  readonly at: (time: number) => void
}

/** Each wait of the loop is a turn of the script; what is told, short, and the errors. */
async function play(
  log: SimulatedLog,
  script: readonly ((scene: Scene) => void)[],
  whereabouts: (hash: Hash) => Whereabouts = () => ({ type: 'pending' }),
) {
  const stop = new AbortController()
  const errors: string[] = []
  let time = 10_000
  let turn = 0
  let sink: MempoolSink | undefined
  const mempool: Mempool = followMempool(
    {
      prefix: 'test',
      chainId: 1,
      limits: {
        ...{ maxTransactions: 4, maxBytes: 1 << 20, maxBlocks: 8 },
        ...{ recheckAfterMs: 2_000, dropAfterMs: 2_000, forgetAfterMs: 60_000 },
      },
      ...{ heartbeatMs: 1_000, idleAfterMs: 5_000, maxWaiting: 3, maxChecked: 10 },
    },
    {
      source: {
        name: 'node',
        run: (given, signal) => {
          sink = given
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        },
        ask: async (hash) => whereabouts(hash),
        close: async () => {},
      },
      log,
      now: () => time,
      wait: async () => {
        await new Promise((resolve) => setImmediate(resolve)) // what the node was asked for is answered
        const step = script[turn++]
        if (step === undefined || sink === undefined) stop.abort()
        else step({ sink, mempool, at: (to) => (time = to) })
      },
      random: () => 0,
      labels: (address) =>
        address.startsWith('0xf')
          ? [{ address, class: 'mixer', source: 'list', confidence: 99, validFrom: null, validTo: null }]
          : [],
      // As a transfer to whom its receiver is: what is decoded elsewhere.
      callsOf: ({ to, from, nonce }) =>
        to === null || nonce !== 2
          ? []
          : [
              {
                ...{ type: 'transfer', traceAddress: [], caller: from, address: to, value: 0n, rest: 0 },
                ...{ to: recipient, amount: 5n },
              },
            ],
      onTransition: () => {},
      onSize: () => {},
      onError: (error) => errors.push(error instanceof Error ? error.message : String(error)),
    },
    stop.signal,
  )
  await mempool.done
  return errors
}
const recordsIn = (log: SimulatedLog) =>
  log.records({ topic: mempoolTopic('test', 1), partition: 0 }).map(({ value }) => mempoolCodec.decode(value))
const said = (log: SimulatedLog) =>
  recordsIn(log).map((record) => {
    if (record.type === 'watermark') return `watermark ${record.watermark}`
    if (record.type === 'idle') return `idle ${record.time}`
    return 'firstSeen' in record ? `${record.nonce} ${record.type} ${record.time}` : record.type
  })

describe('followMempool', () => {
  test('default: what is seen and what the ledger did, in order; a watermark each heartbeat, idle after silence', async () => {
    const log = openSimulatedLog()
    await play(log, [
      ({ sink }) => sink.seen([tx(1)]),
      ({ at, mempool }) => {
        at(10_400)
        mempool.sealed(blockOf(5), [{ ...tx(1), status: 'failed' }], [])
      },
      ({ at, mempool }) => {
        at(9_000) // the clock goes back, time does not
        mempool.sealed({ number: 5, hash: hashOf(6) }, [], [blockOf(5)])
      },
      ({ at }) => at(11_000),
      ({ at }) => at(15_000),
      ({ at }) => at(16_000),
    ])
    expect(said(log)).toEqual([
      'watermark 9999',
      '1 pending 10000',
      '1 mined-same 10400',
      '1 pending 10400',
      'watermark 10999',
      'idle 15000',
    ])
    const [, pending, mined] = recordsIn(log)
    const labels = [{ address: tx(1).to, class: 'mixer', source: 'list' }]
    expect(pending).toEqual({
      type: 'pending',
      chainId: 1,
      firstSeen: 10_000,
      time: 10_000,
      source: 'node',
      calls: [],
      labels,
      ...tx(1),
    })
    expect(mined).toMatchObject({ minedAs: hashOf(1), block: blockOf(5), status: 'failed', firstSeen: 10_000 })
  })

  test('behavior: a pending transaction tells the calls that it makes, and the labels of whom they name', async () => {
    const log = openSimulatedLog()
    await play(log, [({ sink }) => sink.seen([tx(2)])])
    const pending = recordsIn(log).find((record) => record.type === 'pending')
    expect(pending?.calls).toMatchObject([{ type: 'transfer', caller: tx(2).from, to: recipient, amount: 5n }])
    expect(pending?.labels.map(({ address }) => address)).toEqual([recipient, tx(2).to])
  })

  test('behavior: a start takes up what is open: one is mined meanwhile, one is gone, one ended before', async () => {
    const log = openSimulatedLog()
    await play(log, [
      ({ sink }) => sink.seen([tx(1), tx(2), tx(3)]),
      ({ mempool }) => mempool.sealed(blockOf(5), [{ ...tx(3), status: 'success' }], []),
    ])
    const before = said(log).length
    const whereabouts = (hash: Hash): Whereabouts =>
      hash === hashOf(1) ? { type: 'mined', block: blockOf(5) } : { type: 'gone' }
    const again = log.reopen()
    await play(
      again,
      [
        ({ mempool }) => mempool.sealed(blockOf(6), [], []),
        ...[12_000, 13_000, 14_000, 15_000, 16_000].map(
          (time) =>
            ({ at }: Scene) =>
              at(time),
        ),
      ],
      whereabouts,
    )
    expect(
      said(again)
        .slice(before)
        .filter((what) => !/^(?:watermark|idle)/.test(what)),
    ).toEqual(['1 mined-same 12000', '2 dropped 14000'])
  })

  test('error: more than may wait is told and left out, and so is what is evicted', async () => {
    const log = openSimulatedLog()
    const errors = await play(log, [
      ({ sink }) => {
        sink.seen([tx(1), tx(2), tx(3)])
        sink.seen([tx(4)])
      },
      ({ sink }) => sink.seen([tx(5), tx(6)]),
    ])
    expect(errors).toEqual(['3 pending transactions wait to be written; 1 were left out.'])
    expect(said(log).filter((what) => !what.startsWith('watermark'))).toEqual([
      ...[1, 2, 3, 5, 6].map((digit) => `${digit} pending 10000`),
      '1 evicted 10000',
    ])
  })
})
