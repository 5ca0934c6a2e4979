import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A node of recorded blocks in a process of its own. */
export interface StubNode {
  readonly url: string
  readonly sizes: readonly { readonly transactions: number; readonly logs: number }[]
  /** The bytes of its answers since this was asked last. */
  served(): Promise<number>
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
  return {
    url,
    sizes,
    async served() {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'bench_served', params: [] })
      const answer = (await (await fetch(url, { method: 'POST', body })).json()) as { readonly result: number }
      return answer.result
    },
    async close() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
