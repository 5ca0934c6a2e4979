/** What an answer may be: a result, or an error that the node tells. Anything else is thrown. */
export type RpcAnswer =
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'error'; readonly code: number; readonly message: string }

/** One way to a node: HTTP or WebSocket. */
export interface RpcConnection {
  /** @throws {EndpointUnavailableError} no answer in time, none at all, or no JSON-RPC. */
  request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<RpcAnswer>
  /** Calls the listener on each new head, where the connection can tell. */
  onHead(listener: () => void): () => void
  close(): Promise<void>
}

/** The node has no such method: another way must be taken. Nodes agree on the code, proxies only on the words. */
export const isMissingMethod = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  (answer.code === -32601 ||
    /method\b.*\b(?:not found|not supported|unsupported|does not exist|not available|not whitelisted|disabled)|unsupported method/i.test(
      answer.message,
    ))
