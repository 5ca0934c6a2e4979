import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type DemoClock } from './clock.ts'
import { blocksBetweenSaves, type Demo, demoFinalityDepth, startDemo } from './demo.ts'
import { past } from './schedule.ts'

const emptyFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-demo-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}

/** A clock that jumps to whatever is waited for, until `end`: a minute of the demo takes a second. */
const quickClock = (start: number, end: number): DemoClock & { readonly ended: Promise<void> } => {
  let time = start
  const { promise: ended, resolve } = Promise.withResolvers<undefined>()
  return {
    ended,
    now: () => time,
    until: async (until, signal) => {
      await setImmediate()
      if (until > end && !signal.aborted) {
        resolve(undefined)
        await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }))
      }
      time = Math.max(time, until)
      return !signal.aborted
    },
  }
}

interface RpcLog {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
}
interface RpcReceipt {
  readonly status: string
  readonly from: string
  readonly logs: readonly RpcLog[]
}
const rpcOf =
  ({ rpcUrl }: Demo) =>
  async <Answer>(method: string, ...params: readonly unknown[]): Promise<Answer> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const answer = (await response.json()) as { result: Answer; error?: { message: string } }
    if (answer.error !== undefined) throw new Error(answer.error.message)
    return answer.result
  }
const hex = (number: number) => `0x${number.toString(16)}`
const transferTopic = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const addressIn = (topic: string | undefined) => `0x${topic?.slice(26)}`
const start = 1_700_000_000_000

