import { isAscii } from 'node:buffer'
import type { RpcAnswer, RpcRequest } from './json-rpc.ts'

/** What came back for a request or a batch of them. */
export interface RpcReply {
  /** The HTTP status; 200 where there is none. */
  readonly status: number
  /** What a Retry-After header says, in ms. */
  readonly retryAfterMs: number | null
  /** The JSON that was read; undefined where it was none. */
  readonly body: unknown
  /** Of the answer. */
  readonly bytes: number
}

/** One way to a node: HTTP, WebSocket, or a simulated one. Sends what it is told and judges nothing. */
export interface RpcTransport {
  /** One request alone, several as a batch. @throws {TransportError} nothing came back; the signal's reason. */
  exchange(requests: readonly RpcRequest[], signal: AbortSignal): Promise<RpcReply>
  /**
   * `eth_subscribe` with these parameters, again after each reconnection; null where the way has no push. The listener
   * gets each notification's result, and undefined when the connection is there (again): there may have been news.
   * `refused` is told when the node answers with an error: it has no such subscription.
   * @returns how to stop
   */
  subscribe(
    params: readonly unknown[],
    listener: (result: unknown) => void,
    refused?: (answer: RpcAnswer) => void,
  ): (() => void) | null
  close(): Promise<void>
}

/** Nobody answered; the message says why, without the URL. The endpoint makes an error with a remedy of it. */
export class TransportError extends Error {}

export const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  // Node gathers the failed attempts on all of a host's addresses in one error without words.
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  // What wraps another error says less than that.
  if (cause.cause instanceof Error) return reasonOf(cause.cause)
  return 'code' in cause && typeof cause.code === 'string' && !cause.message.includes(cause.code)
    ? `${cause.message} (${cause.code})`
    : cause.message
}

export const payloadOf = (requests: readonly RpcRequest[]): string => {
  const [first] = requests
  const all = requests.map((request) => ({ jsonrpc: '2.0', ...request }))
  return JSON.stringify(requests.length === 1 && first !== undefined ? all[0] : all)
}

export function parsedJson(answer: Buffer): unknown {
  try {
    // Text without any other character, as nearly all of it is, becomes a string in a fifth of the time.
    return JSON.parse(answer.toString(isAscii(answer) ? 'latin1' : 'utf8'))
  } catch {
    return undefined // no JSON is no JSON-RPC: the endpoint says so
  }
}
