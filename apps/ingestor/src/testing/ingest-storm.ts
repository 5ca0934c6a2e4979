import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import {
  transactionsCodec,
  transactionsTopic,
  type ChainTransaction,
  type Hash,
  type TransactionsRecord,
} from '@tocsin/chain-model'
import type { EventLog } from '@tocsin/event-log'
import { openSimulatedLog, type AppendFate, type SimulatedLog } from '@tocsin/event-log/testing'
import { seededRandom, type SeededRandom, type VirtualTime } from '@tocsin/stream-core/testing'
import { blockDecoder } from '../decode/decode-block.ts'
import { LearnedFacts } from '../decode/learned-facts.ts'
import { chainFacts } from '../knowledge/chains.ts'
import { sourceReader } from '../ledger/block-reader.ts'
import { followChain } from '../ledger/follow.ts'
import { liveDecoder } from '../live-decoder.ts'
import type { Clock } from '../rpc/clock.ts'
import { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import type { RpcTransport } from '../rpc/rpc-transport.ts'
import type { ChainSource } from '../sources/chain-source.ts'
import { jsonRpcSource, type EndpointSource } from '../sources/json-rpc-source.ts'
import { asObject } from '../sources/parse-block.ts'
import { pooledSource } from '../sources/pooled-source.ts'
import { recordedBlock, SimulatedChain } from './simulated-chain.ts'
import { honest, SimulatedNode, type ChainView, type Manners } from './simulated-node.ts'
import { virtualClock } from './virtual-clock.ts'

/** A fault of ours, planted for a run: what the follower is given is wrapped. */
export interface Defect {
  readonly name: string
  readonly endpoint?: (source: EndpointSource) => EndpointSource
  readonly source?: (source: ChainSource) => ChainSource
  readonly log?: (log: EventLog) => EventLog
  /** The wait for news never ends by itself. */
  readonly neverPolls?: boolean
}

/** What came of a storm that held. */
export interface StormReport {
  readonly blocks: number
  readonly reverted: number
  readonly deepest: number
  readonly virtualSeconds: number
  /** Misbehaviours met, by kind, and what else happened. */
  readonly met: ReadonlyMap<string, number>
}

/** The log is not the canonical chain, or the follower ended or hung. */
export class BrokenIngestError extends Error {
  constructor(seed: number, reason: string, options?: ErrorOptions) {
    super(`SEED=${seed}: ${reason}`, options)
  }
}

export interface StormOptions {
  readonly defect?: Defect
  /** In place of the transport within the process: real sockets, and then a real clock, which is `clock`. */
  readonly serve?: (node: SimulatedNode) => Promise<RpcTransport>
  readonly clock?: Clock
  /** How far apart blocks are, in place of the seed's choice. */
  readonly blockMs?: number
}

const prefix = 'storm'
const longestVirtualMs = 6 * 3_600_000
const maxEvents = 400_000
const pollIntervalMs = 4_000

/** One run of the follower over simulated nodes, decided by the seed. @throws {BrokenIngestError} a law is broken */
export async function runIngestStorm(seed: number, options: StormOptions = {}): Promise<StormReport> {
  const random = seededRandom(seed)
  const { clock, time } = options.clock === undefined ? virtualClock() : { clock: options.clock, time: undefined }
  const world = new World(random, clock, options.blockMs)
  const nodes = Array.from({ length: random.integer(1, 3) }, () => world.node())
  const log = new Restarting(random)
  const over = new AbortController()
  const events = new Map<string, number>()
  const met = (what: string) => events.set(what, (events.get(what) ?? 0) + 1)
  const following = follow(seed, world, nodes, log, options, met, over.signal)
  let ended: Error | undefined
  following.catch((error: Error) => {
    ended = error
  })
  const storm = async () => {
    for (const node of nodes) node.manners = world.manners()
    await world.rage(nodes, over.signal)
    for (const node of nodes) node.manners = honest
    log.calm()
    // A branch that came back often must lead by up to 64 blocks, where nobody else confirms it.
    // Each may take longer than the follower waits between two looks; on a real clock it is over as soon as it can be.
    const [looks, lookMs] = time === undefined ? [60, 100] : [4, 5_000]
    for (let block = 0; block < 100; block++) {
      await world.grow(nodes, over.signal)
      for (let look = 0; look < looks; look++) {
        await clock.wait(lookMs, over.signal)
        if (log.newest === world.canonical.at(-1)) return
      }
    }
    throw new BrokenIngestError(
      seed,
      `in a calm of 100 blocks the log came only to ${log.newest}, the chain to ${world.canonical.at(-1)}`,
    )
  }
  let isOver = false
  const running = storm()
  const ends = () => {
    isOver = true
  }
  running.then(ends, ends)
  await waitUntil(time, () => isOver || ended !== undefined)
  try {
    if (ended !== undefined) throw new BrokenIngestError(seed, `the follower ended: ${String(ended)}`, { cause: ended })
    if (!isOver)
      throw new BrokenIngestError(seed, `nothing more happens, or too much: ${time?.events} events, ${time?.now} ms`)
    await running
  } finally {
    over.abort()
    await settle(time, Promise.allSettled([following, running]))
  }
  const report = world.check(seed, log.records)
  for (const node of nodes) for (const [kind, times] of node.met) events.set(kind, (events.get(kind) ?? 0) + times)
  return { ...report, virtualSeconds: Math.round(clock.now() / 1000), met: events }
}

const waitUntil = async (time: VirtualTime | undefined, holds: () => boolean): Promise<void> => {
  if (time !== undefined) {
    await time.runUntil(() => holds() || time.now > longestVirtualMs, maxEvents)
    return
  }
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function settle(time: VirtualTime | undefined, work: Promise<unknown>): Promise<void> {
  let isOver = false
  const watched = work.then(() => {
    isOver = true
  })
  await waitUntil(time, () => isOver)
  await watched
}

/** The chain, its nodes and what happens to them. */
class World {
  readonly chain: SimulatedChain
  readonly #random: SeededRandom
  readonly #clock: Clock
  readonly #views: ChainView[] = []
  readonly #blockMs: number
  /** So many blocks under the highest head ever nothing changes any more. */
  readonly finalityDepth: number
  readonly from: number
  readonly #deepestReorg: number
  readonly #withTag: boolean
  #highest = 0
  #finalized: number
  canonical: Hash[]

  constructor(random: SeededRandom, clock: Clock, blockMs?: number) {
    this.#random = random
    this.#clock = clock
    const isRecorded = random.integer(1, 40) === 1
    const realHashes = isRecorded || random.integer(1, 8) === 1
    this.chain = new SimulatedChain({
      chainId: isRecorded ? 1 : 31337,
      realHashes,
      random,
      telling: true,
      ...(isRecorded ? { first: recorded() } : {}),
    })
    const { header } = this.chain.first
    this.canonical = [header.hash]
    this.#finalized = header.number
    this.#highest = header.number
    const chosen = random.oneOf([250, 1000, 2000, 12_000])
    this.#blockMs = blockMs ?? chosen
    this.#deepestReorg = random.integer(1, 5) === 1 ? 64 : random.integer(1, 8)
    this.finalityDepth = this.#deepestReorg + random.integer(1, 16)
    this.#withTag = random.integer(0, 1) === 1
    this.#mine(random.integer(3, this.#deepestReorg + 10))
    const head = header.number + this.canonical.length - 1
    this.from = random.oneOf([
      isRecorded ? header.number : header.number + 1,
      random.integer(header.number + 1, head + 4),
    ])
  }

  get tagDepth(): number | null {
    return this.#withTag ? null : this.finalityDepth
  }

  node(): SimulatedNode {
    const random = this.#random
    return new SimulatedNode({
      chain: this.chain,
      abilities: {
        receipts: random.oneOf(['block', 'block', 'each', 'logs']),
        traces: random.oneOf(['trace_block', 'debug', 'none']),
        finalizedTag: this.#withTag,
        state: 'all',
        maxBatch: random.oneOf([1, 3, 20, 1000]),
        headsPushed: random.integer(0, 1) === 1,
      },
      random,
      clock: this.#clock,
      views: () => this.#views,
    })
  }

  /** From well-behaved to dreadful. */
  manners(): Manners {
    const random = this.#random
    const worst = random.oneOf([0, 0.02, 0.05, 0.15])
    const chance = () => (random.integer(0, 2) === 0 ? random.fraction() * worst : 0)
    return {
      stale: random.integer(0, 2) === 0 ? random.fraction() * random.oneOf([0.1, 0.5]) : 0,
      nothing: chance(),
      lie: chance(),
      error: chance(),
      garbage: chance(),
      truncated: chance(),
      limited: chance() / 4,
      down: chance(),
      hang: chance() / 2,
      drop: chance(),
      slow: chance(),
    }
  }

  async rage(nodes: readonly SimulatedNode[], signal: AbortSignal): Promise<void> {
    const random = this.#random
    for (let left = random.integer(10, 30); left > 0; left--) {
      await this.#clock.wait(this.#blockMs * random.oneOf([0, 1, 1, 2, 10]), signal)
      const canRevert = Math.min(this.#deepestReorg, this.canonical.length - 1, this.#head() - this.#floor())
      if (random.integer(0, 4) === 0 && canRevert > 0) {
        const depth = random.integer(0, 3) === 0 ? canRevert : random.integer(1, canRevert)
        this.canonical.splice(this.canonical.length - depth)
        // Shorter branches, of the same length and longer ones.
        this.#mine(Math.max(1, depth + random.integer(-1, 2)))
      } else this.#mine(random.oneOf([1, 1, 1, 2, 5]))
      this.#announce(nodes, signal)
    }
  }

  async grow(nodes: readonly SimulatedNode[], signal: AbortSignal): Promise<void> {
    await this.#clock.wait(this.#blockMs / 10, signal)
    this.#mine(Math.max(1, this.#highest + 1 - this.#head()))
    this.#announce(nodes, signal)
  }

  /** Folds the log as a reader does and holds each promise of it. */
  check(seed: number, records: readonly TransactionsRecord[]): Pick<StormReport, 'blocks' | 'reverted' | 'deepest'> {
    const law = (holds: boolean, reason: () => string) => {
      if (!holds) throw new BrokenIngestError(seed, reason())
    }
    const learned = new LearnedFacts()
    const decoder = blockDecoder(chainFacts(this.chain.chainId), { tokens: [], labels: [], abis: [] }, learned)
    const chain: Hash[] = []
    const numbers: number[] = []
    const finals: Hash[] = []
    let pending: ChainTransaction[] = []
    let [sequence, final, reverted, deepest, depth] = [0, -1, 0, 0, 0]
    for (const record of records) {
      if (record.type === 'transaction') pending.push(record)
      if (record.type === 'sealed' || record.type === 'reverted') {
        law(record.sequence === sequence, () => `sequence ${sequence} is followed by ${record.sequence}`)
        sequence++
      }
      if (record.type === 'sealed') {
        const { hash, parentHash, number } = record.block
        const truth = hash === null ? undefined : this.chain.blocks.get(hash)?.header
        law(truth !== undefined, () => `block ${number} ${hash} was never mined`)
        if (hash === null || truth === undefined) continue
        law(
          truth.parentHash === parentHash && truth.number === number && truth.timestamp === record.block.timestamp,
          () => `the header of block ${number} is changed`,
        )
        if (chain.length > 0)
          law(parentHash === chain.at(-1), () => `block ${number} is not on block ${numbers.at(-1)} in the log`)
        else law(number === this.from, () => `the log begins with block ${number}, not ${this.from}`)
        learned.rewind(number)
        const expected = decoder.decode(this.chain.truth(hash)).transactions
        law(
          record.transactions === expected.length && pending.length === expected.length,
          () => `block ${number} has ${pending.length} of ${expected.length} transactions`,
        )
        for (const [at, tx] of pending.entries()) {
          const other = expected[at]
          law(
            other !== undefined && textOf(tx) === textOf(likeness(other, tx)),
            () => `transaction ${at} of block ${number} is changed`,
          )
        }
        pending = []
        chain.push(hash)
        numbers.push(number)
        depth = 0
      }
      if (record.type === 'reverted') {
        law(pending.length === 0, () => 'transactions stand before a revert')
        law(chain.pop() === record.block.hash, () => `block ${record.block.number} is reverted and is not the newest`)
        numbers.pop()
        law(record.block.number > final, () => `block ${record.block.number} is reverted and was final`)
        reverted++
        deepest = Math.max(deepest, ++depth)
      }
      if (record.type === 'finalized') {
        const { hash, number } = record.block
        law(hash !== null && chain.includes(hash), () => `block ${number} is final and not in the log`)
        law(number > final, () => `block ${number} is final after ${final}`)
        final = number
        if (hash !== null) finals.push(hash)
      }
    }
    law(pending.length === 0, () => 'the log ends within a block')
    const canonical = this.canonical.slice(this.from - this.chain.first.header.number)
    law(
      chain.join() === canonical.join(),
      () => `the log holds ${chain.length} blocks, the chain ${canonical.length}, and they are not the same`,
    )
    const isCanonical = new Set<Hash>(canonical)
    for (const hash of finals) law(isCanonical.has(hash), () => `${hash} is final and not on the chain`)
    return { blocks: chain.length, reverted, deepest }
  }

  #head(): number {
    return this.chain.first.header.number + this.canonical.length - 1
  }

  #floor(): number {
    return Math.max(this.chain.first.header.number, this.#highest - this.finalityDepth)
  }

  #mine(count: number): void {
    for (let left = count; left > 0; left--) {
      const parent = this.chain.at(this.canonical.at(-1) ?? this.chain.first.header.hash).header
      const mined = this.chain.mine(parent, this.#blockMs * this.#random.oneOf([1, 1, 1, 3]))
      this.canonical = [...this.canonical, mined.header.hash]
    }
    this.#highest = Math.max(this.#highest, this.#head())
    this.#finalized = Math.max(this.#finalized, Math.min(this.#floor(), this.#head()))
    this.#views.push({ canonical: this.canonical, finalized: this.#finalized })
  }

  #announce(nodes: readonly SimulatedNode[], signal: AbortSignal): void {
    const head = this.chain.at(this.canonical.at(-1) ?? this.chain.first.header.hash).block
    for (const node of nodes) node.announce(head, signal).catch(() => {})
  }
}

/** What a node without traces or receipts cannot know is taken over; all else must be equal. */
function likeness(expected: ChainTransaction, found: ChainTransaction): ChainTransaction {
  const { calls, actors } = found
  const untraced =
    found.frames === null ? { frames: null, calls, actors, known: { ...expected.known, frames: false } } : {}
  const unknown =
    found.gasUsed === null
      ? {
          gasUsed: null,
          effectiveGasPrice: null,
          contractAddress: null,
          status: found.status === 'unknown' ? found.status : expected.status,
        }
      : {}
  return { ...expected, ...untraced, ...unknown }
}

const textOf = (tx: ChainTransaction) => Buffer.from(transactionsCodec.encode(tx)).toString()

const fixture = fileURLToPath(new URL('../../fixtures/block-4370006.json.gz', import.meta.url))
let read: ReturnType<typeof recordedBlock> | undefined
const recorded = () =>
  (read ??= recordedBlock(asObject(JSON.parse(gunzipSync(readFileSync(fixture)).toString()), 'recorded')))

/** A log whose appends may fail, and whose process may end at any append. */
class Restarting {
  #log: SimulatedLog = openSimulatedLog()
  #isCalm = false
  readonly #random: SeededRandom
  readonly #unlucky: number

  constructor(random: SeededRandom) {
    this.#random = random
    this.#unlucky = random.oneOf([0, 0, 0.02, 0.1])
  }

  calm(): void {
    this.#isCalm = true
  }

  /** As a new process finds it. */
  open(crash: () => void): SimulatedLog {
    this.#log = this.#log.reopen()
    this.#log.decideAppends((): AppendFate => {
      if (this.#isCalm || this.#random.fraction() >= this.#unlucky) return 'committed'
      if (this.#random.integer(0, 3) === 0) crash()
      return this.#random.oneOf(['full', 'commit-unknown', 'lost', 'committed'])
    })
    return this.#log
  }

  get records(): readonly TransactionsRecord[] {
    return this.#values().map((value) => transactionsCodec.decode(value))
  }

  /** The newest block that was sealed last, if nothing was reverted after it. */
  get newest(): string | null {
    const last = this.#values().findLast((value) =>
      /^\{"type":"(?:sealed|reverted)"/.test(Buffer.from(value).toString('utf8', 0, 20)),
    )
    if (last === undefined) return null
    const record = transactionsCodec.decode(last)
    return record.type === 'sealed' ? record.block.hash : null
  }

  #values(): readonly Uint8Array[] {
    for (const chainId of [31337, 1]) {
      try {
        return this.#log.records({ topic: transactionsTopic(prefix, chainId), partition: 0 }).map(({ value }) => value)
      } catch {
        continue // the other chain's, or none is there yet
      }
    }
    return []
  }
}

