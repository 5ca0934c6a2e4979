// A demo in a process of its own, to be killed: prints anvil's pid and then at every head the newest blocks, as JSON, a line each.
import { setTimeout as wait } from 'node:timers/promises'
import { startDemo } from './demo.ts'

const [, , folder = '', start = '0'] = process.argv
let time = Number(start)
const { rpcUrl, pid } = await startDemo({
  folder,
  signal: new AbortController().signal,
  log: () => {},
  clock: {
    now: () => time,
    until: async (until) => {
      await printHead()
      await wait(20) // a live pace, a hundred times as fast
      time = Math.max(time, until)
      return true
    },
  },
})
process.stdout.write(`${JSON.stringify({ pid })}\n`)

/** The newest blocks, because a reorg replaces some that were printed as heads before. */
async function printHead(): Promise<void> {
  const head = await block('latest')
  const blocks = [head]
  for (let back = 1; back <= 6; back++) blocks.unshift(await block(`0x${(head.number - back).toString(16)}`))
  process.stdout.write(`${JSON.stringify(blocks)}\n`)
}

async function block(tag: string): Promise<{ number: number; hash: string }> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber', params: [tag, false] })
  const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { result } = (await response.json()) as { result: { number: string; hash: string } }
  return { number: Number(result.number), hash: result.hash }
}
