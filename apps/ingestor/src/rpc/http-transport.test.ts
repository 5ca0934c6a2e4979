import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { httpTransport, retryAfterMs } from './http-transport.ts'
import { endpointNames } from './open-endpoints.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const { signal } = new AbortController()
const request = { id: 1, method: 'eth_chainId', params: [] }

describe('httpTransport', () => {
  test('default: one request goes alone and several as a batch; credentials of the URL go into a header', async () => {
    const seen: (readonly [IncomingHttpHeaders['authorization'], unknown])[] = []
    const server = createServer((asked, response) => {
      let body = ''
      asked.on('data', (chunk: Buffer) => (body += chunk.toString()))
      asked.on('end', () => {
        seen.push([asked.headers.authorization, JSON.parse(body)])
        response.writeHead(429, { 'retry-after': '7' }).end('{"jsonrpc":"2.0"}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    const transport = httpTransport(`http://user:p%40ss@127.0.0.1:${(server.address() as AddressInfo).port}/key`)
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
