import { WebSocket, type RawData } from 'ws'
import { isObject } from '../sources/parse-block.ts'
import { answerId, rpcAnswer, type RpcAnswer, type RpcRequest } from './json-rpc.ts'
import { parsedJson, payloadOf, reasonOf, TransportError, type RpcReply, type RpcTransport } from './rpc-transport.ts'

const reconnectDelayMs = 1000
/** A peer that does not answer a ping by the next one is gone, whatever TCP believes. */
const pingIntervalMs = 15_000
const maxAnswerBytes = 256 << 20

interface Waiting {
  readonly resolve: (reply: RpcReply) => void
  readonly reject: (error: TransportError) => void
}

interface Subscription {
  readonly params: readonly unknown[]
  readonly listener: (result: unknown) => void
  readonly refused: ((answer: RpcAnswer) => void) | undefined
  id: unknown
}

/** JSON-RPC over one WebSocket, which is opened again once a second until it is closed. */
export function webSocketTransport(url: string): RpcTransport {
  /** By the id of the exchange's first request. */
  const waiting = new Map<number, Waiting>()
  const subscriptions = new Set<Subscription>()
  let socket: WebSocket
  let opened: Promise<void>
  let timer: NodeJS.Timeout | undefined
  let closed = false
  /** Ours for subscriptions count down, those of requests up. */
  let ownId = 0

  function open(): void {
    const opening = new WebSocket(url, { maxPayload: maxAnswerBytes })
    socket = opening
    let reason = 'connection lost'
    let isAlive = true
    const pings = setInterval(() => {
      if (!isAlive) opening.terminate()
      isAlive = false
      if (opening.readyState === WebSocket.OPEN) opening.ping()
    }, pingIntervalMs)
    opened = new Promise((resolve, reject) => {
      opening.on('open', () => {
        resolve()
        for (const subscription of subscriptions) {
          subscribe(subscription)
          subscription.listener(undefined)
        }
      })
      opening.on('close', () => {
        clearInterval(pings)
        const lost = new TransportError(reason)
        reject(lost)
        for (const { reject: fail } of waiting.values()) fail(lost)
        waiting.clear()
        if (!closed) timer = setTimeout(open, reconnectDelayMs)
      })
    })
    opened.catch(() => {}) // who asks meanwhile is told
    opening.on('pong', () => (isAlive = true))
    opening.on('error', (error) => (reason = reasonOf(error))) // `close` follows
    opening.on('message', (data) => {
      isAlive = true
      const bytes = bytesOf(data)
      received(parsedJson(bytes), bytes.length)
    })
  }

  function received(body: unknown, bytes: number): void {
    if (isObject(body) && body['method'] === 'eth_subscription' && isObject(body['params'])) {
      const { subscription, result } = body['params']
      for (const one of subscriptions) if (one.id === subscription) one.listener(result)
      return
    }
    const ids = (Array.isArray(body) ? body : [body]).map(answerId)
    const own = [...subscriptions].find(({ id }) => id === ids[0])
    if (own !== undefined && isObject(body)) {
      own.id = body['result']
      const answer = rpcAnswer(body)
      if (answer?.type === 'error') own.refused?.(answer)
      return
    }
    // Without an id it refuses all of a batch; whose it is can be told only while there is one.
    const key =
      ids.find((id) => id !== null && waiting.has(id)) ?? (waiting.size === 1 ? [...waiting.keys()][0] : undefined)
    if (key === undefined || key === null) return
    waiting.get(key)?.resolve({ status: 200, retryAfterMs: null, body, bytes })
    waiting.delete(key)
  }

  function subscribe(subscription: Subscription): void {
    subscription.id = --ownId
    socket.send(payloadOf([{ id: ownId, method: 'eth_subscribe', params: subscription.params }]))
  }

  open()
  return {
    async exchange(requests: readonly RpcRequest[], signal) {
      signal.throwIfAborted()
      const key = requests[0]?.id ?? 0
      let giveUp = () => {}
      try {
        return await Promise.race([
          new Promise<never>((_, reject) => {
            giveUp = () => reject(signal.reason as Error) // what an abort was given; ours are errors
            signal.addEventListener('abort', giveUp, { once: true })
          }),
          opened.then(
            async () =>
              new Promise<RpcReply>((resolve, reject) => {
                waiting.set(key, { resolve, reject })
                socket.send(payloadOf(requests), (error) => {
                  if (error !== undefined && error !== null) reject(new TransportError(reasonOf(error)))
                })
              }),
          ),
        ])
      } finally {
        waiting.delete(key)
        signal.removeEventListener('abort', giveUp)
      }
    },
    subscribe(params, listener, refused) {
      const subscription: Subscription = { params, listener, refused, id: undefined }
      subscriptions.add(subscription)
      if (socket.readyState === WebSocket.OPEN) subscribe(subscription)
      return () => subscriptions.delete(subscription)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      socket.terminate()
    },
  }
}

const bytesOf = (data: RawData): Buffer =>
  Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)
