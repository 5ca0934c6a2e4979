import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A node of recorded blocks in a process of its own. */
export interface StubNode {
  readonly url: string
  readonly sizes: readonly { readonly transactions: number; readonly logs: number }[]
  /** Begins to count anew. */
  begin(): Promise<void>
  /** The bytes of its answers since then, and how many blocks it has given whole. */
  served(): Promise<{ readonly bytes: number; readonly blocks: number }>
  close(): Promise<void>
}

/** Of so many blocks, which it has all at once, or one more each `everyMs`. */
export async function startStubNode(shared: string, blocks: number, everyMs = 0): Promise<StubNode> {
  const entry = `./stub-node-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`
  const words = [...process.execArgv, fileURLToPath(new URL(entry, import.meta.url))]
  words.push(resolve(shared), `${blocks}`, `${everyMs}`)
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('The node of recorded blocks ended.'))),
  ])) as [string]
  const { url, sizes } = JSON.parse(line) as Pick<StubNode, 'url' | 'sizes'>
  const ask = async (method: string): Promise<unknown> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] })
    return ((await (await fetch(url, { method: 'POST', body })).json()) as { readonly result: unknown }).result
  }
  return {
    url,
    sizes,
    async begin() {
      await ask('bench_begin')
    },
    served: async () => (await ask('bench_served')) as Awaited<ReturnType<StubNode['served']>>, // of our own process
    async close() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
