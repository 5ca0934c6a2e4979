import type { TestChain } from '@tocsin/demo'
import { result, startLyingNode } from './lying-node.ts'

/** A node whose head comes up to the chain's one block after the other, and waits where it is told to. */
export interface PacedNode {
  readonly url: string
  /** The newest block that may be shown. */
  readonly limit: () => number
  readonly showUpTo: (number: number) => void
  readonly close: () => Promise<void>
}

export async function startPacedNode(
  { rpcUrl, chain }: Pick<TestChain, 'rpcUrl' | 'chain'>,
  { from, upTo, everyMs }: { readonly from: number; readonly upTo: number; readonly everyMs: number },
): Promise<PacedNode> {
  let [newest, limit] = [from, upTo]
  const pace = setInterval(() => (newest = Math.min(newest + 1, limit)), everyMs)
  const node = await startLyingNode(rpcUrl)
  node.lie(async (asked) => {
    const [tag, whole] = asked.params
    if (asked.method !== 'eth_getBlockByNumber' || tag !== 'latest') return undefined
    return result(asked, await chain.rpc('eth_getBlockByNumber', `0x${newest.toString(16)}`, whole))
  })
  return {
    url: node.url,
    limit: () => limit,
    showUpTo: (number) => (limit = number),
    close: async () => {
      clearInterval(pace)
      await node.close()
    },
  }
}
