import { parsedJson, payloadOf, reasonOf, TransportError, type RpcTransport } from './rpc-transport.ts'

/** No block's receipts or traces are as large: more is no answer but an attack or a mistake. */
const maxAnswerBytes = 256 << 20

/** JSON-RPC over HTTP by Node's own `fetch`, which keeps connections open. Credentials in the URL go into a header. */
export function httpTransport(url: string): RpcTransport {
  const { href, headers } = target(url)
  return {
    async exchange(requests, signal) {
      try {
        const response = await fetch(href, { method: 'POST', headers, body: payloadOf(requests), signal })
        const chunks: Uint8Array[] = []
        let bytes = 0
        for await (const chunk of response.body ?? []) {
          const part = chunk as Uint8Array // a body's chunks are bytes; the types of its iterator do not say so
          chunks.push(part)
          bytes += part.length
          if (bytes > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`)
        }
        return {
          status: response.status,
          retryAfterMs: retryAfterMs(response.headers.get('retry-after'), response.headers.get('date')),
          body: parsedJson(Buffer.concat(chunks).toString('utf8')),
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

/** `fetch` refuses credentials in a URL, and names the URL when it does. */
function target(url: string): { readonly href: string; readonly headers: Readonly<Record<string, string>> } {
  const parsed = new URL(url)
  const { username, password } = parsed
  const json = { 'content-type': 'application/json' }
  if (username === '' && password === '') return { href: parsed.href, headers: json }
  parsed.username = ''
  parsed.password = ''
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return { href: parsed.href, headers: { ...json, authorization: `Basic ${basic}` } }
}

/** Seconds, or a date of which the server's own clock tells the distance. Source: RFC 9110, 10.2.3. */
export function retryAfterMs(header: string | null, date: string | null): number | null {
  if (header === null) return null
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const distance = Date.parse(header) - Date.parse(date ?? '')
  return Number.isFinite(distance) ? Math.max(0, distance) : null
}
