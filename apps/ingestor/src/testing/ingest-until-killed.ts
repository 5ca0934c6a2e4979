import { openEmbeddedLog } from '@tocsin/event-log'
import { workerReader } from '../backfill/worker-reader.ts'
import { spans, window } from '../config.ts'
import { sourceReader } from '../ledger/block-reader.ts'
import { followChain } from '../ledger/follow.ts'
import { liveDecoder } from '../live-decoder.ts'
import { systemClock } from '../rpc/clock.ts'
import { httpTransport } from '../rpc/http-transport.ts'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { jsonRpcSource } from '../sources/json-rpc-source.ts'
import { pooledSource } from '../sources/pooled-source.ts'

// The child process of the ingestor's `kill -9` storm: follows the node from block 1 on, or from where the log says, until
// a block is in the log. Says `writing` when it has written a block, or has none to write. Arguments: the log's folder, the node's URL, that block's number, and how many
// workers read final history; 0: block by block, never far ahead.
const chainId = 31337
const [folder = '', url = '', until = '', workers = '0'] = process.argv.slice(2)
const log = await openEmbeddedLog(folder)
const transport = httpTransport(url)
const endpoint = new RpcEndpoint({ name: 'node', transport, requestTimeoutMs: 5_000, clock: systemClock })
const source = jsonRpcSource({ endpoint, chainId, finalizedTag: false, traces: 'auto', verifyHashes: true })
const pool = pooledSource({ chainId, sources: [source], clock: systemClock })
const knowledge = { tokens: [], labels: [], abis: [] }
const decoder = liveDecoder(pool, knowledge)
const backfill = workerReader({
  workers: Number(workers),
  start: {
    ...{ chainId, knowledge, feeds: [], mined: false, traces: 'auto', requestTimeoutMs: 5_000, verifyHashes: true },
    endpoints: [{ name: 'node', url }],
  },
  ...{ endpoints: [endpoint], decoder, observe: () => {} },
})
const done = new AbortController()
const nothing = () => {}
let isTold = false
const tell = () => {
  if (!isTold) process.stdout.write('writing\n') // so that it is killed after that
  isTold = true
}
try {
  await followChain(
    {
      ...{ prefix: 'kill', from: 1, to: null, finalityDepth: 8, fallbackFinalityDepth: 8 },
      ...{ pollIntervalMs: 20, window },
      spans: workers === '0' ? { ...spans, minBackfillBlocks: Infinity } : spans,
    },
    {
      source: pool,
      log,
      learned: decoder.learned,
      ...{ blocks: sourceReader(pool, decoder.decode), backfill },
      observe: {
        looked: ({ head, newest }) => {
          if (newest?.number === head.number) tell()
          if (newest !== null && newest.number >= Number(until)) done.abort()
        },
        appended: tell,
        finalized: nothing,
        failed: (error) => process.stderr.write(`${String(error)}\n`),
        quarantined: nothing,
        noFinalizedTag: nothing,
        awaitsFinality: nothing,
        startsLater: nothing,
      },
      wait: (ms, signal) => systemClock.wait(ms, signal),
      backOffMs: () => 20,
    },
    done.signal,
  )
} catch (error) {
  if (!done.signal.aborted) throw error
}
await backfill.close()
await pool.close()
await log.close()
