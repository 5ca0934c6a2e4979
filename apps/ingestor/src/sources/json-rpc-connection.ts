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

/**
 * The node has the block and not the state it left: every node but an archive drops that after a while. geth says
 * "missing trie node" or "historical state … is not available", erigon and reth "pruned", Nethermind "No state available",
 * Besu "World state unavailable", anvil on a loaded chain "BlockOutOfRangeError".
 */
export const isPrunedState = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  /missing trie node|state\b.*\b(?:unavailable|not available|pruned)|no state available|due to pruning|BlockOutOfRange/i.test(
    answer.message,
  )

/**
 * The node does not know `finalized`, or has no final block yet: geth has "finalized block not found" (-39001, before
 * -32000), older nodes refuse the word as a number (-32602 or their parser's own words).
 */
export const isUnknownTag = (answer: RpcAnswer): boolean =>
  answer.type === 'error' &&
  (answer.code === -39001 ||
    answer.code === -32602 ||
    /finalized|\b(?:block|header) not found\b|unknown block|invalid (?:block|argument|params)|hex string without 0x/i.test(
      answer.message,
    ))
