import { WrongChainError } from '../verify/endpoint-answer-error.ts'
import { askChainId } from './open-endpoints.ts'
import type { RpcEndpoint } from './rpc-endpoint.ts'

export interface ChainHeadsOptions {
  /** A WebSocket: one that pushes nothing wakes nobody. */
  readonly endpoint: RpcEndpoint
  readonly chainId: number
  /** Told once that it is a node of another chain, until it has been one of ours. */
  readonly refused: (error: WrongChainError) => void
}

/**
 * Calls the listener at the heads that an endpoint tells of, as long as it is a node of the chain: asked on each
 * connection, since behind the same address another may answer then. The heads of another chain would wake us at its pace.
 * @returns how to stop
 */
export function chainHeads({ endpoint, chainId, refused }: ChainHeadsOptions): {
  onHead(listener: () => void): () => void
  close(): Promise<void>
} {
  const over = new AbortController()
  let isTold = false
  return {
    onHead(listener) {
      /** `asking`, `ours` or `another` since the connection was made; null: nobody knows. */
      let found: 'asking' | 'ours' | 'another' | null = null
      let connection = 0
      async function check(): Promise<void> {
        const asked = connection
        found = 'asking'
        const id = await askChainId([endpoint], over.signal).catch(() => null)
        if (asked !== connection || over.signal.aborted) return
        found = id === null ? null : id === chainId ? 'ours' : 'another'
        if (found === 'ours') {
          isTold = false
          listener() // there may have been news meanwhile
        } else if (id !== null && !isTold) {
          isTold = true
          refused(new WrongChainError({ endpoint: endpoint.name, expected: chainId, found: id }))
        }
      }
      const stop = endpoint.subscribe(['newHeads'], (head) => {
        if (head === undefined) {
          connection++
          found = null
        }
        if (found === 'ours') listener()
        else if (found === null) void check()
      })
      return stop ?? (() => {})
    },
    close() {
      over.abort()
      return endpoint.close()
    },
  }
}
