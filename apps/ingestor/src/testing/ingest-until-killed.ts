import { openEmbeddedLog } from '@tocsin/event-log'
import { blockDecoder } from '../decode/decode-block.ts'
import { chainFacts } from '../knowledge/chains.ts'
import { followChain } from '../ledger/follow.ts'
import { systemClock } from '../rpc/clock.ts'
import { httpTransport } from '../rpc/http-transport.ts'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { jsonRpcSource } from '../sources/json-rpc-source.ts'
import { pooledSource } from '../sources/pooled-source.ts'

// The child process of the ingestor's `kill -9` storm: follows the node from block 1 on, or from where the log says, until
// a block is in the log. Says `writing` when it has written a block, or has none to write. Arguments: the log's folder, the node's URL, that block's number.
const chainId = 31337
const [folder = '', url = '', until = ''] = process.argv.slice(2)
const log = await openEmbeddedLog(folder)
const transport = httpTransport(url)
const endpoint = new RpcEndpoint({ name: 'node', transport, requestTimeoutMs: 5_000, clock: systemClock })
const source = jsonRpcSource({ endpoint, chainId, finalizedTag: false, traces: 'auto', verifyHashes: true })
const pool = pooledSource({ chainId, sources: [source], clock: systemClock })
const decoder = blockDecoder(chainFacts(chainId), { tokens: [], labels: [] })
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
      ...{ prefix: 'kill', from: 1, finalityDepth: 8, fallbackFinalityDepth: 8 },
      ...{ pollIntervalMs: 20, maxBlocksInFlight: 16 },
    },
    {
      source: pool,
      log,
      decode: async (block) => decoder.decode(block),
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
await pool.close()
await log.close()
