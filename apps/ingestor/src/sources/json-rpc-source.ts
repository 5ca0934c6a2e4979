import { FetchRequest, Network, WebSocketProvider, isError } from 'ethers'
import { EndpointAnswerError, EndpointUnavailableError, WrongChainError } from '../verify/endpoint-answer-error.ts'
import { verifyBlock, proving, type VerifiedBlock } from '../verify/verify-block.ts'
import { verifyReceipts, verifyTraces } from '../verify/verify-receipts.ts'
import { assembleBlock } from './assemble-block.ts'
import type { ChainSource } from './chain-source.ts'
import {
  isMissingMethod,
  isPrunedState,
  isUnknownTag,
  type RpcAnswer,
  type RpcConnection,
} from './json-rpc-connection.ts'
import {
  asArray,
  asBytes,
  asNumber,
  isObject,
  parseHeader,
  type ParsedReceipt,
  type ParsedTrace,
} from './parse-block.ts'
import type { BlockHeader } from './source-block.ts'

export interface JsonRpcSourceOptions {
  /** `http(s)://` or `ws(s)://`. */
  readonly url: string
  /** A WebSocket beside an HTTP `url`, for new heads only. */
  readonly headsUrl?: string
  readonly chainId: number
  /** How long one answer may take, in ms. */
  readonly requestTimeoutMs: number
  /** Whether the node is asked for the block it calls `finalized`. */
  readonly finalizedTag: boolean
  /** `none`: traces are not asked for. `auto`: as the node can. */
  readonly traces: 'auto' | 'none'
  /** Recompute hashes and roots: not on chains with headers or transactions of their own. */
  readonly verifyHashes: boolean
  /** How many receipts are asked for at once where the node has no `eth_getBlockReceipts`. */
  readonly maxReceiptsInFlight?: number
  readonly onNotice?: (message: string) => void
  /** Counts an answer: `ok`, `error` or `unavailable`. */
  readonly onRequest?: (method: string, outcome: 'ok' | 'error' | 'unavailable') => void
}

/**
 * A chain behind one JSON-RPC endpoint. Every answer is checked before it leaves here: chain, number, hash, parent,
 * receipts, logs bloom, and where asked all hashes and roots. Methods are chosen by what the node can: `eth_getBlockReceipts`, else a receipt each;
 * `trace_block`, else `debug_traceBlockByHash` with the call tracer, else no call frames, said once.
 */
