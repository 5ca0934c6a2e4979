import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex, Label, TokenInfo } from '@tocsin/chain-model'
import { sceneOf } from './attack.ts'
import { background } from './background.ts'
import { Chain, demoChainId, type BlockContents, type MinedBlock } from './chain.ts'
import { systemClock, type DemoClock } from './clock.ts'
import { fedAssets, foundingBlocks, foundMarket, labelList, openMarket, tokenList, type Market } from './market.ts'
import { type DemoPriceSource, priceFeed } from './price-feed.ts'
import { blockSeconds, isCalm, past, stepsAt, takenBackAt } from './schedule.ts'

export interface DemoOptions {
  /** Where the chain is kept between starts; one folder, one chain. */
  readonly folder: string
  /** Names of a world: the same seed gives the same wallets, traffic and prices. Default `tocsin`. */
  readonly seed?: string
  /** Default: the machine's clock. */
  readonly clock?: DemoClock
  /** Ends the mining; the node answers until `stop`. */
  readonly signal: AbortSignal
  /** Told what happens, a line at a time. */
  readonly log: (line: string) => void
}

/** A running demo: a node to follow, and what its followers are to know of it. */
export interface Demo {
  readonly rpcUrl: string
  readonly chainId: number
  /** Process id of anvil. */
  readonly pid: number
  /** Blocks from the head to `finalized`, which the node also answers by that tag. */
  readonly finalityDepth: number
  /** The block to follow from: all of them matter, the pools are created in the first. */
  readonly startBlock: number
  readonly tokens: readonly TokenInfo[]
  readonly labels: readonly Label[]
  /** {@link tokens} as a token list and {@link labels} as NDJSON, for an ingestor that reads files. */
  readonly tokensFile: string
  readonly labelsFile: string
  /** The price feed: from the chain's beginning if the chain is new, else from now. */
  readonly priceSource: DemoPriceSource
  /** Settles when mining has ended. Rejects if the chain could not be kept going. */
  readonly mining: Promise<void>
  /** Ends mining, saves the chain and ends the node. */
  stop(): Promise<void>
}

/** Deeper than any staged reorg and what a kill can lose together, and short enough to see alerts confirmed: 24 s. */
export const demoFinalityDepth = 12
/**
 * A `kill -9` loses at most this many blocks. Followers then see a reorg of that depth, which ends before what they
 * hold for final, because this is less than the finality depth.
 */
export const blocksBetweenSaves = 4
/** After so many blocks (about an hour) anvil is started anew from its own file: it never forgets a block header. */
const blocksBetweenRestarts = 2_048
const restartAttempts = 5

/**
 * Starts the local chain with its market, traffic and staged frauds, or goes on with the one in the folder. Resolves
 * when the node answers and the chain's past (15 minutes) is mined.
 * @throws {AnvilError} if the node cannot be started. @throws {DemoChainError} if the folder holds another seed's chain.
 */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { folder, seed = 'tocsin', clock = systemClock, log } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const genesisTime = Math.floor(clock.now() / 1_000) - past.blocks * past.blockSeconds
  const chain = await Chain.open({ folder, finalityDepth: demoFinalityDepth, genesisTime })
  try {
    const found = await chain.head()
    const isNew = found.number === 0
    if (isNew) log('local chain: a new one; deploying tokens and Uniswap pools')
    else log(`local chain: going on after block ${found.number}`)
    const genesis = found.timestamp // only read if the chain is new
    const market = isNew ? await foundMarket(chain, seed, foundingTimes(genesis)) : await openMarket(chain, seed)
    const director = new Director(market, clock, log, await chain.head())
    if (isNew) {
      await director.minePast(genesis)
      await chain.save()
    }
    log(`local chain: ${chain.rpcUrl}, chain id ${demoChainId}, block ${director.head.number}`)

    const files = await writeLists(folder, market)
    const pricesFrom = isNew ? genesis * 1_000 : clock.now()
    const mining = director.mine(signal)
    mining.catch(() => undefined) // whoever awaits it is told; nobody has to
    let stopped: Promise<void> | undefined
    const stop = async () => {
      ending.abort()
      await mining.catch(() => undefined)
      await chain.save().catch((error: unknown) => log(`local chain: not saved: ${String(error)}`))
      await chain.stop()
    }
    return {
      rpcUrl: chain.rpcUrl,
      chainId: demoChainId,
      pid: chain.pid,
      finalityDepth: demoFinalityDepth,
      startBlock: 0,
      tokens: tokenList(market),
      labels: labelList(market),
      ...files,
      priceSource: priceFeed({ seed, assets: fedAssets(market.contracts), from: pricesFrom, clock }),
      mining,
      stop: () => (stopped ??= stop()),
    }
  } catch (error) {
    await chain.stop()
    throw error
  }
}

