import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { transactionsTopic, type Hash } from '@tocsin/chain-model'
import { openEmbeddedLog } from '@tocsin/event-log'
import { readTo, textOf } from '@tocsin/event-log/testing'
import { seededRandom } from '@tocsin/stream-core/testing'
import { LearnedFacts } from '../decode/learned-facts.ts'
import { factTopicSpec, openFactTopic } from '../ledger/fact-topic.ts'
import { proveLedger } from '../ledger/prove-ledger.ts'
import { readResumePoint } from '../ledger/resume-point.ts'
import { systemClock } from '../rpc/clock.ts'
import { serveNode } from './serve-node.ts'
import { SimulatedChain } from './simulated-chain.ts'
import { SimulatedNode, honest, type ChainView } from './simulated-node.ts'

const child = resolve(import.meta.dirname, 'ingest-until-killed.ts')
const blocksAKill = 16
/** Before a kill of one that reads in workers: so many are there to be read far ahead. */
const blocksBehind = 150
/** As many as may be reverted: one less than what makes a block final. */
const deepestReorg = 7
const longestStartMs = 900
const longestLifeMs = 60

export interface IngestKillReport {
  /** How many processes were still there to be killed. */
  readonly hits: number
  /** How many of them had left blocks in the log since the kill before. */
  readonly wrote: number
  /** How many were killed while workers read final history. */
  readonly backfilling: number
  readonly reverted: number
  readonly blocks: number
  /** And facts of contracts. */
  readonly records: number
}

/**
 * Follows a node that serves a growing chain in a process of its own, kills it with `kill -9` at random moments, also while
 * it starts, starts it again on the same log, and at the end holds the log to one that was written in one go and block by
 * block, record by record, and what the blocks taught of contracts. Every second process is far behind and has workers that read ahead. With `reorgs` the newest
 * blocks are replaced between lives: then the logs are compared by the blocks that were not reverted. @throws {Error} they
 * differ
 */
export async function runIngestKillStorm(options: {
  readonly seed: number
  readonly kills: number
  readonly reorgs?: boolean
  readonly onKill?: (done: number) => void
}): Promise<IngestKillReport> {
  const { seed, kills, reorgs = false } = options
  const random = seededRandom(seed)
  const chain = new SimulatedChain({ chainId: 31337, realHashes: true, random, telling: true })
  const views: ChainView[] = []
  let canonical: readonly Hash[] = [chain.first.header.hash]
  const mine = (count: number) => {
    for (let left = count; left > 0; left--)
      canonical = [
        ...canonical,
        chain.mine(chain.at(canonical.at(-1) ?? chain.first.header.hash).header, 12_000).header.hash,
      ]
    views.push({ canonical, finalized: 0 })
  }
  mine((kills * blocksAKill) / 2)
  const node = new SimulatedNode({
    chain,
    abilities: {
      ...{ receipts: 'block', traces: 'none', finalizedTag: false, state: 'all', maxBatch: 1000 },
      headsPushed: false,
    },
    random,
    clock: systemClock,
    views: () => views,
  })
  node.manners = honest
  const served = await serveNode(node)
  const root = await mkdtemp(join(tmpdir(), 'ingest-kill-'))
  const [killed, calm] = [join(root, 'killed'), join(root, 'calm')]
  try {
    let [hits, wrote, backfilling, reverted, left] = [0, 0, 0, 0, 0]
    for (let kill = 0; kill < kills; kill++) {
      if (reorgs && random.integer(0, 1) === 0) {
        const depth = random.integer(1, Math.min(deepestReorg, canonical.length - 1))
        canonical = canonical.slice(0, -depth)
        reverted += depth
        mine(depth + 1)
      }
      const workers = kill % 2 === 0 ? 0 : 2
      mine(workers === 0 ? blocksAKill / 2 : blocksBehind)
      const after = random.fraction() < 0.3 ? 'start' : 'writing'
      const ms = random.integer(0, after === 'start' ? longestStartMs : longestLifeMs)
      if (await live([killed, served.httpUrl, '1000000000', String(workers)], { after, ms })) hits++
      const blocks = after === 'writing' ? await blocksIn(killed) : left
      if (blocks > left) wrote++
      if (blocks > left && workers > 0) backfilling++
      left = blocks
      options.onKill?.(kill + 1)
    }
    const head = String(canonical.length - 1)
    await live([killed, served.httpUrl, head, '2'])
    await live([calm, served.httpUrl, head, '0'])
    const look = reorgs ? canonicalRecords : (records: readonly string[]) => records
    const [found, expected] = await Promise.all(
      [killed, calm].map(async (folder) => [...look(await recordsIn(folder)), ...(await factsIn(folder))]),
    )
    if (found === undefined || expected === undefined) throw new Error('assertion: two logs')
    const at = expected.findIndex((record, index) => record !== found[index])
    if (at !== -1 || found.length !== expected.length)
      throw new Error(
        `SEED=${seed}: ${found.length} records, not ${expected.length}; they differ from ${at} on; see ${root}`,
      )
    await rm(root, { recursive: true, force: true }) // what differs stays there to be looked at
    return { hits, wrote, backfilling, reverted, blocks: canonical.length - 1, records: expected.length }
  } finally {
    await served.close()
  }
}

