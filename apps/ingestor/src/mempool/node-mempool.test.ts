import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseHash } from '@tocsin/chain-model'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { systemClock } from '../rpc/clock.ts'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import { webSocketTransport } from '../rpc/web-socket-transport.ts'
import type { MempoolSink } from './mempool-source.ts'
import { nodeMempool, type NodeMempoolOptions } from './node-mempool.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Asked {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}
const refused = { error: { code: -32601, message: 'the method is not available' } }
const hash = (digit: string) => `0x${digit.repeat(64)}`
const body = (digit: string) => ({
  hash: hash(digit),
  from: `0x${'a'.repeat(40)}`,
  nonce: '0x7',
  to: null,
  value: '0x0',
  input: '0x60',
  gas: '0x5208',
  gasPrice: '0x9',
  blockHash: null,
})

/** A node that answers as `answer` says, and announces `pushed` once somebody subscribed. */
async function serve(
  answer: (asked: Asked) => object,
  pushed: readonly unknown[],
  more: Partial<Pick<NodeMempoolOptions, 'how' | 'maxAsked' | 'pollIntervalMs'>> & { readonly chains?: string[] } = {},
) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const batches: number[] = []
  server.on('connection', (socket) =>
    socket.on('message', (data) => {
      const all = JSON.parse((data as Buffer).toString()) as Asked | readonly Asked[]
      const answered = (one: Asked) =>
        one.method === 'eth_chainId' ? { result: more.chains?.shift() ?? '0x1' } : answer(one)
      const reply = (one: Asked) => ({ jsonrpc: '2.0', id: one.id, ...answered(one) })
      if ('id' in all) {
        socket.send(JSON.stringify(reply(all)))
        if (all.method !== 'eth_subscribe' || 'error' in answer(all)) return
        for (const result of pushed)
          socket.send(JSON.stringify({ method: 'eth_subscription', params: { subscription: '0x1', result } }))
        return
      }
      batches.push(all.length)
      socket.send(JSON.stringify(all.map(reply)))
    }),
  )
  const stop = new AbortController()
  const notices: string[] = []
  const endpoint = new RpcEndpoint({
    name: 'node',
    transport: webSocketTransport(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requestTimeoutMs: 5_000,
    clock: systemClock,
  })
  const source = nodeMempool({
    chainId: 1,
    endpoint,
    how: more.how ?? 'auto',
    pollIntervalMs: more.pollIntervalMs ?? 60_000,
    maxAsked: more.maxAsked ?? 100,
    wait: (ms, signal) => systemClock.wait(ms, signal),
    onNotice: (message) => notices.push(message),
  })
  const told: (readonly [string, ...unknown[]])[] = []
  const heard = Promise.withResolvers<void>()
  let expected = Infinity
  const hear = (...what: readonly [string, ...unknown[]]) => {
    told.push(what)
    if (told.length >= expected) heard.resolve()
  }
  const sink: MempoolSink = {
    seen: (transactions) => hear('seen', ...transactions.map((one) => one.hash)),
    snapshot: (transactions) => hear('snapshot', ...transactions.map((one) => one.hash)),
    failed: (error) => hear('failed', error instanceof Error && 'code' in error ? error.code : error),
  }
  const running = source.run(sink, stop.signal)
  closing.push(async () => {
    stop.abort()
    await running
    await source.close()
    for (const client of server.clients) client.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    notices,
    batches,
    source,
    told: async (count: number) => {
      expected = count
      if (told.length < count) await heard.promise
      return told
    },
  }
}

describe('nodeMempool', () => {
  test('default: bodies are pushed, each that cannot be read is told, and the others are taken', async () => {
    const garbage = [{ ...body('2'), nonce: 'seven' }, 7, { ...body('4'), blockHash: hash('b') }]
    const { told, notices } = await serve(() => ({ result: '0x1' }), [body('1'), ...garbage, body('5')])
    expect(await told(4)).toEqual([
      ['seen', hash('1')],
      ['failed', 'INGEST_ENDPOINT_ANSWER'],
      ['failed', 'INGEST_ENDPOINT_ANSWER'],
      ['seen', hash('5')],
    ])
    expect(notices).toEqual([])
  })

  test('behavior: of a node that refuses bodies the hashes are taken, and asked for in batches', async () => {
    const answer = ({ method, params }: Asked) => {
      if (method === 'eth_subscribe') return params.length === 2 ? refused : { result: '0x1' }
      // One is gone, and one is answered with another.
      if (params[0] === hash('2')) return { result: null }
      return { result: body(params[0] === hash('3') ? '9' : String(params[0]).charAt(2)) }
    }
    const { told, notices, batches } = await serve(answer, [...['1', '2', '3', '4'].map(hash), 'no hash'])
    expect((await told(4)).map((what) => what.join(' ')).toSorted()).toEqual([
      'failed INGEST_ENDPOINT_ANSWER',
      'failed INGEST_ENDPOINT_ANSWER',
      `seen ${hash('1')}`,
      `seen ${hash('4')}`,
    ])
    expect(batches).toEqual([4])
    expect(notices).toHaveLength(1)
  })

  test('behavior: without a subscription the whole pool is read, queued ones too', async () => {
    const answer = ({ method }: Asked) =>
      method === 'txpool_content'
        ? { result: { pending: { a: { 7: body('1'), 8: { nonce: 1 } } }, queued: { b: { 9: body('2') }, c: null } } }
        : refused
    const { told } = await serve(answer, [])
    expect(await told(2)).toEqual([
      ['failed', 'INGEST_ENDPOINT_ANSWER'],
      ['snapshot', hash('1'), hash('2')],
    ])
  })

  test('error: of a node of another chain nothing is read until it is of ours', async () => {
    const more = { chains: ['0x2105', '0x2105'], pollIntervalMs: 1 }
    const { told } = await serve(() => ({ result: '0x1' }), [body('1')], more)
    expect(await told(3)).toEqual([
      ['failed', 'INGEST_WRONG_CHAIN'],
      ['failed', 'INGEST_WRONG_CHAIN'],
      ['seen', hash('1')],
    ])
  })

  test('error: a node that shows no pool at all, and one that announces more than it can be asked for', async () => {
    expect(await (await serve(() => refused, [])).told(1)).toEqual([['failed', 'INGEST_NO_MEMPOOL']])
    const never = ({ method }: Asked) => (method === 'eth_subscribe' ? { result: '0x1' } : { result: body('1') })
    const { told } = await serve(never, ['1', '2', '3'].map(hash), { maxAsked: 1 })
    expect((await told(2)).slice(0, 2)).toEqual([
      ['failed', 'INGEST_MEMPOOL_UNREAD'],
      ['failed', 'INGEST_MEMPOOL_UNREAD'],
    ])
  })

  test('default: a transaction that is asked for waits, is in a block, or is gone', async () => {
    const answers = [body('1'), { ...body('1'), blockHash: hash('b'), blockNumber: '0x9' }, null]
    const { source } = await serve(
      ({ method }) => (method === 'eth_getTransactionByHash' ? { result: answers.shift() } : { result: '0x1' }),
      [],
    )
    const { signal } = new AbortController()
    const found: unknown[] = []
    for (let count = 0; count < 3; count++) found.push(await source.ask(parseHash(hash('1')), signal))
    expect(found).toEqual([
      { type: 'pending' },
      { type: 'mined', block: { number: 9, hash: hash('b') } },
      { type: 'gone' },
    ])
  })
})
