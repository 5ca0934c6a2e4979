import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
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
        const options = { method: 'POST', headers: { ...headers, 'content-length': payload.length }, signal }
        const response = await answerTo(() => request(target, options), payload)
        const [answer, bytes] = await bodyOf(response)
        verifyNoRedirect(response)
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

/**
 * Asked again where the server closed the connection that was kept open: it does so when it likes, and has not read what
 * comes then. All that we ask may be asked twice.
 */
function answerTo(open: () => ClientRequest, payload: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = open()
    asked.on('response', resolve)
    asked.on('error', (error) => {
      const isStale = asked.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
      if (isStale) resolve(answerTo(open, payload))
      else reject(error)
    })
    // Last of all, and alone where the server wants to speak another protocol.
    asked.on('close', () => reject(new Error('the connection was closed without an answer')))
    asked.end(payload)
  })
}

/** Whoever is sent on asks each time in vain, or in clear text: better the right URL. Its path may hold a key. */
function verifyNoRedirect({ statusCode = 0, headers: { location } }: IncomingMessage): void {
  if (statusCode < 300 || statusCode > 399 || location === undefined) return
  const to = URL.canParse(location) ? new URL(location).origin : 'another path'
  throw new Error(`it redirects to ${to} (HTTP status ${statusCode}): give the URL that answers`)
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
  const encoding = response.headers['content-encoding']?.toLowerCase() ?? ''
  // A refusal may say how it would be compressed and have nothing to tell.
  if (encoding === '' || bytes === 0) return [body, bytes]
  const decompress = decompressions.get(encoding)
  if (decompress === undefined) throw new Error(`the answer is compressed by ${encoding}, which was not asked for`)
  return [await decompress(body, { maxOutputLength: maxAnswerBytes }), bytes]
}

type Decompress = (body: Buffer, limits: { readonly maxOutputLength: number }) => Promise<Buffer>
const ofGzip: Decompress = promisify(gunzip)
/** By the content codings that we ask for. Source: RFC 9110, 8.4.1. */
const decompressions: ReadonlyMap<string, Decompress> = new Map([
  ['identity', async (body: Buffer) => body],
  ['gzip', ofGzip],
  ['x-gzip', ofGzip],
  ['br', promisify(brotliDecompress)],
])

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
