import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { AlertJson } from '@tocsin/alerts-api'
import { openTestChain, type TestChain } from '@tocsin/demo'
import { writeChainFiles } from '../pipeline/chain-files.ts'
import { openFlakyNode, outages, type FlakyNode } from './flaky-node.ts'
import { nextBlock, parameters, wallets } from './fraud-traffic.ts'
import { readLogLeft, verifyCanonical, verifyLifecycle, type LogLeft } from './log-laws.ts'
import { alertsOver, getJson, startOn, transitionsOver, workLeft, type RestartedTocsin } from './restarted-tocsin.ts'
import { seededRandom, type SeededRandom } from '@tocsin/stream-core/testing'
import { openWebhookReceiver, transitionsReceived } from './webhook-receiver.ts'

/** What a storm was made of, and what came out. */
export interface StormReport {
  readonly seed: number
  readonly events: readonly string[]
  readonly alerts: number
  readonly retracted: number
  readonly transitions: number
}

/** A promise was broken. The message holds the seed, the events and what the process said. */
export class StormError extends Error {
  constructor(seed: number, events: readonly string[], output: string, options: ErrorOptions) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(`SEED=${seed}: ${why}\nEvents: ${events.join(', ')}\nIt said:\n${output}`, options)
  }
}

const finalityDepth = 16
const settleDeadlineMs = 150_000

/**
 * One storm over the real `tocsin start`: blocks with frauds, reorgs, `kill -9` of it and of its PostgreSQL, a node that
 * goes away, all decided by the seed (when the process is hit within its work is the machine's). Then the chain calms
 * down, becomes final, and what is left must be what a fresh run finds that saw the final chain only.
 * @throws {StormError}
 */
export async function runStorm(seed: number, steps: number): Promise<StormReport> {
  const random = seededRandom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-storm-'))
  await chmod(folder, 0o755) // PostgreSQL may run as another user, and its data shall be here
  const chain = await openTestChain({ folder: join(folder, 'chain'), wallets, finalityDepth })
  const node = await openFlakyNode(chain.rpcUrl)
  const receiver = await openWebhookReceiver(seededRandom(seed + 1))
  const files = await writeChainFiles(chain, folder)
  const settings = [
    ...['--from', '0', '--finality-depth', String(finalityDepth), '--poll-interval', '20 ms'],
    ...['--request-timeout', '1 s', '--checkpoint-interval', '200 ms', '--webhook-timeout', '5 s'],
    ...['--prices', files.prices, '--tokens', files.tokens, '--labels', files.labels, '--allow-private-webhooks'],
    ...parameters.flatMap((parameter) => ['--param', parameter]),
  ]
  const events: string[] = []
  await mkdir(join(folder, 'stormy'))
  const stormy = startOn(join(folder, 'stormy'), ['--rpc', node.url, ...settings])
  let calm: RestartedTocsin | undefined
  try {
    const body = JSON.stringify({ url: receiver.url })
    const headers = { 'content-type': 'application/json' }
    await getJson(`${await stormy.url()}/api/webhooks`, { method: 'POST', headers, body })

    await blow({ chain, node, tocsin: stormy, random, events }, steps)
    const head = await calmDown(chain)
    const found = await settledAlerts(stormy, head)
    const transitions = await historiesOver(stormy, found)
    await stormy.stop()
    const log = await readLogLeft(join(folder, 'stormy', 'log'), chain.chainId)

    await mkdir(join(folder, 'calm'))
    calm = startOn(join(folder, 'calm'), ['--rpc', chain.rpcUrl, ...settings])
    const expected = await settledAlerts(calm, head)
    await calm.stop()
    const calmLog = await readLogLeft(join(folder, 'calm', 'log'), chain.chainId)

    await verifyCanonical(log, chain)
    assert.deepEqual(recordsOf(log), recordsOf(calmLog), 'the records of the final chain')
    assert.deepEqual(confirmed(found), confirmed(expected), 'the confirmed alerts')
    for (const { id, status } of found.values())
      assert.ok(status === 'confirmed' || status === 'retracted', `alert ${id} stands at ${status}`)
    const received = transitionsReceived(receiver.arrivals)
    assert.deepEqual(historyOf(received), transitions, 'the transitions at the webhook receiver and over REST')
    assert.deepEqual(historyOf(log.alerts), transitions, 'the transitions in the log and over REST')
    await rm(folder, { recursive: true, force: true })
    return {
      seed,
      events,
      alerts: found.size,
      retracted: [...found.values()].filter(({ status }) => status === 'retracted').length,
      transitions: [...received.values()].reduce((sum, { length }) => sum + length, 0),
    }
  } catch (cause) {
    await writeFile(join(folder, 'output.txt'), stormy.output())
    events.push(`kept in ${folder}`)
    throw new StormError(seed, events, (calm ?? stormy).output().slice(-4_000), { cause })
  } finally {
    await stormy.abandon()
    await calm?.abandon()
    receiver.stop()
    node.stop()
    await chain.stop()
  }
}

