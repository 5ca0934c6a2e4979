import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import type { RpcRequest } from './json-rpc.ts'
import { TransportError } from './rpc-transport.ts'
import { webSocketTransport } from './web-socket-transport.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Asked = RpcRequest | readonly RpcRequest[]

async function start(answer: (asked: Asked, socket: WebSocket) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const sockets: WebSocket[] = []
  server.on('connection', (socket) => {
    sockets.push(socket)
    socket.on('message', (data) => answer(JSON.parse((data as Buffer).toString()) as Asked, socket))
  })
  const transport = webSocketTransport(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  closing.push(async () => {
    await transport.close()
    for (const socket of sockets) socket.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  return { transport, sockets }
}

const { signal } = new AbortController()
const request = (id: number): RpcRequest => ({ id, method: 'eth_call', params: [id] })
const ok = ({ id, params }: RpcRequest) => ({ jsonrpc: '2.0', id, result: params[0] })

describe('webSocketTransport', () => {
  test('default: answers find their exchange in any order, single and in batches', async () => {
    const held: (() => void)[] = []
    const { transport } = await start((asked, socket) => {
      held.unshift(() => socket.send(JSON.stringify('id' in asked ? ok(asked) : asked.map(ok).reverse())))
      if (held.length === 2) for (const send of held) send()
    })
    const [one, both] = await Promise.all([
      transport.exchange([request(1)], signal),
      transport.exchange([request(2), request(3)], signal),
    ])
    expect(one.body).toMatchObject({ id: 1, result: 1 })
    expect(both.body).toMatchObject([{ id: 3 }, { id: 2 }])
  })

  test('behavior: a lost connection fails what is under way, comes back by itself and subscribes again', async () => {
    const told: unknown[] = []
    const gotTold = Promise.withResolvers<void>()
    let subscriptions = 0
    const { transport, sockets } = await start((asked, socket) => {
      if (!('id' in asked) || asked.method !== 'eth_subscribe') return
      subscriptions++
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: asked.id, result: `0x${subscriptions}` }))
      const params = { subscription: `0x${subscriptions}`, result: { number: `0x${subscriptions}` } }
      socket.send(
        JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params: { ...params, subscription: '0x99' } }),
      )
      socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params }))
    })
    transport.subscribe(['newHeads'], (result) => {
      told.push(result)
      if (told.length === 2) sockets[0]?.terminate()
      if (told.length === 4) gotTold.resolve()
    })
    await gotTold.promise
    expect(told).toEqual([undefined, { number: '0x1' }, undefined, { number: '0x2' }])
    const failing = transport.exchange([request(5)], signal)
    await Promise.resolve()
    sockets[1]?.terminate()
    await expect(failing).rejects.toThrow(TransportError)
  })

  test('error: an exchange ends with its signal', async () => {
    const { transport } = await start(() => {})
    const stop = new AbortController()
    const asking = transport.exchange([request(1)], stop.signal)
    stop.abort()
    await expect(asking).rejects.toBe(stop.signal.reason)
  })
})
