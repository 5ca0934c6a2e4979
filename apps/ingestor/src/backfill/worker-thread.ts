import { parentPort, workerData } from 'node:worker_threads'
import { FactTable, type FactKey, type FactType, type FactValues } from '../decode/contract-fact.ts'
import { decodeBlock, listedContext } from '../decode/decode-block.ts'
import { encodeBlock } from '../decode/encode-block.ts'
import { chainFacts } from '../knowledge/chains.ts'
import { contractsOf } from '../knowledge/contract-facts.ts'
import { minedIn } from '../mempool/mined-in.ts'
import { feedObserver } from '../prices/feed-observation.ts'
import { systemClock } from '../rpc/clock.ts'
import { openTransport } from '../rpc/open-endpoints.ts'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { jsonRpcSource } from '../sources/json-rpc-source.ts'
import { pooledSource } from '../sources/pooled-source.ts'
import type { TimedBlock } from '../sources/recording-source.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import {
  errorParts,
  packed,
  type FactsTold,
  type SentBlock,
  type WorkerCommand,
  type WorkerEvent,
  type WorkerReport,
  type WorkerStart,
} from './worker-messages.ts'

// The entry of a worker thread: asks the endpoints for blocks, verifies, decodes and encodes them, and keeps each until it
// is released, in case that it must be decoded again with what the blocks before it taught.
const port = parentPort
if (port === null) throw new Error('assertion: this file is the entry of a worker thread')
const start = workerData as WorkerStart // given by worker-reader.ts
const tell = (report: WorkerReport, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(report, transfer)

let events: WorkerEvent[] = []
const observed = (event: WorkerEvent): void => {
  if (events.push(event) === 1) setTimeout(flush, flushMs).unref()
}
const flushMs = 200
function flush(): void {
  if (events.length > 0) tell({ type: 'observed', events })
  events = []
}

const endpoints = start.endpoints.map(({ name, url }) => {
  const endpoint = new RpcEndpoint({
    name,
    transport: openTransport(url),
    requestTimeoutMs: start.requestTimeoutMs,
    maxExchangesInFlight: start.maxExchangesInFlight,
    clock: systemClock,
    observe: {
      called: (_, method, outcome, bytes) => observed({ type: 'called', endpoint: name, method, outcome, bytes }),
      scored: () => {}, // each thread has its own view; the process's endpoint is told of what failed
      refuted: (_, field) => observed({ type: 'refuted', endpoint: name, field }),
    },
  })
  endpoint.onLimited((retryAfterMs) => tell({ type: 'limited', endpoint: name, retryAfterMs }))
  return endpoint
})
const [first, ...others] = endpoints.map((endpoint) =>
  jsonRpcSource({
    endpoint,
    chainId: start.chainId,
    finalizedTag: false,
    traces: start.traces,
    verifyHashes: start.verifyHashes,
    onNotice: (message) => observed({ type: 'notice', message }),
    onUntraced: (endpointName) => observed({ type: 'untraced', endpoint: endpointName }),
  }),
)
if (first === undefined) throw new Error('assertion: there is an endpoint')
const source = pooledSource({
  chainId: start.chainId,
  sources: [first, ...others],
  clock: systemClock,
  observe: { hedged: (endpoint) => observed({ type: 'hedged', endpoint }), quarantined: () => {} },
})

const facts = new FactTable<FactValues[FactType]>()
let version = 0
/** Of the block that is decoded. */
let lookedUp = new Set<FactKey>()
const context = listedContext(chainFacts(start.chainId), start.knowledge, {
  get<Type extends FactType>(type: Type, key: FactKey) {
    lookedUp.add(key)
    return facts.get(type, key) as FactValues[Type] | undefined // set under its type
  },
})

const observe = start.feeds.length === 0 ? null : feedObserver(start.feeds)

function learn(told: FactsTold): void {
  version = told.version
  for (const { type, address, value } of told.facts) facts.set(type, address, value ?? undefined)
}

const reading = new Map<number, AbortController>()
const held = new Map<number, TimedBlock>()

async function read(id: number, header: BlockHeader): Promise<void> {
  const released = new AbortController()
  reading.set(id, released)
  try {
    const block = await source.block(header, released.signal)
    if (released.signal.aborted) return
    held.set(id, block)
    decode(id, block)
  } catch (error) {
    if (!released.signal.aborted) tell({ type: 'failed', id, error: errorParts(error) })
  } finally {
    reading.delete(id)
  }
}

function decode(id: number, block: TimedBlock): void {
  lookedUp = new Set()
  const { decoded, taught } = decodeBlock(block, context)
  const { transactions, seal, undecoded, mined } = encodeBlock(decoded, start.mined ? minedIn(block) : [])
  const sent: SentBlock = {
    ...packed(transactions),
    ...{ seal, undecoded, mined, observed: observe === null ? null : observe(decoded.transactions) },
    ...{ taught, named: contractsOf(decoded), version, lookedUp: [...lookedUp] },
  }
  tell({ type: 'decoded', id, block: sent }, [sent.bytes.buffer])
  flush()
}

port.on('message', (command: WorkerCommand) => {
  switch (command.type) {
    case 'read':
      learn(command.told)
      void read(command.id, command.header)
      return
    case 'decode': {
      learn(command.told)
      const block = held.get(command.id)
      if (block !== undefined) decode(command.id, block)
      return
    }
    case 'release':
      reading.get(command.id)?.abort()
      held.delete(command.id)
      return
    case 'limited':
      endpoints.find(({ name }) => name === command.endpoint)?.restToo(command.retryAfterMs)
  }
})
