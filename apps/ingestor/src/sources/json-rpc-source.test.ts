import { parseAddress, parseHash } from '@tocsin/chain-model'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../rpc/clock.ts'
import { httpTransport } from '../rpc/http-transport.ts'
import { endpointNames } from '../rpc/open-endpoints.ts'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { EndpointAnswerError } from '../verify/endpoint-answer-error.ts'
import { openRecording } from './recording-source.ts'
import { jsonRpcSource, type JsonRpcSourceOptions } from './json-rpc-source.ts'
import { parseHeader } from './parse-block.ts'

type Answer =
  | { result: unknown }
  | { error: { code: number; message: string } }
  | { raw: string; status?: number; headers?: Record<string, string> }
  | 'hang'
  | 'drop'

interface Asked {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** A node that answers as told; `answers` may be changed while it runs. */
class StubNode {
  readonly requests: string[] = []
  answers: (method: string, params: readonly unknown[]) => Answer
  readonly #server: Server
  constructor(answers: StubNode['answers']) {
    this.answers = answers
    this.#server = createServer((request, response) => {
      const reply = async () => {
        const body = await bodyOf(request)
        const asked = JSON.parse(body) as Asked | readonly Asked[]
        const replies: unknown[] = []
        for (const { id, method, params } of [asked].flat()) {
          this.requests.push(method)
          const answer = this.answers(method, params)
          if (answer === 'hang') return
          if (answer === 'drop') {
            request.socket.destroy()
            return
          }
          if ('raw' in answer) {
            response.writeHead(answer.status ?? 200, answer.headers).end(answer.raw)
            return
          }
          replies.push({ jsonrpc: '2.0', id, ...answer })
        }
        response.end(JSON.stringify(Array.isArray(asked) ? replies : replies[0]))
      }
      void reply()
    })
  }
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/secret-key`
  }
  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

const nodes: StubNode[] = []
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close()
})

interface Recorded {
  readonly block: Record<string, unknown> & { readonly transactions: readonly { readonly hash: string }[] }
  readonly receipts: readonly (Record<string, unknown> & { readonly transactionHash: string })[]
  readonly traces: readonly unknown[] | null
}
const path = fileURLToPath(new URL('../../fixtures/block-4370006.json.gz', import.meta.url))
const recorded = (): Recorded => JSON.parse(gunzipSync(readFileSync(path)).toString()) as Recorded

const changedAt = <T extends object>(list: readonly T[], field: string, value: unknown): readonly T[] =>
  list.map((entry, at) => (at === 0 ? { ...entry, [field]: value } : entry))

/** An honest node that knows one block. */
const honest =
  ({ block, receipts, traces }: Recorded): StubNode['answers'] =>
  (method, params) => {
    if (method === 'eth_chainId') return { result: '0x1' }
    if (method === 'eth_getBlockByNumber' || method === 'eth_getBlockByHash') {
      if (params[0] === 'finalized') return { result: null }
      return {
        result: params[1] === true ? block : { ...block, transactions: block.transactions.map(({ hash }) => hash) },
      }
    }
    if (method === 'eth_getBlockReceipts') return { result: receipts }
    if (method === 'eth_getTransactionReceipt')
      return { result: receipts.find(({ transactionHash }) => transactionHash === params[0]) ?? null }
    if (method === 'trace_block') return { result: traces }
    return { error: { code: -32601, message: `the method ${method} does not exist/is not available` } }
  }

async function start(
  answers: StubNode['answers'],
  options: Partial<JsonRpcSourceOptions & { readonly requestTimeoutMs: number }> = {},
) {
  const node = new StubNode(answers)
  nodes.push(node)
  const url = await node.listen()
  const notices: string[] = []
  const refuted: string[] = []
  const [name = ''] = endpointNames([url])
  const endpoint = new RpcEndpoint({
    name,
    transport: httpTransport(url),
    requestTimeoutMs: options.requestTimeoutMs ?? 2000,
    clock: systemClock,
    observe: { called: () => {}, scored: () => {}, refuted: (_, field) => refuted.push(field) },
  })
  const source = jsonRpcSource({
    endpoint,
    chainId: 1,
    finalizedTag: true,
    traces: 'auto',
    verifyHashes: true,
    onNotice: (message) => notices.push(message),
    ...options,
  })
  return { node, source, endpoint, notices, refuted, signal: new AbortController().signal }
}

describe('jsonRpcSource', () => {
  test.for(['transactions', 'receipts'])(
    'error: changed %s that each check but the hashes lets pass are refused by the root',
    async (what) => {
      const { block, receipts, traces } = recorded()
      const changed =
        what === 'transactions'
          ? { block: { ...block, transactions: changedAt(block.transactions, 'value', '0x1') }, receipts, traces }
          : { block, receipts: changedAt(receipts, 'cumulativeGasUsed', '0x1'), traces }
      const { source, signal } = await start(honest(changed))
      const { head } = await source.tip(signal)
      await expect(source.block(head, signal)).rejects.toThrow(
        what === 'transactions' ? /transactions\.0\.hash/ : /receiptsRoot/,
      )
      const lenient = await start(honest(changed), { verifyHashes: false, traces: 'none' })
      await expect(lenient.source.block(head, signal)).resolves.toMatchObject({ number: head.number })
    },
  )
  test('default: a block over JSON-RPC is the block of the recording', async () => {
    const { source, signal } = await start(honest(recorded()))
    const { head } = await source.tip(signal)
    const recording = await openRecording([path])
    for await (const block of recording.blocks(1)) expect(await source.block(head, signal)).toEqual(block)
    expect((await source.tip(signal)).finalized).toBeNull()
  })

  test('behavior: without eth_getBlockReceipts receipts are asked for one by one, without traces there are none, each said once', async () => {
    const data = recorded()
    const { source, node, notices, signal } = await start((method, params) =>
      method === 'eth_getBlockReceipts' || method === 'trace_block'
        ? { error: { code: -32000, message: `Method ${method} is not supported` } }
        : honest(data)(method, params),
    )
    const { head } = await source.tip(signal)
    for (let time = 0; time < 2; time++) {
      const block = await source.block(head, signal)
      expect(block.transactions.length).toBe(64)
      expect(block.transactions.every(({ outcome, frames }) => outcome !== null && frames === null)).toBe(true)
    }
    expect(notices).toEqual([
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ has no eth_getBlockReceipts/),
      expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+ gives no traces/),
    ])
    expect(node.requests.filter((method) => method === 'eth_getTransactionReceipt').length).toBe(128)
    expect(node.requests.filter((method) => method === 'trace_block').length).toBe(1)
    expect(node.requests.filter((method) => method === 'eth_getBlockReceipts').length).toBe(1)
  })

  test('behavior: only a node that does not know `finalized` has no final block; any other error is an error', async () => {
    const data = recorded()
    const { source, node, signal } = await start(honest(data))
    const answering = (error: { code: number; message: string }) => {
      node.answers = (method, params) => (params[0] === 'finalized' ? { error } : honest(data)(method, params))
      return source.tip(signal).then(({ finalized }) => finalized)
    }
    expect(await answering({ code: -39001, message: 'finalized block not found' })).toBeNull()
    expect(await answering({ code: -32000, message: 'finalized block not found' })).toBeNull()
    expect(await answering({ code: -32602, message: 'invalid argument 0: hex string without 0x prefix' })).toBeNull()
    for (const error of [
      { code: -32603, message: 'Internal error' },
      { code: -32000, message: 'request timed out' },
    ])
      await expect(answering(error)).rejects.toThrow(EndpointAnswerError)
    await expect(answering({ code: -32005, message: 'daily request count exceeded' })).rejects.toThrow(/less often/)
  })

  test('behavior: a call to a block whose state is gone is left unknown, said once; any other error is an error', async () => {
    const data = recorded()
    const { source, node, notices, signal } = await start(honest(data))
    const address = `0x${'1'.repeat(40)}` as const
    const at = { blockHash: parseHash(data.block['hash']), to: parseAddress(address), data: '0x313ce567' } as const
    const answering = (error: { code: number; message: string }) => {
      node.answers = (method, params) => (method === 'eth_call' ? { error } : honest(data)(method, params))
      return source.call(at, signal)
    }
    expect(await answering({ code: 3, message: 'execution reverted' })).toBeNull()
    for (const message of [
      'missing trie node 7c1f (path )',
      'historical state 7c1f is not available',
      'required historical state unavailable (reexec=128)',
      'state at block #5 is pruned',
      'old data not available due to pruning',
      'No state available for block 5',
      'World state unavailable',
      'BlockOutOfRangeError: block height is 46 but requested was 3',
    ])
      expect([message, await answering({ code: -32000, message })]).toEqual([message, undefined])
    expect(notices).toHaveLength(1)
    await expect(answering({ code: -32000, message: 'header not found' })).rejects.toThrow(EndpointAnswerError)
    await expect(answering({ code: -32005, message: 'rate limit' })).rejects.toThrow(/less often/)
  })

  const word = {
    blockHash: parseHash(`0x${'b'.repeat(64)}`),
    address: parseAddress(`0x${'1'.repeat(40)}`),
    slot: parseHash(`0x${'5'.repeat(64)}`),
  }
  const stateParams: Readonly<Record<string, readonly unknown[]>> = {
    eth_getStorageAt: [word.address, word.slot, { blockHash: word.blockHash }],
    eth_getCode: [word.address, { blockHash: word.blockHash }],
  }
  const told: Readonly<Record<string, string>> = {
    eth_getStorageAt: `0x${'c0de'.repeat(10).padStart(64, '0')}`,
    eth_getCode: '0x6001',
  }

  test('default: a slot of storage and code are asked for at the block’s hash, also where another is canonical', async () => {
    const { source, signal } = await start((method, params) => {
      if (method === 'eth_chainId') return { result: '0x1' }
      return { result: JSON.stringify(params) === JSON.stringify(stateParams[method]) ? told[method] : '0x' }
    })
    expect(await source.storage(word, signal)).toBe(told['eth_getStorageAt'])
    expect(await source.code(word, signal)).toBe('0x6001')
  })

  test.for([
    ['eth_getStorageAt', null],
    ['eth_getStorageAt', '0x'],
    ['eth_getStorageAt', `0x${'c0de'.repeat(10)}`],
    ['eth_getStorageAt', `0x${'0'.repeat(66)}`],
    ['eth_getStorageAt', 7],
    ['eth_getCode', null],
    ['eth_getCode', '0x600'],
    ['eth_getCode', { code: '0x6001' }],
  ] as const)(
    'error: %s that answers %s is the endpoint’s error, never a word of storage',
    async ([method, result]) => {
      const { source, refuted, signal } = await start((asked) => ({ result: asked === 'eth_chainId' ? '0x1' : result }))
      const asking = method === 'eth_getCode' ? source.code(word, signal) : source.storage(word, signal)
      await expect(asking).rejects.toMatchObject({ code: 'INGEST_ENDPOINT_ANSWER', field: method })
      expect(refuted).toEqual([method])
    },
  )

  test('behavior: of old blocks, and where a node has no such method, storage and code are unknown, said once each; any other error is one', async () => {
    const { source, node, notices, signal } = await start(() => ({ result: '0x1' }))
    const answering = (error: { code: number; message: string }) => {
      node.answers = (method) => (method === 'eth_chainId' ? { result: '0x1' } : { error })
      return Promise.all([source.storage(word, signal), source.code(word, signal)])
    }
    const none = { code: -32601, message: 'the method is not available' }
    for (let time = 0; time < 2; time++) {
      expect(await answering({ code: -32000, message: 'historical state 7c1f is not available' })).toEqual([
        undefined,
        undefined,
      ])
      expect(await answering(none)).toEqual([undefined, undefined])
    }
    expect(notices.map((notice) => notice.replace(/^\S+ /, ''))).toEqual([
      'has no state of old blocks: what contracts would tell is left unknown.',
      'has no eth_getStorageAt: whose code a proxy runs is left unknown.',
      'has no eth_getCode: whose code a proxy runs is left unknown.',
    ])
    await expect(answering({ code: -32000, message: 'header not found' })).rejects.toThrow(EndpointAnswerError)
    await expect(answering({ code: -32005, message: 'rate limit' })).rejects.toThrow(/less often/)
  })

  test('behavior: that a call fails in the EVM is the contract’s answer, whatever words the node has for it', async () => {
    const { source, node, signal } = await start(() => ({ result: '0x1' }))
    const call = { blockHash: word.blockHash, to: word.address, data: '0x313ce567' } as const
    for (const error of [
      { code: 3, message: 'execution reverted: no' },
      { code: -32015, message: 'VM execution error.' },
      ...[
        'out of gas',
        'invalid opcode: INVALID',
        'stack underflow (0 <=> 1)',
        'invalid jump destination',
        'write protection',
        'return data out of bounds',
        'gas uint64 overflow',
        'max call depth exceeded',
      ].map((message) => ({ code: -32000, message })),
    ]) {
      node.answers = (method) => (method === 'eth_chainId' ? { result: '0x1' } : { error })
      expect([error.message, await source.call(call, signal)]).toEqual([error.message, null])
    }
  })

  test('behavior: where receipts cannot be had at all there are logs, and the status stays unknown; said once', async () => {
    const data = recorded()
    const { source, notices, signal } = await start((method, params) => {
      if (method === 'eth_getLogs') return { result: data.receipts.flatMap(({ logs }) => logs) }
      return /Receipt/.test(method)
        ? { error: { code: -32601, message: 'the method is not available' } }
        : honest(data)(method, params)
    })
    const { head } = await source.tip(signal)
    for (let time = 0; time < 2; time++) {
      const { transactions } = await source.block(head, signal)
      expect(transactions.every(({ outcome }) => outcome === null)).toBe(true)
      expect(transactions.flatMap(({ logs }) => logs).length).toBe(data.receipts.flatMap(({ logs }) => logs).length)
    }
    expect(notices).toHaveLength(2)
    expect(notices[1]).toMatch(/gives no receipts: logs are asked for/)
  })

  test('behavior: a node that has traces and gives none of a block is asked again, and then the block is taken without', async () => {
    const data = recorded()
    const { source, node, notices, signal } = await start((method, params) =>
      method === 'trace_block'
        ? { error: { code: -32000, message: 'execution timeout' } }
        : honest(data)(method, params),
    )
    const { head } = await source.tip(signal)
    for (let time = 0; time < 2; time++)
      await expect(source.block(head, signal)).rejects.toThrow(/trace_block: .*execution timeout/)
    const block = await source.block(head, signal)
    expect(block.transactions.every(({ frames, outcome }) => frames === null && outcome !== null)).toBe(true)
    expect(notices).toEqual([expect.stringMatching(/gives no traces of block 4370006, which is taken without/)])
    node.answers = honest(data)
    expect((await source.block(head, signal)).transactions.every(({ frames }) => frames !== null)).toBe(true)
  })

  const lies: Readonly<Record<string, [string, (data: Recorded) => StubNode['answers'], RegExp]>> = {
    'null receipts': [
      'eth_getBlockReceipts',
      () => () => ({ result: null }),
      /receipts should be an array, found null/,
    ],
    'no receipts': ['eth_getBlockReceipts', () => () => ({ result: [] }), /0 receipts for 64 transactions/],
    'receipts of another block': [
      'eth_getBlockReceipts',
      (data) => () => ({ result: data.receipts.map((receipt) => ({ ...receipt, blockHash: `0x${'ab'.repeat(32)}` })) }),
      /receipts\.0\.blockHash: expected 0x69b559.*found 0xabab/,
    ],
    'a receipt twice': [
      'eth_getBlockReceipts',
      (data) => () => ({ result: data.receipts.map((receipt, at) => (at === 1 ? data.receipts[0] : receipt)) }),
      /receipts\.1\.transactionHash/,
    ],
    'a log left out': [
      'eth_getBlockReceipts',
      (data) => () => ({
        result: data.receipts.map((receipt) => ({ ...receipt, logs: (receipt['logs'] as unknown[]).slice(1) })),
      }),
      /receipts\.3\.logs: expected log 0, found log 3/,
    ],
    'a changed topic': [
      'eth_getBlockReceipts',
      (data) => () => ({
        result: JSON.parse(
          JSON.stringify(data.receipts).replaceAll(
            'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef',
            'f'.repeat(64),
          ),
        ) as unknown,
      }),
      /logsBloom: the logs of the receipts do not make it/,
    ],
    'a changed header': [
      'eth_getBlockByHash',
      (data) => () => ({ result: { ...data.block, gasUsed: '0x1' } }),
      /hash: expected 0x\w+, found 0x\w+/,
    ],
    'another block': [
      'eth_getBlockByHash',
      (data) => () => ({ result: { ...data.block, number: '0x1' } }),
      /number: expected 4370006, found 1/,
    ],
    'no block': ['eth_getBlockByHash', () => () => ({ result: null }), /block should be an object, found null/],
    'a transaction left out': [
      'eth_getBlockByHash',
      (data) => () => ({ result: { ...data.block, transactions: data.block.transactions.slice(1) } }),
      /transactions\.0\.transactionIndex: expected 0, found 1/,
    ],
    'traces of too few': [
      'trace_block',
      (data) => () => ({ result: data.traces?.slice(0, 10) }),
      /traces of \d+ transactions for 64/,
    ],
    'an error': [
      'eth_getBlockReceipts',
      () => () => ({ error: { code: -32000, message: 'header not found' } }),
      /the node answers error -32000: header not found/,
    ],
  }
  test.for(Object.entries(lies))(
    'error: %s is the endpoint’s error, never a quiet block',
    async ([, [lied, answer, expected]]) => {
      const data = recorded()
      const lie = answer(data)
      const { source, endpoint, refuted, signal } = await start((method, params) =>
        method === lied ? lie(method, params) : honest(data)(method, params),
      )
      const header = parseHeader(data.block)
      const failing = source.block(header, signal)
      await expect(failing).rejects.toThrow(expected)
      await expect(failing).rejects.toMatchObject({ code: 'INGEST_ENDPOINT_ANSWER', handling: 'retry' })
      expect(refuted).toHaveLength(1)
      expect(endpoint.scoreNow).toBeLessThan(0.7)
    },
  )

  test('error: a node of another chain is refused by name', async () => {
    const { source, signal } = await start(() => ({ result: '0x89' }))
    await expect(source.tip(signal)).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:\d+ is a node of chain 137, not of chain 1\.$/,
    )
  })

  test('error: garbage, 429, a failing proxy, a dropped connection and silence are told apart; then it goes on by itself', async () => {
    const header = { number: '0x5', hash: `0x${'5'.repeat(64)}`, parentHash: `0x${'4'.repeat(64)}`, timestamp: '0x10' }
    const good: StubNode['answers'] = (method) => ({ result: method === 'eth_chainId' ? '0x1' : header })
    const { source, node, signal } = await start(good, { requestTimeoutMs: 300 })
    const bad: readonly [Answer, RegExp][] = [
      [{ raw: '<html>busy</html>' }, /the answer is no JSON-RPC\.$/],
      [{ raw: '{"jsonrpc":"2.0"' }, /the answer is no JSON-RPC\.$/],
      [{ raw: 'bad gateway', status: 502 }, /HTTP status 502\.$/],
      ['drop', /does not answer eth_chainId/],
      ['hang', /none within 300 ms\.$/],
      [{ raw: 'slow down', status: 429, headers: { 'retry-after': '1' } }, /less often \(HTTP 429\)\.$/],
    ]
    for (const [answer, expected] of bad) {
      node.answers = () => answer
      const failing = source.tip(signal)
      await expect(failing).rejects.toThrow(expected)
      await expect(failing).rejects.toMatchObject({ code: 'INGEST_ENDPOINT_UNAVAILABLE', handling: 'retry' })
    }
    node.answers = good
    expect((await source.tip(signal)).head.number).toBe(5)
  })

  test('error: no secret of the URL gets into a message', async () => {
    const { source, node, signal } = await start(() => 'drop')
    await node.close()
    nodes.pop()
    const message = await source.tip(signal).catch((error: unknown) => String(error))
    expect(message).toMatch(/ECONNREFUSED/)
    expect(message).not.toMatch(/secret-key/)
  })

  test('behavior: an aborted signal ends a request at once', async () => {
    const { source } = await start(() => 'hang', { requestTimeoutMs: 60_000 })
    const stop = new AbortController()
    const asking = source.tip(stop.signal)
    stop.abort()
    await expect(asking).rejects.toBe(stop.signal.reason)
  })
})
