import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import type { RpcRequest } from '../rpc/json-rpc.ts'
import type { Handled, SimulatedNode } from './simulated-node.ts'

/** A simulated node on real sockets. */
export interface ServedNode {
  readonly httpUrl: string
  readonly webSocketUrl: string
  close(): Promise<void>
}

/** Serves the node over HTTP and WebSocket on one port of the system's choice. */
export async function serveNode(node: SimulatedNode): Promise<ServedNode> {
  const over = new AbortController()
  const answer = async (text: string): Promise<Handled> => {
    const asked = JSON.parse(text) as RpcRequest | readonly RpcRequest[]
    return node.handle([asked].flat(), over.signal).catch((): Handled => ({ type: 'drop' }))
  }

  const overHttp = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const handled = await answer(Buffer.concat(chunks).toString('utf8'))
    if (handled.type === 'hang') return
    if (handled.type === 'drop') request.socket.destroy()
    else if (handled.type === 'text') response.writeHead(handled.status).end(handled.text)
    else {
      const after = handled.retryAfterS === null ? {} : { 'retry-after': String(handled.retryAfterS) }
      response
        .writeHead(handled.status, { 'content-type': 'application/json', ...after })
        .end(JSON.stringify(handled.body))
    }
  }

  const overWebSocket = (socket: WebSocket) => {
    const say = (body: unknown) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(body))
    const stop = node.onPush((result) =>
      say({ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: '0x1', result } }),
    )
    socket.on('close', stop)
    socket.on('error', () => {}) // the client went away
    socket.on('message', (data) => {
      const text = (data as Buffer).toString('utf8')
      const asked = JSON.parse(text) as Partial<RpcRequest>
      if (asked.method === 'eth_subscribe') {
        say({ jsonrpc: '2.0', id: asked.id, result: '0x1' })
        return
      }
      void answer(text).then((handled) => {
        if (handled.type === 'drop') socket.terminate()
        else if (handled.type === 'text') socket.send(handled.text)
        else if (handled.type === 'reply') say(handled.body)
      })
    })
  }

  const server = createServer((request, response) => {
    overHttp(request, response).catch(() => response.destroy())
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', overWebSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    httpUrl: `http://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${port}`,
    async close() {
      over.abort()
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