/** The records of the blocks that were not reverted, without their place in the ledger, which counts the others too. */
function canonicalRecords(records: readonly string[]): readonly string[] {
  const blocks: string[][] = []
  let pending: string[] = []
  for (const record of records) {
    if (record.startsWith('{"type":"reverted"')) blocks.pop()
    else if (!record.startsWith('{"type":"finalized"')) pending.push(record.replace(/"sequence":\d+/, ''))
    if (!record.startsWith('{"type":"sealed"')) continue
    blocks.push(pending)
    pending = []
  }
  return [...blocks.flat(), ...pending]
}

/** Runs the process to its end, or kills it. @returns whether it was killed */
const live = (
  args: readonly string[],
  kill?: { readonly after: 'start' | 'writing'; readonly ms: number },
): Promise<boolean> =>
  new Promise((ended, failed) => {
    const running = spawn(process.execPath, ['--conditions=@tocsin/source', child, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const killSoon = () => setTimeout(() => running.kill('SIGKILL'), kill?.ms)
    if (kill?.after === 'start') killSoon()
    if (kill?.after === 'writing') running.stdout.once('data', killSoon)
    let errors = ''
    running.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    running.on('exit', (code, signal) => {
      if (code !== 0 && signal !== 'SIGKILL') failed(new Error(`The process failed: ${errors}`))
      else ended(signal === 'SIGKILL')
    })
  })

async function blocksIn(folder: string): Promise<number> {
  const log = await openEmbeddedLog(folder)
  try {
    return (await readResumePoint(log, 'kill', 31337)).nextSequence
  } finally {
    await log.close()
  }
}

/** What the blocks have taught, as a start would read it. */
async function factsIn(folder: string): Promise<readonly string[]> {
  const log = await openEmbeddedLog(folder)
  try {
    const learned = new LearnedFacts()
    await openFactTopic(log, factTopicSpec('kill', 31337), learned)
    return learned
      .histories()
      .map((history) => JSON.stringify(history))
      .sort()
  } finally {
    await log.close()
  }
}

async function recordsIn(folder: string): Promise<readonly string[]> {
  const log = await openEmbeddedLog(folder)
  try {
    const { faults } = await proveLedger(
      log,
      { prefix: 'kill', chainId: 31337 },
      { signal: new AbortController().signal },
    )
    if (faults.length > 0) throw new Error(`the ledger in ${folder} does not hold: ${JSON.stringify(faults[0])}`)
    const at = { topic: transactionsTopic('kill', 31337), partition: 0 }
    const { end } = await log.offsets(at)
    return (await readTo(log, { ...at, offset: 0 }, end)).map(textOf)
  } finally {
    await log.close()
  }
}