export function openJsonRpcSource(options: JsonRpcSourceOptions): ChainSource {
  const name = endpointName(options.url)
  const connection = connect(options.url, name, options)
  const heads =
    options.headsUrl === undefined ? connection : connect(options.headsUrl, endpointName(options.headsUrl), options)
  const { chainId, maxReceiptsInFlight = 8 } = options
  const verify = { hashes: options.verifyHashes }
  let chainChecked = false
  let prunedTold = false
  let receiptsMethod: 'block' | 'each' = 'block'
  let tracesMethod: 'trace_block' | 'debug_traceBlockByHash' | 'none' =
    options.traces === 'none' ? 'none' : 'trace_block'

  async function request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<RpcAnswer> {
    try {
      const answer = await connection.request(method, params, signal)
      options.onRequest?.(method, answer.type === 'result' ? 'ok' : 'error')
      return answer
    } catch (error) {
      signal.throwIfAborted()
      options.onRequest?.(method, 'unavailable')
      chainChecked = false // whoever answers next at this address may be another node
      throw error
    }
  }

  async function checkChain(signal: AbortSignal): Promise<void> {
    if (chainChecked) return
    const answer = expectResult(await request('eth_chainId', [], signal), 'eth_chainId', 'latest')
    const found = proving(name, 'latest', () => asNumber(answer, 'chainId'))
    if (found !== chainId) throw new WrongChainError({ endpoint: name, expected: chainId, found })
    chainChecked = true
  }

  function expectResult(answer: RpcAnswer, method: string, block: number | string): unknown {
    if (answer.type === 'result') return answer.result
    const reason = `the node answers error ${answer.code}: ${answer.message}`
    throw new EndpointAnswerError({ endpoint: name, block, field: method, reason })
  }

  async function ask(
    method: string,
    params: readonly unknown[],
    block: number | string,
    signal: AbortSignal,
  ): Promise<unknown> {
    await checkChain(signal)
    return expectResult(await request(method, params, signal), method, block)
  }

  const header = (block: number | string, answer: unknown): BlockHeader | null =>
    answer === null ? null : proving(name, block, () => parseHeader(answer))

  async function receiptsOf(block: VerifiedBlock, signal: AbortSignal): Promise<readonly ParsedReceipt[]> {
    if (block.transactions.length === 0) return verifyReceipts(name, block, [], verify)
    if (receiptsMethod === 'block') {
      const answer = await request('eth_getBlockReceipts', [block.header.hash], signal)
      if (!isMissingMethod(answer))
        return verifyReceipts(name, block, expectResult(answer, 'eth_getBlockReceipts', block.header.number), verify)
      receiptsMethod = 'each'
      options.onNotice?.(`${name} has no eth_getBlockReceipts: receipts are asked for one by one.`)
    }
    const receipts: unknown[] = []
    for (let at = 0; at < block.transactions.length; at += maxReceiptsInFlight) {
      const some = block.transactions.slice(at, at + maxReceiptsInFlight)
      const answers = some.map(({ hash }) => ask('eth_getTransactionReceipt', [hash], block.header.number, signal))
      receipts.push(...(await Promise.all(answers)))
    }
    return verifyReceipts(name, block, receipts, verify)
  }

  async function tracesOf(block: VerifiedBlock, signal: AbortSignal): Promise<readonly ParsedTrace[] | null> {
    const { number, hash } = block.header
    if (tracesMethod === 'none') return null
    if (block.transactions.length === 0) return []
    if (tracesMethod === 'trace_block') {
      const answer = await request('trace_block', [hex(number)], signal)
      if (!isMissingMethod(answer)) return verifyTraces(name, block, expectResult(answer, 'trace_block', number))
      tracesMethod = 'debug_traceBlockByHash'
    }
    const answer = await request('debug_traceBlockByHash', [hash, { tracer: 'callTracer' }], signal)
    if (!isMissingMethod(answer)) {
      const traces = proving(name, number, () =>
        asArray(expectResult(answer, 'debug_traceBlockByHash', number), 'traces'),
      )
      const failed = traces.find((trace) => isObject(trace) && trace['error'] !== undefined)
      if (isObject(failed))
        throw new EndpointAnswerError({
          endpoint: name,
          block: number,
          field: 'traces',
          reason: String(failed['error']),
        })
      return verifyTraces(name, block, traces)
    }
    tracesMethod = 'none'
    options.onNotice?.(`${name} gives no traces: native value that contracts move cannot be seen.`)
    return null
  }

  async function finalized(signal: AbortSignal): Promise<BlockHeader | null> {
    await checkChain(signal)
    const answer = await request('eth_getBlockByNumber', ['finalized', false], signal)
    // Any other error says nothing of finality: taken for "no such tag", a busy node would have blocks called final early.
    if (answer.type === 'error' && isUnknownTag(answer)) return null
    return header('finalized', expectResult(answer, 'eth_getBlockByNumber', 'finalized'))
  }

  return {
    chainId,
    name,
    async tip(signal) {
      // The final block first: whatever the node calls its chain after that has it, and all below it, as ancestors.
      const final = options.finalizedTag ? await finalized(signal) : null
      const latest = header('latest', await ask('eth_getBlockByNumber', ['latest', false], 'latest', signal))
      if (latest === null)
        throw new EndpointAnswerError({ endpoint: name, block: 'latest', field: 'block', reason: 'the node has none' })
      return { head: latest, finalized: final, endpoint: name }
    },
    async headerByNumber(number, signal) {
      const found = header(number, await ask('eth_getBlockByNumber', [hex(number), false], number, signal))
      if (found === null || found.number === number) return found
      const reason = `asked for ${number} it answers ${found.number}`
      throw new EndpointAnswerError({ endpoint: name, block: number, field: 'number', reason })
    },
    async headerByHash(hash, signal) {
      // Asked for only where the chain branches: another chain behind the same address must not pass for a deep reorg.
      chainChecked = false
      return header(hash, await ask('eth_getBlockByHash', [hash, false], hash, signal))
    },
    async block(expected, signal) {
      const { number, hash, parentHash, timestamp } = expected
      const answer = await ask('eth_getBlockByHash', [hash, true], number, signal)
      const block = verifyBlock(name, expected, answer, verify)
      const receipts = await receiptsOf(block, signal)
      const traces = await tracesOf(block, signal)
      const parts = { chainId, number, hash, parentHash, timestamp, receipts, traces, hashes: null, logs: null }
      return { ...assembleBlock({ ...parts, transactions: block.transactions }), timestamp }
    },
    async call({ blockHash, to, data }, signal) {
      await checkChain(signal)
      const answer = await request('eth_call', [{ to, data }, { blockHash }], signal)
      if (answer.type === 'result') return proving(name, blockHash, () => asBytes(answer.result, 'eth_call'))
      if (answer.code === 3 || /revert|invalid opcode|out of gas|stack|invalid jump/i.test(answer.message)) return null
      if (isPrunedState(answer)) {
        if (!prunedTold)
          options.onNotice?.(`${name} has no state of old blocks: what a call would tell is left unknown.`)
        prunedTold = true
        return undefined
      }
      return proving(name, blockHash, (fail) => fail('eth_call', answer.message))
    },
    confirms: async () => null,
    distrust: () => {},
    onHead: (listener) => heads.onHead(listener),
    async close() {
      await connection.close()
      if (heads !== connection) await heads.close()
    },
  }
}

