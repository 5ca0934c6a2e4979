import { isMissingMethod, type RpcAnswer } from '../rpc/json-rpc.ts'
import type { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { asHash, asNumber, asObject, FieldError, isObject } from '../sources/parse-block.ts'
import { EndpointAnswerError, WrongChainError } from '../verify/endpoint-answer-error.ts'
import { proving } from '../verify/verify-block.ts'
import { parsePooled, type MempoolSource, type MempoolSink } from './mempool-source.ts'
import type { PooledTransaction } from './pending-pool.ts'

/** The node announces more transactions than it can be asked for. */
export class UnreadPendingError extends Error {
  readonly code = 'INGEST_MEMPOOL_UNREAD'
  readonly handling = 'dead-letter'
  readonly remedy = 'Follow the mempool of a node that sends bodies, or of one that answers faster (--mempool-rpc).'
}

/** The node shows its pool in none of the ways there are. */
export class NoMempoolError extends Error {
  readonly code = 'INGEST_NO_MEMPOOL'
  readonly handling = 'dead-letter'
  readonly remedy =
    'Give a node with newPendingTransactions (WebSocket) or txpool_content by --mempool-rpc, or switch it off: --mempool off.'
}

export interface NodeMempoolOptions {
  /** A node of another chain is told of, and nothing of it is read. */
  readonly chainId: number
  readonly endpoint: RpcEndpoint
  /** `subscribe`: as it is pushed; `poll`: the whole pool again and again; `auto`: pushed where the node can. */
  readonly how: 'auto' | 'subscribe' | 'poll'
  readonly pollIntervalMs: number
  /** Bodies that are asked for at once, at most. */
  readonly maxAsked: number
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  readonly onNotice: (message: string) => void
}

/**
 * The pool of one node, by the best way that it has, each said once: `newPendingTransactions` with bodies (geth from
 * 1.11, erigon, reth, anvil), the same with hashes, whose bodies are asked for in batches, or `txpool_content` polled. A
 * node that takes the flag for bodies and sends hashes all the same is understood too.
 */
export function nodeMempool(options: NodeMempoolOptions): MempoolSource {
  const { endpoint, wait } = options
  const { name } = endpoint
  const notice = (message: string) => options.onNotice(`${name} ${message}`)
  let asked = 0

  /** Tells what does not hold, and answers null for it. */
  function parsed(value: unknown, sink: MempoolSink): PooledTransaction | null {
    try {
      return parsePooled(value)
    } catch (cause) {
      if (!(cause instanceof FieldError)) throw cause
      const at = { endpoint: name, block: 'pending', field: cause.field, reason: cause.message }
      sink.failed(new EndpointAnswerError(at, { cause }))
      return null
    }
  }

  async function read(announced: string, sink: MempoolSink, signal: AbortSignal): Promise<void> {
    if (asked >= options.maxAsked) {
      sink.failed(
        new UnreadPendingError(`${name} announced ${announced} while ${asked} others were asked for; it was left out.`),
      )
      return
    }
    asked++
    try {
      const hash = proving(name, 'pending', () => asHash(announced, 'hash'))
      const answer = await endpoint.request('eth_getTransactionByHash', [hash], signal)
      const body = resultOf(answer, 'eth_getTransactionByHash')
      const transaction = body === null ? null : parsed(body, sink) // gone or mined already
      if (transaction === null) return
      if (transaction.hash !== hash) {
        const reason = `asked for ${hash} it answers ${transaction.hash}`
        throw new EndpointAnswerError({ endpoint: name, block: 'pending', field: 'hash', reason })
      }
      sink.seen([transaction])
    } catch (error) {
      if (!signal.aborted) sink.failed(error)
    } finally {
      asked--
    }
  }

  function resultOf(answer: RpcAnswer, method: string): unknown {
    if (answer.type === 'result') return answer.result
    const reason = `the node answers error ${answer.code}: ${answer.message}`
    throw new EndpointAnswerError({ endpoint: name, block: 'pending', field: method, reason })
  }

  /** Until the node says that it is of our chain; it is asked again, for it may be mended or not have begun. */
  async function ofOurChain(sink: MempoolSink, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const answer = resultOf(await endpoint.request('eth_chainId', [], signal), 'eth_chainId')
        const found = proving(name, 'pending', () => asNumber(answer, 'chainId'))
        if (found === options.chainId) return
        throw new WrongChainError({ endpoint: name, expected: options.chainId, found })
      } catch (error) {
        if (!signal.aborted) sink.failed(error)
      }
      await wait(options.pollIntervalMs, signal).catch(() => {})
    }
  }

  /** @returns whether the node has the subscription; when it does, only after the signal is aborted. */
  async function subscribed(withBodies: boolean, sink: MempoolSink, signal: AbortSignal): Promise<boolean> {
    let saidHashes = false
    const over = Promise.withResolvers<boolean>()
    const listener = (result: unknown) => {
      if (typeof result === 'string') {
        if (!saidHashes) notice('announces hashes of pending transactions: their bodies are asked for.')
        saidHashes = true
        void read(result, sink, signal)
      } else if (isObject(result)) {
        const transaction = parsed(result, sink)
        if (transaction !== null) sink.seen([transaction])
      } else if (result !== undefined) parsed(result, sink)
    }
    const params = withBodies ? ['newPendingTransactions', true] : ['newPendingTransactions']
    const stop = endpoint.subscribe(params, listener, () => over.resolve(false))
    if (stop === null) return false
    const end = () => over.resolve(true)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      return await over.promise
    } finally {
      signal.removeEventListener('abort', end)
      stop()
    }
  }

  async function poll(sink: MempoolSink, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const answer = await endpoint.request('txpool_content', [], signal)
        if (isMissingMethod(answer)) {
          sink.failed(new NoMempoolError(`${name} shows no pending transactions.`))
          await wait(missingAgainMs, signal).catch(() => {})
          continue
        }
        const content = proving(name, 'pending', () => asObject(resultOf(answer, 'txpool_content'), 'txpool'))
        const transactions = ['pending', 'queued'].flatMap((part) =>
          Object.values(asObject(content[part] ?? {}, part)).flatMap((byNonce) =>
            isObject(byNonce) ? Object.values(byNonce).flatMap((body) => parsed(body, sink) ?? []) : [],
          ),
        )
        sink.snapshot(transactions)
      } catch (error) {
        if (!signal.aborted) sink.failed(error)
      }
      await wait(options.pollIntervalMs, signal).catch(() => {})
    }
  }

  return {
    name,
    async run(sink, signal) {
      await ofOurChain(sink, signal)
      if (options.how !== 'poll') {
        for (const withBodies of [true, false]) if (await subscribed(withBodies, sink, signal)) return
        if (signal.aborted) return
        if (options.how === 'subscribe')
          sink.failed(new NoMempoolError(`${name} has no subscription to pending transactions.`))
        notice('pushes no pending transactions: its pool is read again and again.')
      }
      await poll(sink, signal)
    },
    async ask(hash, signal) {
      const body = resultOf(
        await endpoint.request('eth_getTransactionByHash', [hash], signal),
        'eth_getTransactionByHash',
      )
      if (body === null) return { type: 'gone' }
      return proving(name, 'pending', () => {
        const tx = asObject(body, 'transaction')
        if (tx['blockHash'] === null || tx['blockHash'] === undefined) return { type: 'pending' }
        const block = { number: asNumber(tx['blockNumber'], 'blockNumber'), hash: asHash(tx['blockHash'], 'blockHash') }
        return { type: 'mined', block }
      })
    },
    close: () => endpoint.close(),
  }
}

/** A node behind the same address may have it later. */
const missingAgainMs = 60_000
