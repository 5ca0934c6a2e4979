import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip } from 'node:zlib'
import { parsedJson, payloadOf, reasonOf, TransportError, type RpcTransport } from './rpc-transport.ts'

/** No block's receipts or traces are as large: more is no answer but an attack or a mistake. */
const maxAnswerBytes = 256 << 20

/**
 * JSON-RPC over HTTP by Node's own agents, which keep connections open; `fetch` takes 1.4 ms of CPU more for each MB of
 * answers. Credentials in the URL go into a header.
 */
export function httpTransport(url: string): RpcTransport {
  const { target, headers } = addressOf(url)
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest
  return {
    async exchange(requests, signal) {
      signal.throwIfAborted()
      const payload = Buffer.from(payloadOf(requests))
      try {
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          const options = { method: 'POST', headers: { ...headers, 'content-length': payload.length }, signal }
          request(target, options, resolve).on('error', reject).end(payload)
        })
        const [answer, bytes] = await bodyOf(response)
        return {
          status: response.statusCode ?? 0,
          retryAfterMs: retryAfterMs(response.headers['retry-after'] ?? null, response.headers.date ?? null),
          body: parsedJson(answer),
          bytes,
        }
      } catch (cause) {
        signal.throwIfAborted()
        throw new TransportError(reasonOf(cause), { cause })
      }
    },
    subscribe: () => null,
    close: async () => {},
  }
}

/** The whole answer, and how many bytes of it came over the wire. */
async function bodyOf(response: IncomingMessage): Promise<readonly [Buffer, number]> {
  const chunks: Buffer[] = []
  let bytes = 0
  await new Promise<void>((resolve, reject) => {
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxAnswerBytes) response.destroy(new Error(`the answer is longer than ${maxAnswerBytes} bytes`))
    })
    response.on('end', resolve).on('error', reject)
  })
  const body = Buffer.concat(chunks, bytes)
  const encoding = response.headers['content-encoding'] ?? 'identity'
  const decompress = decompressions[encoding]
  if (decompress === undefined) throw new Error(`the answer is compressed by ${encoding}, which was not asked for`)
  return [await decompress(body, { maxOutputLength: maxAnswerBytes }), bytes]
}

/** By the content codings that we ask for. */
const decompressions: Readonly<
  Record<string, ((body: Buffer, limits: { readonly maxOutputLength: number }) => Promise<Buffer>) | undefined>
> = { identity: async (body) => body, gzip: promisify(gunzip), br: promisify(brotliDecompress) }

/** Credentials are a header of their own: in a URL they would show wherever it is told. */
function addressOf(url: string): { readonly target: URL; readonly headers: Readonly<Record<string, string>> } {
  const target = new URL(url)
  const { username, password } = target
  const headers = { 'content-type': 'application/json', 'accept-encoding': 'gzip, br' }
  if (username === '' && password === '') return { target, headers }
  target.username = ''
  target.password = ''
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return { target, headers: { ...headers, authorization: `Basic ${basic}` } }
}

/** Seconds, or a date of which the server's own clock tells the distance. Source: RFC 9110, 10.2.3. */
export function retryAfterMs(header: string | null, date: string | null): number | null {
  if (header === null) return null
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const distance = Date.parse(header) - Date.parse(date ?? '')
  return Number.isFinite(distance) ? Math.max(0, distance) : null
}