/** Which chain the node is of. @throws {EndpointUnavailableError} {@link EndpointAnswerError} */
export async function askChainId(url: string, requestTimeoutMs: number, signal: AbortSignal): Promise<number> {
  const name = endpointName(url)
  const connection = connect(url, name, { chainId: 1, requestTimeoutMs }) // the id is not used before it is known
  try {
    const answer = await connection.request('eth_chainId', [], signal)
    return proving(name, 'latest', (fail) =>
      answer.type === 'result' ? asNumber(answer.result, 'chainId') : fail('chainId', answer.message),
    )
  } finally {
    await connection.close()
  }
}

const hex = (number: number) => `0x${number.toString(16)}`

/** The URL without path, query and credentials, which often hold a key. */
function endpointName(url: string): string {
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

interface ConnectionOptions {
  readonly chainId: number
  readonly requestTimeoutMs: number
}

const connect = (url: string, name: string, options: ConnectionOptions): RpcConnection =>
  /^wss?:/.test(url) ? webSocketConnection(url, name, options) : httpConnection(url, name, options)

function httpConnection(url: string, name: string, { requestTimeoutMs }: ConnectionOptions): RpcConnection {
  let id = 0
  return {
    async request(method, params, signal) {
      const unavailable = (reason: string, cause?: unknown) =>
        new EndpointUnavailableError({ endpoint: name, method, reason }, { cause })
      signal.throwIfAborted()
      const request = new FetchRequest(url)
      request.timeout = requestTimeoutMs
      request.retryFunc = async () => false // the one retry with back-off is around the whole step
      request.setHeader('content-type', 'application/json')
      request.body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params })
      const cancel = () => request.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      let status: number
      let body: unknown
      try {
        const response = await request.send()
        status = response.statusCode
        body = parsed(response.bodyText)
      } catch (cause) {
        signal.throwIfAborted()
        throw unavailable(isError(cause, 'TIMEOUT') ? `none within ${requestTimeoutMs} ms` : reasonOf(cause), cause)
      } finally {
        signal.removeEventListener('abort', cancel)
      }
      const answer = rpcAnswer(body)
      if (status === 429) throw unavailable('it asks to be asked less often (HTTP 429)')
      if (answer === null || (status >= 400 && answer.type === 'result'))
        throw unavailable(status >= 400 ? `HTTP status ${status}` : 'the answer is no JSON-RPC')
      return answer
    },
    onHead: () => () => {},
    close: async () => {},
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // no JSON is no JSON-RPC: the caller says so
  }
}