/** The ingestor's part, as a process that is started again whenever it crashes. */
async function follow(
  seed: number,
  world: World,
  nodes: readonly SimulatedNode[],
  log: Restarting,
  options: StormOptions,
  met: (what: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { defect = { name: 'none' } } = options
  const clock = nodes[0]?.clock
  if (clock === undefined) throw new Error('assertion: there is a node')
  const random = seededRandom(seed + 1)
  const { chain } = world
  while (!signal.aborted) {
    const process = new AbortController()
    const alive = AbortSignal.any([signal, process.signal])
    const opened = log.open(() => {
      met('crash')
      process.abort()
    })
    const sources = await Promise.all(
      nodes.map(async (node, at): Promise<EndpointSource> => {
        const transport = options.serve === undefined ? node.transport() : await options.serve(node)
        const endpoint = new RpcEndpoint({ name: `node ${at + 1}`, transport, requestTimeoutMs: 2_000, clock })
        const source = jsonRpcSource({
          endpoint,
          chainId: chain.chainId,
          finalizedTag: world.tagDepth === null,
          traces: 'auto',
          verifyHashes: chain.realHashes,
        })
        return defect.endpoint?.(source) ?? source
      }),
    )
    const [first, ...others] = sources
    if (first === undefined) throw new Error('assertion: there is a node')
    const pool = pooledSource({
      chainId: chain.chainId,
      sources: [first, ...others],
      clock,
      observe: { hedged: () => met('hedged'), quarantined: (_, is) => met(is ? 'quarantined' : 'released') },
    })
    const source = defect.source?.(pool) ?? pool
    // Answers are not what is tried here: what blocks teach by themselves is.
    const decoder = liveDecoder({ ...source, call: async () => undefined }, { tokens: [], labels: [], abis: [] })
    const blocks = sourceReader(source, decoder.decode)
    try {
      await followChain(
        {
          prefix,
          from: world.from,
          to: null,
          finalityDepth: world.tagDepth,
          fallbackFinalityDepth: 80,
          pollIntervalMs,
          ...{ spans: { maxLiveBlocks: random.integer(1, 8), maxBackfillBlocks: 32, minBackfillBlocks: 4 } },
          window: { maxBlocks: random.integer(1, 8), maxBytes: 1 << 20 },
        },
        {
          source,
          log: defect.log?.(opened) ?? opened,
          learned: decoder.learned,
          blocks,
          backfill: {
            ...blocks,
            read: (header, within) => {
              met('read far ahead')
              return blocks.read(header, within)
            },
          },
          observe: {
            looked: () => {},
            appended: () => {},
            finalized: () => met('finalized'),
            failed: (error) => met(error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'),
            quarantined: () => {},
            noFinalizedTag: () => {},
            awaitsFinality: () => {},
            startsLater: () => met('starts later'),
          },
          wait: (ms, within) =>
            clock.wait(defect.neverPolls === true && ms === pollIntervalMs ? longestVirtualMs : ms, within),
          backOffMs: (attempt) => Math.min(15_000, 200 * 2 ** (attempt - 2)),
        },
        alive,
      )
    } catch (error) {
      if (!alive.aborted) throw error
    } finally {
      await pool.close()
    }
  }
}
