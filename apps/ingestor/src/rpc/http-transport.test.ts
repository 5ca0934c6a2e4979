import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { httpTransport, retryAfterMs } from './http-transport.ts'
import { endpointNames } from './open-endpoints.ts'
import { TransportError } from './rpc-transport.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** @returns its address, without the protocol. */
async function served(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  return `127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on TCP
}

const { signal } = new AbortController()
const request = { id: 1, method: 'eth_chainId', params: [] }

describe('httpTransport', () => {
  test('default: one request goes alone and several as a batch; credentials of the URL go into a header', async () => {
    const seen: (readonly [IncomingHttpHeaders['authorization'], unknown])[] = []
    const at = await served((asked, response) => {
      let body = ''
      asked.on('data', (chunk: Buffer) => (body += chunk.toString()))
      asked.on('end', () => {
        seen.push([asked.headers.authorization, JSON.parse(body)])
        response.writeHead(429, { 'retry-after': '7' }).end('{"jsonrpc":"2.0"}')
      })
    })
    const transport = httpTransport(`http://user:p%40ss@${at}/key`)
    expect(await transport.exchange([request], signal)).toEqual({
      status: 429,
      retryAfterMs: 7000,
      body: { jsonrpc: '2.0' },
      bytes: 17,
    })
    await transport.exchange([request, { ...request, id: 2 }], signal)
    const basic = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
    expect(seen).toEqual([
      [basic, { jsonrpc: '2.0', ...request }],
      [
        basic,
        [
          { jsonrpc: '2.0', ...request },
          { jsonrpc: '2.0', ...request, id: 2 },
        ],
      ],
    ])
  })

  test('behavior: an answer may be compressed, and have characters beyond ASCII', async () => {
    const text = '{"jsonrpc":"2.0","id":1,"result":"naïve 牛"}'
    const [plain, gzipped] = [Buffer.from(text), gzipSync(text)]
    const bodies = { '': plain, identity: plain, gzip: gzipped, 'X-GZip': gzipped, br: brotliCompressSync(text) }
    for (const [encoding, body] of Object.entries(bodies)) {
      const at = await served((_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(body))
      const reply = await httpTransport(`http://${at}`).exchange([request], signal)
      expect(reply).toEqual({ status: 200, retryAfterMs: null, body: JSON.parse(text) as unknown, bytes: body.length })
    }
  })

  test('error: an answer that is cut off, or of another compression, is none', async () => {
    const cut = await served((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('{"jsonrpc":', () => response.destroy())
    })
    await expect(httpTransport(`http://${cut}`).exchange([request], signal)).rejects.toThrow(TransportError)
    const other = await served((_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('{}'))
    await expect(httpTransport(`http://${other}`).exchange([request], signal)).rejects.toThrow(/compressed by zstd/)
  })

  test('behavior: a refusal without words keeps its status, compressed or not', async () => {
    const at = await served((_, response) => response.writeHead(429, { 'content-encoding': 'gzip' }).end())
    expect(await httpTransport(`http://${at}`).exchange([request], signal)).toMatchObject({ status: 429 })
  })

  test('behavior: it asks again where a connection that was kept open is closed unheard', async () => {
    const sockets: Socket[] = []
    let requests = 0
    const server = createTcpServer((socket) => {
      sockets.push(socket)
      socket.on('data', () => {
        requests += 1
        if (requests === 2) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(
      () => sockets.forEach((socket) => socket.destroy()),
      () => server.close(),
    )
    const transport = httpTransport(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) // it listens on TCP
    await transport.exchange([request], signal)
    expect(await transport.exchange([request], signal)).toMatchObject({ body: {} })
    expect([sockets.length, requests]).toEqual([2, 3])
  })

  test('error: an answer of another protocol, or that sends elsewhere, is told at once and without a key', async () => {
    const other = await served((_, response) => {
      response.writeHead(101, { connection: 'upgrade', upgrade: 'websocket' }).end()
    })
    await expect(httpTransport(`http://${other}`).exchange([request], signal)).rejects.toThrow(/without an answer/)
    const moved = await served((_, response) => {
      response.writeHead(308, { location: 'https://node.example/v3/key' }).end()
    })
    await expect(httpTransport(`http://${moved}`).exchange([request], signal)).rejects.toThrow(
      /^it redirects to https:\/\/node\.example \(HTTP status 308\): give the URL that answers$/,
    )
  })

  test('error: given up while nobody answers, it throws what the signal says', async () => {
    const over = new AbortController()
    const at = await served(() => over.abort(new Error('not waited for')))
    await expect(httpTransport(`http://${at}`).exchange([request], over.signal)).rejects.toThrow('not waited for')
  })
})

describe('retryAfterMs', () => {
  test('default: seconds, or a date by the clock of the one who wrote it; null where it says nothing readable', () => {
    const [date, later] = ['Mon, 23 Nov 2026 07:00:00 GMT', 'Mon, 23 Nov 2026 07:00:30 GMT']
    expect([retryAfterMs('120', null), retryAfterMs(later, date), retryAfterMs(date, later)]).toEqual([
      120_000, 30_000, 0,
    ])
    expect([retryAfterMs(null, date), retryAfterMs('soon', date), retryAfterMs(later, null)]).toEqual([
      null,
      null,
      null,
    ])
  })
})

describe('endpointNames', () => {
  test('behavior: no secret of a URL is in its name, and no two are the same', () => {
    expect(
      endpointNames([
        'https://user:word@one.example/v3/key',
        'wss://two.example:8546/?token=key',
        'https://one.example/v3/other',
      ]),
    ).toEqual(['https://one.example #1', 'wss://two.example:8546', 'https://one.example #2'])
  })
})