describe('startDemo', () => {
  test('default: within a minute the chain itself holds all four frauds, and a reorg took a fifth back', async () => {
    const clock = quickClock(start, start + 60_000)
    const lines: string[] = []
    const demo = await startDemo({
      folder: await emptyFolder(),
      clock,
      signal: new AbortController().signal,
      log: (line) => lines.push(line),
    })
    onTestFinished(() => demo.stop())
    await clock.ended
    expect(
      lines.filter((line) => line.startsWith('block')).map((line) => line.split(': ').slice(0, 2).join(': ')),
    ).toEqual([
      'block 49: staged running-total',
      'block 52: staged transfer-volume',
      'block 52: staged pass-through',
      'block 55: staged price-deviation',
      'block 63: staged pass-through',
      'block 67: a reorg of depth 4 took the last pass-through back',
    ])

    // Everything below is read from the node and reckoned here anew.
    const rpc = rpcOf(demo)
    const head = Number(await rpc<string>('eth_blockNumber'))
    const infra = new Set<string>(demo.labels.map(({ address }) => address))
    const transfers: { from: string; to: string; usd: number; time: number; block: number; sender: string }[] = []
    const swapGaps: number[] = []
    const seen = new Set<string>()
    for (let number = 1; number <= head; number++) {
      const { timestamp } = await rpc<{ timestamp: string }>('eth_getBlockByNumber', hex(number), false)
      const time = Number(timestamp)
      for (const { status, from: sender, logs } of await rpc<RpcReceipt[]>('eth_getBlockReceipts', hex(number))) {
        expect(status, `a transaction of block ${number}`).toBe('0x1')
        const moved = logs.flatMap(({ address, topics, data }) => {
          const token = demo.tokens.find((each) => each.address === address)
          if (token === undefined || topics[0] !== transferTopic) return []
          const amount = Number(BigInt(data)) / 10 ** token.decimals
          return [{ symbol: token.symbol, amount, from: addressIn(topics[1]), to: addressIn(topics[2]) }]
        })
        for (const { symbol, amount, from, to } of moved) {
          const price = symbol === 'WETH' ? 1_773 : symbol === 'dWBTC' ? 33_930 : 1
          transfers.push({ from, to, usd: amount * price, time, block: number, sender })
          seen.add(from)
        }
        const weth = moved.find(({ symbol }) => symbol === 'WETH')
        const usdc = moved.find(({ symbol }) => symbol === 'dUSDC')
        if (weth !== undefined && usdc !== undefined && number > 4)
          swapGaps.push(Math.abs(usdc.amount / weth.amount / 1_773 - 1))
      }
    }
    const people = transfers.filter(({ from }) => !infra.has(from))
    const sentBy = Map.groupBy(people, ({ from }) => from)
    const largestIn10Minutes = (sent: typeof people) =>
      Math.max(...sent.map(({ time }) => sum(sent.filter((each) => each.time >= time - 600 && each.time <= time))))
    const over = [...sentBy].filter(([, sent]) => sum(sent) > 100_000).map(([, sent]) => sent)
    expect(new Map(over.map((sent) => [Math.round(sum(sent)), largestIn10Minutes(sent) > 100_000]))).toEqual(
      new Map([
        [105_000, false], // running-total alone
        [122_500, true], // transfer-volume
      ]),
    )
    expect(over).toHaveLength(2)
    const passedOn = people.filter(({ from, to, time, block, usd }) => {
      const received = transfers.some((each) => each.to === from && each.block < block && time - each.time <= 60)
      const isNew = !transfers.some((each) => each.block < block && (each.to === to || each.from === to))
      return usd > 10_000 && received && isNew
    })
    expect(passedOn.map(({ usd }) => usd)).toEqual([17_900]) // the other one is no longer of the chain
    expect(swapGaps.filter((gap) => gap > 0.05)).toHaveLength(2) // the whale and the arbitrage back
    expect(swapGaps.length).toBeGreaterThan(20)
    expect(swapGaps.filter((gap) => gap <= 0.05).every((gap) => gap < 0.03)).toBe(true)
  })

  test('behavior: the same seed gives the same transactions, another seed others', async () => {
    const transactionsOf = async (seed: string) => {
      const clock = quickClock(start, start + 10_000)
      const folder = await emptyFolder()
      const demo = await startDemo({ folder, seed, clock, signal: new AbortController().signal, log: () => {} })
      await clock.ended
      const rpc = rpcOf(demo)
      const hashes: string[][] = []
      for (let number = 1; number <= past.blocks + 5; number++)
        hashes.push((await rpc<{ transactions: string[] }>('eth_getBlockByNumber', hex(number), false)).transactions)
      await demo.stop()
      return hashes
    }
    const one = await transactionsOf('one')
    expect(await transactionsOf('one')).toEqual(one)
    expect(await transactionsOf('two')).not.toEqual(one)
  })

  test('behavior: stopped and started, it goes on after the same block, on the same chain', async () => {
    const folder = await emptyFolder()
    const run = async (from: number) => {
      const clock = quickClock(from, from + 20_000)
      const demo = await startDemo({ folder, clock, signal: new AbortController().signal, log: () => {} })
      const rpc = rpcOf(demo)
      const first = await rpc<{ number: string; hash: string }>('eth_getBlockByNumber', 'latest', false)
      await clock.ended
      const genesis = await rpc<{ hash: string }>('eth_getBlockByNumber', '0x0', false)
      const last = await rpc<{ number: string; hash: string }>('eth_getBlockByNumber', 'latest', false)
      const ticks: number[] = []
      await demo.priceSource.run(({ time }) => ticks.push(time), String, AbortSignal.abort())
      await demo.stop()
      return { first, last, genesis: genesis.hash, firstTick: ticks[0] }
    }
    const one = await run(start)
    const two = await run(start + 3_600_000)
    expect(two.genesis).toBe(one.genesis)
    expect(Number(two.first.number)).toBe(Number(one.last.number))
    expect(two.first.hash).toBe(one.last.hash)
    expect(Number(two.last.number)).toBeGreaterThan(Number(one.last.number))
    expect([one.firstTick, two.firstTick]).toEqual([start - past.blocks * past.blockSeconds * 1_000, start + 3_600_000])
  })

  test('behavior: after kill -9 nothing final is lost, the node is gone, and a second start goes on', async () => {
    const folder = await emptyFolder()
    const script = fileURLToPath(new URL('./run-demo.fixture.ts', import.meta.url))
    const child = spawn(process.execPath, ['--conditions=@tocsin/source', script, folder, String(start)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const said: string[] = []
    let killed = false
    for await (const chunk of child.stdout) {
      said.push(String(chunk))
      // The fixture prints every head; it is killed in the midst of its work, with no chance to save, and before the
      // staged reorg, which has a save of its own.
      if (!killed && said.join('').split('\n').length > 18) killed = child.kill('SIGKILL')
    }
    const lines = said.join('').trim().split('\n')
    const { pid } = JSON.parse(lines[0] ?? '') as { pid: number }
    // Of a number seen twice the later hash stands.
    const seenBlocks = lines.slice(1, -1).flatMap((line) => JSON.parse(line) as { number: number; hash: string }[])
    const heads = [...new Map(seenBlocks.map((block) => [block.number, block])).values()]
    const seen = seenBlocks.at(-1)
    if (seen === undefined) throw new Error('The fixture printed no head.')
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false)

    const clock = quickClock(start + 600_000, start + 620_000)
    const demo = await startDemo({ folder, clock, signal: new AbortController().signal, log: () => {} })
    onTestFinished(() => demo.stop())
    const rpc = rpcOf(demo)
    const hashOf = async (number: number) =>
      (await rpc<{ hash: string } | null>('eth_getBlockByNumber', hex(number), false))?.hash
    const kept = heads.filter(({ number }) => number <= seen.number - demoFinalityDepth)
    expect(kept.length).toBeGreaterThan(5)
    for (const { number, hash } of kept) expect(await hashOf(number), `final block ${number}`).toBe(hash)
    const lostFrom = seen.number - blocksBetweenSaves
    for (const { number, hash } of heads.filter((head) => head.number <= lostFrom))
      expect(await hashOf(number)).toBe(hash)
    await clock.ended
    expect(Number(await rpc<string>('eth_blockNumber'))).toBeGreaterThan(seen.number)
  })

  test('behavior: if the node dies, it is started again on the same port and the chain goes on', async () => {
    const clock = quickClock(start, start + 40_000)
    const lines: string[] = []
    const demo = await startDemo({
      folder: await emptyFolder(),
      clock: {
        ...clock,
        until: async (time, signal) => {
          if (time === start + 20_000) process.kill(demo.pid, 'SIGKILL')
          return clock.until(time, signal)
        },
      },
      signal: new AbortController().signal,
      log: (line) => lines.push(line),
    })
    onTestFinished(() => demo.stop())
    await clock.ended
    expect(lines.filter((line) => line.endsWith('starting it again'))).toHaveLength(1)
    expect(Number(await rpcOf(demo)<string>('eth_blockNumber'))).toBeGreaterThan(past.blocks + 12)
  })

  test('error: a folder with the chain of another seed is refused and left as it is', async () => {
    const folder = await emptyFolder()
    const signal = new AbortController().signal
    const one = await startDemo({ folder, seed: 'one', clock: quickClock(start, start), signal, log: () => {} })
    await one.stop()
    const before = await readFile(join(folder, 'chain.json.gz'))
    const two = startDemo({ folder, seed: 'two', clock: quickClock(start, start), signal, log: () => {} })
    await expect(two).rejects.toMatchObject({ code: 'DEMO_FOREIGN_CHAIN', handling: 'stop' })
    expect((await readFile(join(folder, 'chain.json.gz'))).equals(before)).toBe(true)
  })
})

const sum = (sent: readonly { readonly usd: number }[]) => sent.reduce((total, { usd }) => total + usd, 0)

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
