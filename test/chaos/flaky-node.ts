import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

/** How a node fails: it breaks every connection, takes requests and says nothing, or answers what is no JSON-RPC. */
export const outages = ['gone', 'silent', 'garbage'] as const
export type OutageKind = (typeof outages)[number]

/** A node behind which the real one stands, and which can be away. */
export interface FlakyNode {
  readonly url: string
  fail(kind: OutageKind): void
  recover(): void
  stop(): void
}

export async function openFlakyNode(target: string): Promise<FlakyNode> {
  let outage: OutageKind | null = null
  const unanswered = new Set<ServerResponse>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (outage === 'gone') return void response.destroy()
      if (outage === 'silent') return void unanswered.add(response)
      if (outage === 'garbage') return void response.writeHead(502).end('<html>Bad Gateway</html>')
      fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body: Buffer.concat(chunks) })
        .then(async (answer) => {
          const body = await answer.text()
          // An outage that began meanwhile cuts this answer off too.
          if (outage !== null) response.destroy()
          else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body)
        })
        .catch(() => response.destroy())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    fail: (kind) => {
      outage = kind
      if (kind === 'gone') server.closeAllConnections()
    },
    recover: () => {
      outage = null
      for (const response of unanswered) response.destroy()
      unanswered.clear()
    },
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