function rpcAnswer(body: unknown): RpcAnswer | null {
  if (!isObject(body)) return null
  const { error } = body
  if (isObject(error)) return { type: 'error', code: Number(error['code'] ?? 0), message: textOf(error['message']) }
  return body['result'] === undefined ? null : { type: 'result', result: body['result'] }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : 'no message')

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  // Node gathers the failed attempts on all of a host's addresses in one error without words.
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  return cause.message
}

const reconnectDelayMs = 1000

/** Reconnects by itself, once a second, until it is closed. */
function webSocketConnection(
  url: string,
  name: string,
  { chainId, requestTimeoutMs }: ConnectionOptions,
): RpcConnection {
  const network = Network.from(chainId)
  const listeners = new Set<() => void>()
  let provider: WebSocketProvider | undefined
  let ready: Promise<WebSocketProvider>
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function open(): void {
    const opening = new WebSocketProvider(url, network, { staticNetwork: network })
    const socket = opening.websocket
    provider = opening
    ready = new Promise((resolve, reject) => {
      /* oxlint-disable unicorn/prefer-add-event-listener -- all that ethers promises of a socket are its `on…` handlers */
      const { onopen } = socket
      socket.onopen = async (event) => {
        await onopen?.call(socket, event)
        resolve(opening)
        void opening.on('block', () => listeners.forEach((listener) => listener()))
        listeners.forEach((listener) => listener())
      }
      socket.onerror = (event: unknown) => {
        const reason = isObject(event) && typeof event['message'] === 'string' ? event['message'] : 'connection failed'
        reject(new Error(reason))
      }
      /* oxlint-enable unicorn/prefer-add-event-listener */
      const lost = () => {
        reject(new Error('connection lost'))
        void opening.destroy().catch(() => {})
        if (!closed) timer = setTimeout(open, reconnectDelayMs)
      }
      Object.assign(socket, { onclose: lost })
    })
    ready.catch(() => {}) // who asks meanwhile is told
  }
  open()

  return {
    async request(method, params, signal) {
      signal.throwIfAborted()
      const over = new AbortController()
      const timeout = AbortSignal.any([signal, over.signal, AbortSignal.timeout(requestTimeoutMs)])
      const late = new Promise<never>((_, reject) => {
        timeout.addEventListener('abort', () => reject(new Error(`none within ${requestTimeoutMs} ms`)), { once: true })
      })
      late.catch(() => {})
      try {
        const answering = ready.then((opened) => opened.send(method, [...params]))
        answering.catch(() => {})
        const result: unknown = await Promise.race([answering, late])
        return { type: 'result', result }
      } catch (cause) {
        signal.throwIfAborted()
        const told = rpcErrorOf(cause)
        if (told !== null) return told
        throw new EndpointUnavailableError({ endpoint: name, method, reason: reasonOf(cause) }, { cause })
      } finally {
        over.abort()
      }
    },
    onHead: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await provider?.destroy().catch(() => {})
    },
  }
}

/** The node's own error inside what ethers throws for it. */
function rpcErrorOf(cause: unknown): RpcAnswer | null {
  if (!(cause instanceof Error)) return null
  const holders = [cause, 'info' in cause ? cause.info : undefined]
  for (const holder of holders) {
    const error = isObject(holder) || holder instanceof Error ? (holder as { error?: unknown }).error : undefined
    if (isObject(error) && typeof error['code'] === 'number')
      return { type: 'error', code: error['code'], message: textOf(error['message']) }
  }
  return null
}
