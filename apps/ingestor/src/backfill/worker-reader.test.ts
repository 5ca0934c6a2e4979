import type { Worker } from 'node:worker_threads'
import { transactionsCodec, transactionsTopic } from '@tocsin/chain-model'
import { openSimulatedLog } from '@tocsin/event-log/testing'
import { describe, expect, test } from 'vitest'
import { sourceReader } from '../ledger/block-reader.ts'
import { followChain } from '../ledger/follow.ts'
import { liveDecoder } from '../live-decoder.ts'
import { systemClock } from '../rpc/clock.ts'
import { openEndpoints } from '../rpc/open-endpoints.ts'
import { jsonRpcSource } from '../sources/json-rpc-source.ts'
import { pooledSource } from '../sources/pooled-source.ts'
import { serveHistory } from '../testing/serve-history.ts'
import { honest } from '../testing/simulated-node.ts'
import { workerReader } from './worker-reader.ts'

const chainId = 31337
const blocks = 160
const knowledge = { tokens: [], labels: [], abis: [] }

/** Follows the nodes to their last block. @returns the log, and what happened on the way */
async function backfilled(urls: readonly string[], workers: number, onRead: (count: number) => void = () => {}) {
  const met = new Map<string, number>()
  const meet = (what: string) => met.set(what, (met.get(what) ?? 0) + 1)
  const endpoints = openEndpoints(urls, {
    requestTimeoutMs: 10_000,
    clock: systemClock,
    observe: {
      called: () => {},
      scored: () => {},
      refuted: (endpoint) => meet(`refuted ${urls.length > 1 ? endpoint.slice(-5) : ''}`),
    },
  })
  const verifying = { chainId, finalizedTag: true, traces: 'auto', verifyHashes: true } as const
  const [first, ...others] = endpoints.map((endpoint) => jsonRpcSource({ ...verifying, endpoint }))
  if (first === undefined) throw new Error('assertion: there is an endpoint')
  const source = pooledSource({ chainId, sources: [first, ...others], clock: systemClock })
  const decoder = liveDecoder(source, knowledge)
  const log = openSimulatedLog()
  const reader = workerReader({
    workers,
    start: {
      ...{ chainId, knowledge, feeds: [], mined: false, traces: 'auto', requestTimeoutMs: 10_000, verifyHashes: true },
      endpoints: endpoints.map(({ name }, at) => ({ name, url: urls[at] ?? '' })),
    },
    endpoints,
    decoder,
    observe: (event) => meet(event.type),
  })
  const reads = { here: 0, there: 0 }
  const here = sourceReader(source, decoder.decode)
  const counting = (where: keyof typeof reads, of: typeof here): typeof here => ({
    rest: () => of.rest(),
    read: (header, signal) => {
      const reading = of.read(header, signal)
      reads[where]++
      if (where === 'there') onRead(reads.there)
      return reading
    },
  })
  try {
    await followChain(
      {
        ...{ prefix: 'test', from: 1, to: blocks, finalityDepth: null, fallbackFinalityDepth: 8, pollIntervalMs: 10 },
        spans: { maxLiveBlocks: 16, maxBackfillBlocks: 50, minBackfillBlocks: workers === 0 ? Infinity : 4 },
        window: { maxBlocks: 24, maxBytes: 1 << 20 },
      },
      {
        ...{
          source,
          log,
          learned: decoder.learned,
          blocks: counting('here', here),
          backfill: counting('there', reader),
        },
        observe: {
          looked: () => {},
          appended: () => {},
          finalized: () => {},
          failed: (error) => meet(error instanceof Error && 'code' in error ? String(error.code) : String(error)),
          quarantined: () => {},
          noFinalizedTag: () => {},
          awaitsFinality: () => {},
          startsLater: () => {},
        },
        wait: (ms, signal) => systemClock.wait(ms, signal),
        backOffMs: () => 10,
      },
      new AbortController().signal,
    )
  } finally {
    await reader.close()
    await source.close()
  }
  const records = log.records({ topic: transactionsTopic('test', chainId), partition: 0 })
  return { records: records.map(({ value }) => Buffer.from(value).toString()), met, reads, endpoints }
}

/** The threads that are begun while the work goes on. */
async function withThreads<T>(work: (threads: readonly Worker[]) => Promise<T>): Promise<T> {
  const threads: Worker[] = []
  const begun = (worker: Worker) => threads.push(worker)
  process.on('worker', begun)
  try {
    return await work(threads)
  } finally {
    process.off('worker', begun)
  }
}

describe('workerReader', () => {
  test('property: with any number of workers the log is that of the plain follower, byte for byte', async () => {
    const node = await serveHistory(chainId, blocks)
    try {
      const plain = await backfilled([node.httpUrl], 0)
      expect(plain.reads).toEqual({ here: blocks, there: 0 })
      // Else the order in which contracts were asked would not show.
      const decimals = plain.records.flatMap((record) => {
        const decoded = transactionsCodec.parse(record)
        return decoded.type === 'transaction' ? decoded.tokens.map((token) => token.decimals) : []
      })
      expect(new Set(decimals).size).toBeGreaterThan(5)
      for (const workers of [1, 2, 3]) {
        const parallel = await backfilled([node.httpUrl], workers)
        expect(parallel.records).toEqual(plain.records)
        expect([parallel.reads.there >= blocks - 4, parallel.met.has('called')]).toEqual([true, true])
      }
    } finally {
      await node.close()
    }
  }, 120_000)

  test('behavior: an answer that does not hold is refuted in the worker, and another endpoint gives the block', async () => {
    const [liar, node] = [
      await serveHistory(chainId, blocks, { ...honest, lie: 0.5 }),
      await serveHistory(chainId, blocks),
    ]
    try {
      const urls = [liar.httpUrl, node.httpUrl]
      const { records, met, endpoints } = await backfilled(urls, 2)
      expect(records).toEqual((await backfilled([node.httpUrl], 0)).records)
      expect([...met.keys()].filter((what) => what.startsWith('refuted'))).toEqual([
        `refuted ${liar.httpUrl.slice(-5)}`,
      ])
      expect(endpoints[0]?.scoreNow).toBeLessThan(1)
    } finally {
      await Promise.all([liar.close(), node.close()])
    }
  }, 120_000)

  test('error: a worker that dies is told of in one line and replaced; nothing is lost', async () => {
    const node = await serveHistory(chainId, blocks)
    try {
      const plain = await backfilled([node.httpUrl], 0)
      const { records, met } = await withThreads(async (threads) =>
        backfilled([node.httpUrl], 2, (count) => {
          if (count === 40) for (const thread of threads) void thread.terminate()
        }),
      )
      expect(records).toEqual(plain.records)
      expect(met.get('INGEST_READING_WORKER_LOST')).toBeGreaterThan(0)
    } finally {
      await node.close()
    }
  }, 120_000)
})
