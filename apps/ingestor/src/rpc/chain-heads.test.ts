import { describe, expect, test } from 'vitest'
import { inVirtualTime, virtualClock } from '../testing/virtual-clock.ts'
import { chainHeads } from './chain-heads.ts'
import { RpcEndpoint } from './rpc-endpoint.ts'
import { TransportError } from './rpc-transport.ts'

/** An endpoint whose connection, heads and chain the test makes. */
function listening(chainId: number) {
  const { clock, time } = virtualClock()
  const node = { chainId: 1 as number | null }
  let push: (head: unknown) => void = () => {}
  const endpoint = new RpcEndpoint({
    name: 'ws://node',
    transport: {
      exchange: async ([request]) => {
        if (node.chainId === null) throw new TransportError('told so')
        const body = { jsonrpc: '2.0', id: request?.id, result: `0x${node.chainId.toString(16)}` }
        return { status: 200, retryAfterMs: null, body, bytes: 40 }
      },
      subscribe: (_, listener) => {
        push = listener
        return () => (push = () => {})
      },
      close: async () => {},
    },
    requestTimeoutMs: 1000,
    clock,
  })
  const told: string[] = []
  const heads = chainHeads({ endpoint, chainId, refused: (error) => told.push(error.message) })
  let woken = 0
  const stop = heads.onHead(() => woken++)
  const happens = async (head: unknown) => {
    push(head)
    await inVirtualTime(time, time.after(10))
    return woken
  }
  return { node, told, heads, stop, head: () => happens({ number: '0x1' }), connect: () => happens(undefined) }
}

describe('chainHeads', () => {
  test('default: each head of the chain wakes, and a connection that is there again', async () => {
    const { connect, head, told, stop } = listening(1)
    expect([await connect(), await head(), await head(), await connect()]).toEqual([1, 2, 3, 4])
    stop()
    expect([await head(), told]).toEqual([4, []])
  })

  test('error: heads of another chain wake nobody, and that is said once, in one line', async () => {
    const { connect, head, told, node } = listening(8453)
    expect([await connect(), await head(), await head(), await connect(), await head()]).toEqual([0, 0, 0, 0, 0])
    expect(told).toEqual(['ws://node is a node of chain 1, not of chain 8453.'])
    node.chainId = 8453
    expect([await connect(), await head()]).toEqual([1, 2])
    node.chainId = 1
    expect(await connect()).toBe(2)
    expect(told).toHaveLength(2)
  })

  test('behavior: while it does not say which chain it is of, its heads wake nobody; each asks again', async () => {
    const { connect, head, told, node } = listening(1)
    node.chainId = null
    expect([await connect(), await head()]).toEqual([0, 0])
    node.chainId = 1
    expect([await head(), await head(), told]).toEqual([1, 2, []])
  })
})