interface Weather {
  readonly chain: TestChain
  readonly node: FlakyNode
  readonly tocsin: RestartedTocsin
  readonly random: SeededRandom
  readonly events: string[]
}

async function blow({ chain, node, tocsin, random, events }: Weather, steps: number): Promise<void> {
  // The wallets' money stays.
  const founded = (await chain.chain.head()).number
  let highest = founded
  const mine = async (blocks: number) => {
    for (let n = 0; n < blocks; n++)
      highest = Math.max(highest, (await chain.mine(await nextBlock(chain, random))).number)
  }
  let back: Promise<void> = Promise.resolve()
  for (let step = 0; step < steps; step++) {
    tocsin.assertRunning()
    const dice = random.fraction()
    if (dice < 0.4) {
      const blocks = random.integer(1, 5)
      events.push(`mine ${blocks}`)
      await mine(blocks)
    } else if (dice < 0.65) {
      // What a follower may have called final stays; a second reorg may take the new branch back too.
      const { number } = await chain.chain.head()
      const deepest = number - Math.max(founded, highest - (finalityDepth - 1))
      if (deepest < 1) continue
      const depth = random.fraction() < 0.5 ? random.integer(1, Math.min(3, deepest)) : random.integer(1, deepest)
      const blocks = random.integer(0, depth + 2)
      events.push(`reorg ${depth} for ${blocks}`)
      await chain.chain.rollback(depth)
      await mine(blocks)
    } else if (dice < 0.74) {
      events.push('kill -9')
      await tocsin.killAndRestart()
    } else if (dice < 0.8) {
      events.push((await tocsin.killPostgres()) ? 'kill -9 postgres' : 'no postgres')
    } else if (dice < 0.88) {
      const kind = random.oneOf(outages)
      const ms = random.integer(100, 2_500)
      events.push(`node ${kind} ${ms} ms`)
      await back
      node.fail(kind)
      back = delay(ms).then(() => node.recover())
    } else if (dice < 0.95) {
      events.push('until ready')
      await tocsin.url()
    }
    // The storm's own pace: it hits whatever is under way then.
    await delay(random.integer(0, 400))
  }
  await back
  tocsin.assertRunning()
}

/** Mines past every window, then so deep that all of it is final. @returns the head. */
async function calmDown(chain: TestChain): Promise<number> {
  const { timestamp } = await chain.chain.head()
  await chain.mine({ timestamp: timestamp + 3_600 })
  // One more than the depth twice over: the newest branch outgrows any that was seen before.
  for (let n = 0; n <= 2 * finalityDepth; n++) await chain.mine()
  return (await chain.chain.head()).number
}

async function settledAlerts(tocsin: RestartedTocsin, head: number): Promise<ReadonlyMap<string, AlertJson>> {
  const deadline = Date.now() + settleDeadlineMs
  let before = ''
  for (let waits = 'it is not ready'; ;) {
    tocsin.assertRunning()
    if (Date.now() > deadline) throw new Error(`Not settled within ${settleDeadlineMs} ms: ${waits}`)
    const url = await tocsin.url()
    try {
      const { left, stored } = await workLeft(url, head)
      // Twice the same: the detector tells where its inputs end a moment late.
      if (left === '' && before === stored) return await alertsOver(url)
      before = left === '' ? stored : ''
      waits = left
    } catch (error) {
      waits = error instanceof Error ? error.message : String(error) // its PostgreSQL is away
    }
    await delay(250)
  }
}

async function historiesOver(tocsin: RestartedTocsin, alerts: ReadonlyMap<string, AlertJson>) {
  const url = await tocsin.url()
  const histories = new Map<string, readonly AlertJson[]>()
  for (const id of alerts.keys()) {
    const transitions = await transitionsOver(url, id)
    verifyLifecycle(id, transitions)
    histories.set(id, transitions)
  }
  return historyOf(histories)
}

/** Each alert's revisions and statuses, by id. */
const historyOf = (alerts: ReadonlyMap<string, readonly { readonly revision: number; readonly status: string }[]>) =>
  Object.fromEntries(
    [...alerts.entries()]
      .map(([id, transitions]) => [id, transitions.map(({ revision, status }) => `${revision} ${status}`)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )

const recordsOf = ({ blocks }: LogLeft) => blocks.flatMap(({ transactions }) => transactions)

/** The confirmed alerts without what tells how often each was taken back and found again. */
const confirmed = (alerts: ReadonlyMap<string, AlertJson>) =>
  [...alerts.values()]
    .filter(({ status }) => status === 'confirmed')
    .map(({ revision: _, ...alert }) => alert)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
