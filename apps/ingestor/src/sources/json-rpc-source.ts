import type { Hash, Hex } from '@tocsin/chain-model'
import { EndpointAnswerError, PrunedHistoryError, WrongChainError } from '../verify/endpoint-answer-error.ts'
import { proving, verifyBlock, type VerifiedBlock } from '../verify/verify-block.ts'
import { verifyLogs, verifyReceipts, verifyTraces } from '../verify/verify-receipts.ts'
import {
  isFailedExecution,
  isMissingMethod,
  isPrunedHistory,
  isPrunedState,
  isUnknownTag,
  type RpcAnswer,
} from '../rpc/json-rpc.ts'
import type { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { assembleBlock, type BlockParts } from './assemble-block.ts'
import type { ChainSource } from './chain-source.ts'
import { asArray, asBytes, asNumber, isObject, parseHeader, type ParsedTrace } from './parse-block.ts'
import type { BlockHeader } from './source-block.ts'

export interface JsonRpcSourceOptions {
  readonly endpoint: RpcEndpoint
  readonly chainId: number
  /** Whether the node is asked for the block it calls `finalized`. */
  readonly finalizedTag: boolean
  /** `none`: traces are not asked for. `auto`: as the node can. */
  readonly traces: 'auto' | 'none'
  /** Recompute hashes and roots: not on chains with headers or transactions of their own. */
  readonly verifyHashes: boolean
  readonly onNotice?: (message: string) => void
  /** A block is given without call frames, though the node has traced others. */
  readonly onUntraced?: (endpoint: string) => void
}

/** A chain behind one endpoint: what a pool of them asks. */
export interface EndpointSource extends Omit<ChainSource, 'confirms' | 'distrust'> {
  readonly endpoint: RpcEndpoint
  /** False once the node has turned out to have no traces. */
  readonly canTrace: boolean
}

/** After so many errors for the traces of one block it is given without: rather unknown frames than no block. */
const maxTraceTries = 3

/**
 * A chain behind one JSON-RPC endpoint. Every answer is checked before it leaves here: chain, number, hash, parent,
 * receipts, logs bloom, and where asked all hashes and roots; one that does not hold lowers the endpoint's score. Methods
 * are chosen by what the node can, each said once: `eth_getBlockReceipts`, else a receipt each, else `eth_getLogs` and no
 * status; `trace_block`, else `debug_traceBlockByHash` with the call tracer, else no call frames.
 */
export function jsonRpcSource(options: JsonRpcSourceOptions): EndpointSource {
  const { chainId, endpoint } = options
  const { name } = endpoint
  const verify = { hashes: options.verifyHashes }
  const notice = (message: string) => options.onNotice?.(`${name} ${message}`)
  const open = new AbortController()
  let chainCheck: Promise<void> | undefined
  let prunedTold = false
  const missingTold = new Set<string>()
  let receiptsMethod: 'block' | 'each' | 'logs' = 'block'
  let tracesMethod: 'trace_block' | 'debug_traceBlockByHash' | 'none' =
    options.traces === 'none' ? 'none' : 'trace_block'
  let traceTries: { readonly hash: string; readonly count: number } | undefined

  async function request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<RpcAnswer> {
    try {
      return await endpoint.request(method, params, signal)
    } catch (error) {
      if (!signal.aborted) chainCheck = undefined // whoever answers next at this address may be another node
      throw error
    }
  }

  /** Shared by all who ask meanwhile, so the abort of one of them does not end it. */
  function checkChain(): Promise<void> {
    const asking = async () => {
      const answer = expectResult(await request('eth_chainId', [], open.signal), 'eth_chainId', 'latest')
      const found = proving(name, 'latest', () => asNumber(answer, 'chainId'))
      if (found !== chainId) throw new WrongChainError({ endpoint: name, expected: chainId, found })
    }
    const check = (chainCheck ??= asking())
    check.catch(() => {
      if (chainCheck === check) chainCheck = undefined
    })
    return check
  }

  function expectResult(answer: RpcAnswer, method: string, block: number | string): unknown {
    if (answer.type === 'result') return answer.result
    if (isPrunedHistory(answer)) throw new PrunedHistoryError({ endpoint: name, block, head: null })
    const reason = `the node answers error ${answer.code}: ${answer.message}`
    throw new EndpointAnswerError({ endpoint: name, block, field: method, reason })
  }

  const ask = async (method: string, params: readonly unknown[], block: number | string, signal: AbortSignal) =>
    expectResult(await request(method, params, signal), method, block)

  const header = (block: number | string, answer: unknown): BlockHeader | null =>
    answer === null ? null : proving(name, block, () => parseHeader(answer))

  const headerAt = async (block: number | string, at: string, signal: AbortSignal) =>
    header(block, await ask('eth_getBlockByNumber', [at, false], block, signal))

  async function finalized(signal: AbortSignal): Promise<BlockHeader | null> {
    const answer = await request('eth_getBlockByNumber', ['finalized', false], signal)
    // Any other error says nothing of finality: taken for "no such tag", a busy node would have blocks called final early.
    if (answer.type === 'error' && isUnknownTag(answer)) return null
    return header('finalized', expectResult(answer, 'eth_getBlockByNumber', 'finalized'))
  }

  /** Receipts, or logs alone, by the first way that the node has. `asked` is the first one's answer, under way already. */
  async function outcomes(
    block: VerifiedBlock,
    asked: Promise<RpcAnswer> | null,
    signal: AbortSignal,
  ): Promise<Pick<BlockParts, 'receipts' | 'logs'>> {
    const { number, hash } = block.header
    if (block.transactions.length === 0) return { receipts: verifyReceipts(name, block, [], verify), logs: null }
    if (asked !== null) {
      const answer = await asked
      if (!isMissingMethod(answer)) {
        const receipts = expectResult(answer, 'eth_getBlockReceipts', number)
        return { receipts: verifyReceipts(name, block, receipts, verify), logs: null }
      }
      if (receiptsMethod === 'block') notice('has no eth_getBlockReceipts: receipts are asked for one by one.')
      receiptsMethod = receiptsMethod === 'block' ? 'each' : receiptsMethod
    }
    if (receiptsMethod === 'each') {
      const answers = await Promise.all(
        block.transactions.map((tx) => request('eth_getTransactionReceipt', [tx.hash], signal)),
      )
      if (!answers.every(isMissingMethod)) {
        const receipts = answers.map((answer) => expectResult(answer, 'eth_getTransactionReceipt', number))
        return { receipts: verifyReceipts(name, block, receipts, verify), logs: null }
      }
      receiptsMethod = 'logs'
      notice('gives no receipts: logs are asked for, and whether a transaction succeeded stays unknown.')
    }
    const logs = verifyLogs(name, block, await ask('eth_getLogs', [{ blockHash: hash }], number, signal))
    return { receipts: null, logs }
  }

  const askTraces = ({ number, hash }: BlockHeader, signal: AbortSignal): Promise<RpcAnswer> =>
    tracesMethod === 'trace_block'
      ? request('trace_block', [hex(number)], signal)
      : request('debug_traceBlockByHash', [hash, { tracer: 'callTracer' }], signal)

  /** Null where the node has none, or none of this block after some tries. */
  async function traces(
    block: VerifiedBlock,
    asked: Promise<RpcAnswer> | null,
    signal: AbortSignal,
  ): Promise<readonly ParsedTrace[] | null> {
    if (asked === null) return null
    if (block.transactions.length === 0) return []
    try {
      let method = tracesMethod
      let answer = await asked
      if (isMissingMethod(answer) && method === 'trace_block') {
        tracesMethod = method = 'debug_traceBlockByHash'
        answer = await askTraces(block.header, signal)
      }
      if (isMissingMethod(answer)) {
        if (tracesMethod !== 'none') notice('gives no traces: native value that contracts move cannot be seen.')
        tracesMethod = 'none'
        return null
      }
      return provenTraces(block, method, answer)
    } catch (error) {
      if (!(error instanceof EndpointAnswerError)) throw error
      const { hash, number } = block.header
      traceTries = { hash, count: (traceTries?.hash === hash ? traceTries.count : 0) + 1 }
      if (traceTries.count < maxTraceTries) throw error
      notice(`gives no traces of block ${number}, which is taken without: ${error.message}`)
      options.onUntraced?.(name)
      return null
    }
  }

  function provenTraces(block: VerifiedBlock, method: string, answer: RpcAnswer): readonly ParsedTrace[] {
    const { number } = block.header
    return proving(name, number, (fail) => {
      const entries = asArray(expectResult(answer, method, number), 'traces')
      const failed = entries.find(
        (entry) =>
          isObject(entry) &&
          entry['action'] === undefined &&
          entry['error'] !== undefined &&
          entry['result'] === undefined &&
          entry['type'] === undefined,
      )
      if (isObject(failed)) fail('traces', String(failed['error']))
      return verifyTraces(name, block, entries)
    })
  }

  /** An answer that does not hold lowers the score of the endpoint, whoever asked. */
  async function judged<T>(signal: AbortSignal, answer: () => Promise<T>): Promise<T> {
    try {
      await unlessAborted(checkChain(), signal)
      return await answer()
    } catch (error) {
      if (error instanceof EndpointAnswerError) endpoint.refuted(error.field)
      if (error instanceof WrongChainError) endpoint.refuted('chainId')
      throw error
    }
  }

  function stateGone(): undefined {
    if (!prunedTold) notice('has no state of old blocks: what contracts would tell is left unknown.')
    prunedTold = true
  }

  /** Bytes of the state at a block; undefined where the node no longer has them, or gives none of the kind. */
  async function state(
    method: string,
    params: readonly unknown[],
    blockHash: Hash,
    signal: AbortSignal,
  ): Promise<Hex | undefined> {
    const answer = await request(method, [...params, { blockHash }], signal)
    if (isPrunedState(answer)) return stateGone()
    if (isMissingMethod(answer)) {
      if (!missingTold.has(method)) notice(`has no ${method}: whose code a proxy runs is left unknown.`)
      missingTold.add(method)
      return undefined
    }
    return proving(name, blockHash, () => asBytes(expectResult(answer, method, blockHash), method))
  }

  return {
    chainId,
    name,
    endpoint,
    get canTrace() {
      return tracesMethod !== 'none'
    },
    tip: (signal) =>
      judged(signal, async () => {
        // The final block first: whatever the node calls its chain after that has it, and all below it, as ancestors.
        const [final, head] = await Promise.all([
          options.finalizedTag ? finalized(signal) : null,
          headerAt('latest', 'latest', signal),
        ])
        return proving(name, 'latest', (fail) => {
          if (head === null) return fail('block', 'the node has none')
          if (
            final !== null &&
            (final.number > head.number || (final.number === head.number && final.hash !== head.hash))
          )
            return fail(
              'finalized',
              `block ${final.number} ${final.hash} is final, but the head is ${head.number} ${head.hash}`,
            )
          return { head, finalized: final, endpoint: name }
        })
      }),
    headerByNumber: (number, signal) =>
      judged(signal, async () => {
        const found = await headerAt(number, hex(number), signal)
        if (found === null || found.number === number) return found
        const reason = `asked for ${number} it answers ${found.number}`
        throw new EndpointAnswerError({ endpoint: name, block: number, field: 'number', reason })
      }),
    headerByHash: (hash, signal) => {
      // Asked for only where the chain branches: another chain behind the same address must not pass for a deep reorg.
      chainCheck = undefined
      return judged(signal, async () => {
        const found = header(hash, await ask('eth_getBlockByHash', [hash, false], hash, signal))
        if (found === null || found.hash === hash) return found
        const reason = `asked for ${hash} it answers ${found.hash}`
        throw new EndpointAnswerError({ endpoint: name, block: hash, field: 'hash', reason })
      })
    },
    block: (expected, signal) =>
      judged(signal, async () => {
        const { number, hash, parentHash, timestamp } = expected
        // All at once, so that they are one batch; what is not needed then is not read.
        const receiptsAsked = receiptsMethod === 'block' ? request('eth_getBlockReceipts', [hash], signal) : null
        const tracesAsked = tracesMethod === 'none' ? null : askTraces(expected, signal)
        for (const asked of [receiptsAsked, tracesAsked]) asked?.catch(() => {})
        const block = verifyBlock(name, expected, await ask('eth_getBlockByHash', [hash, true], number, signal), verify)
        const { receipts, logs } = await outcomes(block, receiptsAsked, signal)
        const frames = await traces(block, tracesAsked, signal)
        const parts = { chainId, number, hash, parentHash, timestamp, receipts, logs, traces: frames, hashes: null }
        return { ...assembleBlock({ ...parts, transactions: block.transactions }), timestamp }
      }),
    call: ({ blockHash, to, data }, signal) =>
      judged(signal, async () => {
        const answer = await request('eth_call', [{ to, data }, { blockHash }], signal)
        if (answer.type === 'result') return proving(name, blockHash, () => asBytes(answer.result, 'eth_call'))
        if (isFailedExecution(answer)) return null
        if (isPrunedState(answer)) return stateGone()
        return proving(name, blockHash, (fail) => fail('eth_call', answer.message))
      }),
    storage: ({ blockHash, address, slot }, signal) =>
      judged(signal, async () => {
        const method = 'eth_getStorageAt'
        const answer = await state(method, [address, slot], blockHash, signal)
        if (answer === undefined) return undefined
        // Any word may be a true one: what is cut off would name another contract.
        return proving(name, blockHash, (fail) =>
          answer.length === 66 ? answer : fail(method, `it has ${answer.length / 2 - 1} bytes, not 32`),
        )
      }),
    code: ({ blockHash, address }, signal) => judged(signal, () => state('eth_getCode', [address], blockHash, signal)),
    onHead: (listener) => endpoint.subscribe(['newHeads'], listener) ?? (() => {}),
    close: () => {
      open.abort()
      return endpoint.close()
    },
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error) // what an abort was given; ours are errors
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

const hex = (number: number) => `0x${number.toString(16)}`