async function writeLists(folder: string, market: Market): Promise<Pick<Demo, 'tokensFile' | 'labelsFile'>> {
  const [tokensFile, labelsFile] = [join(folder, 'tokens.json'), join(folder, 'labels.ndjson')]
  const tokens = tokenList(market).map((token) => ({ chainId: demoChainId, ...token }))
  const labels = labelList(market).map((label) => `${JSON.stringify({ chainId: demoChainId, ...label })}\n`)
  await writeFile(tokensFile, JSON.stringify({ name: 'Tocsin demo', tokens }, null, 2))
  await writeFile(labelsFile, labels.join(''))
  return { tokensFile, labelsFile }
}

const foundingTimes = (genesis: number) =>
  Array.from({ length: foundingBlocks }, (_, index) => genesis + (index + 1) * past.blockSeconds)

/** A mined block with what a reorg needs to mine it again without one incident. */
interface Mined {
  readonly contents: BlockContents
  readonly staged: readonly { readonly start: number; readonly transactions: readonly Hex[] }[]
}

/** Decides what each block holds, and mines it. */
class Director {
  readonly #market: Market
  readonly #clock: DemoClock
  readonly #log: (line: string) => void
  /** The newest blocks since the node was started: it cannot take back older ones. */
  #recent: readonly Mined[] = []
  #minedSinceRestart = 0
  head: MinedBlock

  constructor(market: Market, clock: DemoClock, log: (line: string) => void, head: MinedBlock) {
    this.#market = market
    this.#clock = clock
    this.#log = log
    this.head = head
  }

  async minePast(genesis: number): Promise<void> {
    while (this.head.number < past.blocks) await this.#mineOne(genesis + (this.head.number + 1) * past.blockSeconds)
  }

  /** A block every {@link blockSeconds}, until the signal is aborted. If the node dies it is started again. */
  async mine(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ;) {
      try {
        const due = Math.max(this.head.timestamp + blockSeconds, Math.floor(this.#clock.now() / 1_000))
        if (!(await this.#clock.until(due * 1_000, signal))) return
        await this.#mineOne(due)
        await this.#afterBlock()
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        failures++
        this.#log(`local chain: ${messageOf(error)}; starting it again`)
        if (failures === restartAttempts) throw error
        await this.#restart(failures)
      }
    }
  }

  async #afterBlock(): Promise<void> {
    const { chain } = this.#market
    const reorg = takenBackAt(this.head.number)
    if (reorg !== undefined && reorg.depth <= this.#recent.length) await this.#takeBack(reorg)
    if (this.head.number % blocksBetweenSaves !== 0 && reorg === undefined) return
    await chain.save()
    if (this.#minedSinceRestart < blocksBetweenRestarts || !isCalm(this.head.number)) return
    await this.#restart(0)
  }

  async #restart(failures: number): Promise<void> {
    if (failures > 0) await this.#clock.until(this.#clock.now() + failures * 1_000, new AbortController().signal)
    await this.#market.chain.restart()
    this.#recent = []
    this.#minedSinceRestart = 0
    this.head = await this.#market.chain.head()
  }

  async #mineOne(timestamp: number): Promise<void> {
    const { chain } = this.#market
    const block = this.head.number + 1
    const ordinary = await background(this.#market, block, timestamp * 1_000)
    const steps = stepsAt(block)
    const scenes = steps.map(({ incident, step }) => step.calls(sceneOf(this.#market, incident.attack, incident.start)))
    const signed = await chain.sign([...ordinary, ...scenes.flat()])
    let taken = ordinary.length
    const staged = steps.map(({ incident }, index) => {
      const transactions = signed.slice(taken, (taken += scenes[index]?.length ?? 0))
      return { start: incident.start, transactions }
    })
    const contents = { timestamp, transactions: signed }
    this.head = await chain.mine(contents)
    this.#minedSinceRestart++
    this.#recent = [...this.#recent, { contents, staged }].slice(-demoFinalityDepth)
    for (const { incident, step } of steps)
      if (step === incident.attack.steps.at(-1))
        this.#log(`block ${block}: staged ${incident.attack.detector}: ${incident.attack.story}`)
  }

  /** Mines the newest blocks again without the incident, and one more, so that the new branch is the longer one. */
  async #takeBack({ incident, depth }: NonNullable<ReturnType<typeof takenBackAt>>): Promise<void> {
    const { chain } = this.#market
    const innocent = this.#recent.slice(-depth).map(({ contents, staged }): Mined => {
      const guilty = new Set(
        staged.flatMap(({ start, transactions }) => (start === incident.start ? transactions : [])),
      )
      const transactions = contents.transactions.filter((signed) => !guilty.has(signed))
      return { contents: { ...contents, transactions }, staged: staged.filter(({ start }) => start !== incident.start) }
    })
    await chain.rollback(depth)
    for (const { contents } of innocent) this.head = await chain.mine(contents)
    this.#recent = [...this.#recent.slice(0, -depth), ...innocent]
    await this.#mineOne(this.head.timestamp + 1)
    this.#log(`block ${this.head.number}: a reorg of depth ${depth} took the last ${incident.attack.detector} back`)
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
