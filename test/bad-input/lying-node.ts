import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** A JSON-RPC request as it came. */
export interface Asked {
  readonly id: unknown
  readonly method: string
  readonly params: readonly unknown[]
}

/** What is answered instead of the truth; undefined: the truth. `honest` asks the node behind. */
export type Lie = (asked: Asked, honest: () => Promise<unknown>) => Promise<Reply | undefined> | Reply | undefined

export interface Reply {
  readonly status?: number
  readonly type?: string
  readonly body: string
}

export const result = (asked: Asked, value: unknown): Reply => ({
  body: JSON.stringify({ jsonrpc: '2.0', id: asked.id, result: value }),
})

/** A node of our own between Tocsin and a real one: it tells the truth, or what the test wants, or is not there at all. */
export interface LyingNode {
  readonly url: string
  /** Asks the other node from now on. */
  readonly follow: (url: string) => void
  /** How often the lie was told since `lie`. */
  readonly told: () => number
  readonly lie: (lie: Lie) => void
  readonly truth: () => void
  /** Nobody listens any more; who is connected is cut off. */
  readonly down: () => Promise<void>
  readonly up: () => Promise<void>
  readonly close: () => Promise<void>
}

export async function startLyingNode(behind: string): Promise<LyingNode> {
  let lie: Lie = () => undefined
  let node = behind
  let lies = 0
  let server: Server | undefined
  let port = 0
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const asked = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked | readonly Asked[]
    const replies = await Promise.all([asked].flat().map(replyTo))
    // What is no answer at all spoils the batch it is in.
    const spoilt = replies.find(({ body }) => !isJson(body))
    const [first] = replies
    if (first === undefined) throw new Error('assertion: something was asked')
    const together = Array.isArray(asked) ? { body: `[${replies.map(({ body }) => body).join(',')}]` } : first
    const { status = 200, type = 'application/json', body } = spoilt ?? together
    response.writeHead(status, { 'content-type': type }).end(body)
  }
  const replyTo = async (asked: Asked): Promise<Reply> => {
    const text = JSON.stringify(asked)
    const ask = async () => (await fetch(node, { method: 'POST', body: text, headers: json })).text()
    const reply = await lie(asked, async () => (JSON.parse(await ask()) as { result: unknown }).result)
    if (reply !== undefined) lies++
    return reply ?? { body: await ask() }
  }
  const up = async () => {
    server = createServer((request, response) => {
      handle(request, response).catch(() => response.destroy())
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
    port = address.port
  }
  const down = async () => {
    const closing = server
    server = undefined
    if (closing === undefined) return
    const closed = once(closing, 'close')
    closing.close()
    closing.closeAllConnections()
    await closed
  }
  await up()
  return {
    url: `http://127.0.0.1:${port}`,
    follow: (url) => (node = url),
    told: () => lies,
    lie: (next) => {
      lies = 0
      lie = next
    },
    truth: () => (lie = () => undefined),
    down,
    up,
    close: down,
  }
}

const json = { 'content-type': 'application/json' }

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
