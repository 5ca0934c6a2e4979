import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CountCluster, type CountClusterOptions, type CountProcess } from './count-cluster.ts'
import { originOf, sharedKafkaBroker } from './shared-broker.ts'

const broker = await sharedKafkaBroker()
const patience = { timeout: 60_000, interval: 20 }

let cluster: CountCluster | null = null
afterEach(async () => {
  await cluster?.close()
  cluster = null
})
const openCluster = async (of: Omit<CountClusterOptions, 'bootstrap' | 'name'>) => {
  if ('missing' in broker) throw new Error('assertion: there is a broker')
  cluster = await CountCluster.open({ bootstrap: broker.bootstrap, name: `count-${randomUUID()}`, ...of })
  return cluster
}

/** Feeds until `work` is over. */
const underLoad = async (on: CountCluster, work: () => Promise<void>): Promise<void> => {
  const over = new AbortController()
  const feeding = (async () => {
    for (let tick = 0; !over.signal.aborted; tick += 1) {
      await on.feed(Array.from({ length: 20 }, (_, index) => (tick * 7 + index * 13) % 500))
      await wait(10)
    }
  })()
  await work().finally(() => over.abort())
  await feeding
}
const ownedBy = (processes: readonly CountProcess[]) =>
  processes.map((one) => one.owned().length).toSorted((a, b) => a - b)
const owns = async (processes: readonly CountProcess[], counts: readonly number[]) => {
  await vi.waitFor(() => {
    for (const one of processes) expect(one.errors()).toBe('')
    expect(ownedBy(processes)).toEqual(counts)
    expect(new Set(processes.flatMap((one) => one.owned())).size).toBe(4)
  }, patience)
}
const allIsTold = async (on: CountCluster) => {
  await vi.waitFor(() => expect(on.isComplete).toBe(true), patience)
  expect(on.differences()).toEqual([])
}

describe.skipIf('missing' in broker)(`openShardedJob, ${originOf(broker)}`, () => {
  test('behavior: from one process to four and to two under load, with the result of an undisturbed run', async () => {
    const count = await openCluster({ shards: 4 })
    await underLoad(count, async () => {
      const first = count.start()
      await owns([first], [4])
      const four = [first, count.start(), count.start(), count.start()]
      await owns(four, [1, 1, 1, 1])
      const [, second, ...leaving] = four
      for (const one of leaving) one.child.kill('SIGTERM')
      for (const one of leaving) expect(await one.exited).toEqual({ code: 0, signal: null })
      if (second !== undefined) await owns([first, second], [2, 2])
    })
    await allIsTold(count)
  }, 120_000)

  test('behavior: after kill -9 the standby goes on from its copy, with nothing lost and nothing twice', async () => {
    const count = await openCluster({ shards: 4, sessionTimeoutMs: 2000 })
    await underLoad(count, async () => {
      const two = [count.start(), count.start()] as const
      await owns(two, [2, 2])
      await vi.waitFor(() => expect(two.map((one) => one.ready().length)).toEqual([2, 2]), patience)
      const [dying, survivor] = two
      const taken = survivor.events.length
      dying.child.kill('SIGKILL')
      await owns([survivor], [4])
      const takeovers = survivor.events.slice(taken).filter(({ type }) => type === 'taken')
      expect(takeovers).toMatchObject([{ fromStandby: true }, { fromStandby: true }])
    })
    await allIsTold(count)
  }, 120_000)

  test('behavior: a process that was stopped and goes on is fenced, stops its shards, and joins anew', async () => {
    const count = await openCluster({ shards: 4, sessionTimeoutMs: 1500 })
    await underLoad(count, async () => {
      const two = [count.start(), count.start()] as const
      await owns(two, [2, 2])
      const [zombie, survivor] = two
      zombie.child.kill('SIGSTOP')
      await vi.waitFor(() => expect(survivor.owned()).toHaveLength(4), patience)
      zombie.child.kill('SIGCONT')
      await vi.waitFor(() => expect(zombie.events.map(({ type }) => type)).toContain('lost'), patience)
      await owns(two, [2, 2])
      expect(zombie.child.exitCode).toBe(null)
    })
    await allIsTold(count)
  }, 120_000)
})
