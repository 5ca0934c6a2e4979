import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Numbers of Kafka's requests. Source: Kafka's protocol, API keys. */
export const apiKeys = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  findCoordinator: 10,
  apiVersions: 18,
} as const
export const transactionKeys = { initProducerId: 22, addPartitionsToTxn: 24, endTxn: 26 } as const

/** What becomes of a request: `swallow`: the broker never hears of it, and its sender waits. */
type RequestFate = 'pass' | 'swallow' | 'cut'

/** What stands between a client and its broker, and when; each part left out lets all pass. */
export interface Meddling {
  /** @param clientId Of who asks. */
  request?(apiKey: number, clientId: string): RequestFate
  /** @param payload What follows the correlation id; may be changed in place. */
  response?(apiKey: number, payload: Buffer): 'pass' | 'cut' | void
  /** Each message of a connection, one after the other, waits so long before it goes on. */
  readonly latencyMs?: number
}

export interface KafkaProxy {
  /** Where it listens, as `host:port`. */
  readonly bootstrap: string
  /** For `openKafkaLogOver`. */
  connect(): Socket
  /** From now on. Default: all pass. */
  meddle(meddling: Meddling): void
  /** Ends the connections that there are; new ones are taken. */
  cut(): void
  close(): Promise<void>
}

/** Stands before a cluster of one broker: messages pass whole, so that one can be told from the other. */
export async function startKafkaProxy(bootstrap: string): Promise<KafkaProxy> {
  const [host = '', port = ''] = bootstrap.split(':')
  const sockets = new Set<Socket>()
  let meddling: Meddling = {}
  const server = createServer((client) => {
    const broker = connect({ host, port: Number(port) })
    const asked = new Map<number, number>()
    const cut = () => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', cut)
      socket.on('close', () => (sockets.delete(socket), cut()))
    }
    const [toBroker, toClient] = [inTurn(() => meddling.latencyMs), inTurn(() => meddling.latencyMs)]
    eachMessage(client, (message) => {
      const { apiKey, correlationId, clientId } = readHeader(message)
      asked.set(correlationId, apiKey)
      const fate = meddling.request?.(apiKey, clientId) ?? 'pass'
      if (fate === 'cut') cut()
      else if (fate === 'pass') toBroker(() => broker.write(message))
    })
    eachMessage(broker, (message) => {
      const correlationId = message.readInt32BE(4)
      const fate = meddling.response?.(asked.get(correlationId) ?? -1, message.subarray(8))
      asked.delete(correlationId)
      if (fate === 'cut') cut()
      else toClient(() => client.write(message))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('assertion: a TCP server has a port')
  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    bootstrap: `127.0.0.1:${address.port}`,
    connect: () => connect({ host: '127.0.0.1', port: address.port }),
    meddle: (next) => (meddling = next),
    cut: cutAll,
    close: async () => {
      cutAll()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Source: Kafka's protocol, request header v1; behind four bytes of length. */
const readHeader = (message: Buffer) => ({
  apiKey: message.readInt16BE(4),
  correlationId: message.readInt32BE(8),
  clientId: message.toString('utf8', 14, 14 + Math.max(0, message.readInt16BE(12))),
})

/** Sends at once, or after all that waits. */
function inTurn(latencyMs: () => number | undefined): (send: () => void) => void {
  let last: Promise<void> | undefined
  return (send) => {
    const ms = latencyMs() ?? 0
    if (last === undefined && ms === 0) return send()
    const mine = Promise.resolve(last)
      .then(() => delay(ms))
      .then(() => {
        send()
        if (last === mine) last = undefined
      })
    last = mine
  }
}

/** Kafka's framing: four bytes of length before each message. */
function eachMessage(from: Socket, handle: (message: Buffer) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  from.on('data', (chunk: Buffer) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const end = 4 + bytes.readInt32BE(0)
      handle(bytes.subarray(0, end))
      bytes = bytes.subarray(end)
    }
  })
}

/** Answers one request of that kind with an error. */
export function failOnce(apiKey: number, errorAt: number, code: number): (apiKey: number, payload: Buffer) => void {
  let isDone = false
  return (answered, payload) => {
    if (isDone || answered !== apiKey) return
    isDone = true
    payload.writeInt16BE(code, errorAt)
  }
}
