import { CommitUnknownError, type EventLog } from '@tocsin/event-log'
import type { DecodedBlock } from '../decode/decode-block.ts'
import type { ChainSource, ChainTip } from '../sources/chain-source.ts'
import type { TimedBlock } from '../sources/recording-source.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { EndpointAnswerError } from '../verify/endpoint-answer-error.ts'
import { advance, type Advance, type CanonicalChain, type ChainLink, type Quarantine } from './advance.ts'
import { contradictedLink, finalLink, type FinalityRule } from './finality.ts'
import { afterFinal, afterReorg, noFlips } from './flips.ts'
import { openLedger, type Ledger } from './ledger.ts'
import { FinalBlockConflictError, FlippingForksError } from './quarantined-branch-error.ts'

export interface FollowConfig {
  readonly prefix: string
  /** The first block, where the log is empty; `latest` is the head. Where it is not, the log says where to go on. */
  readonly from: number | 'latest'
  /** So many blocks under the newest in the log a block counts as final; null: what the node calls `finalized`. */
  readonly finalityDepth: number | null
  /** In place of the node's `finalized` where it has none. */
  readonly fallbackFinalityDepth: number
  /** How long to wait for news when there is none. A new head from the source ends the wait. */
  readonly pollIntervalMs: number
  /** How many blocks are asked for at once while the log is behind the head. */
  readonly maxBlocksInFlight: number
}

export interface FollowDeps {
  readonly source: ChainSource
  readonly log: EventLog
  /** Decodes a block, asking the chain what it needs to know of tokens and pools. */
  readonly decode: (block: TimedBlock, signal: AbortSignal) => Promise<DecodedBlock>
  readonly observe: FollowObserver
  /** Resolves after so many ms, or when `wake` is called, or rejects when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** The wait before attempt n after errors (2 is the first retry), in ms. */
  readonly backOffMs: (attempt: number) => number
}

/** Told of what happens, for metrics and the operator's log. */
export interface FollowObserver {
  /**
   * The source has answered; `newest` is the newest block in the log, or the one before the first that it is to hold, null
   * before that is known; `final` the newest that is final there.
   */
  looked(at: { readonly head: BlockHeader; readonly newest: ChainLink | null; readonly final: ChainLink | null }): void
  /** `reverted`: what the block took the place of, newest first. */
  appended(block: DecodedBlock, at: { readonly reverted: readonly ChainLink[]; readonly head: BlockHeader }): void
  finalized(number: number): void
  /** An error that will be tried again, or that quarantines an endpoint's branch: loud, and never the end. */
  failed(error: unknown, next: { readonly attempt: number; readonly delayMs: number }): void
  /** Whether a branch that is told is not followed, or was not a moment ago. Told after each look. */
  quarantined(isQuarantined: boolean): void
  /** The node knows no `finalized` tag: said once. */
  noFinalizedTag(depth: number): void
  /** The first block asked for is not there yet: said once. */
  startsLater(at: { readonly from: number; readonly head: number }): void
}

/**
 * So many looks in a row without a quarantined branch end the quarantine: a pool of nodes with one that is on another
 * fork shows it every few looks, and that is one trouble, not many.
 */
const looksUntilTrusted = 20

/** One for all: an error of its own would cost a stack trace for each look. */
const isOver = new Error('not waited for any more')

/**
 * Follows the chain for ever: asks the source, decides with {@link advance}, writes one append a block. Ends only when
 * the signal is aborted, or with an error that says `handling: 'stop'` (another writer took over, the log is broken).
 */
export async function followChain(config: FollowConfig, deps: FollowDeps, signal: AbortSignal): Promise<never> {
  const { source, observe } = deps
  const news = newsBell()
  const unsubscribe = source.onHead(news.ring)
  let ledger: Ledger | undefined
  let attempt = 1
  let looksInPeace = looksUntilTrusted
  const follower = chainFollower(config, deps)
  try {
    for (;;) {
      signal.throwIfAborted()
      try {
        ledger ??= await openLedger(deps.log, config.prefix, source.chainId)
        news.clear()
        const more = await follower.look(ledger, signal)
        attempt = 1
        observe.quarantined(++looksInPeace < looksUntilTrusted)
        if (!more) await news.wait(deps.wait, config.pollIntervalMs, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!mayRetry(error)) throw error
        attempt++
        if (error instanceof FinalBlockConflictError || error instanceof FlippingForksError) {
          looksInPeace = 0
          observe.quarantined(true)
        }
        const delayMs = deps.backOffMs(attempt)
        observe.failed(error, { attempt, delayMs })
        if (error instanceof CommitUnknownError) {
          await ledger?.close()
          ledger = undefined // opened again, it reads back what became of the append
        }
        await deps.wait(delayMs, signal)
      }
    }
  } finally {
    unsubscribe()
    await ledger?.close()
  }
}

const mayRetry = (error: unknown) => error instanceof Error && 'handling' in error && error.handling === 'retry'

/** Remembers a ring between two waits, so that no news is slept over. */
function newsBell() {
  let rung = false
  let wake: (() => void) | undefined
  return {
    ring: () => {
      rung = true
      wake?.()
    },
    clear: () => {
      rung = false
    },
    async wait(wait: FollowDeps['wait'], ms: number, signal: AbortSignal): Promise<void> {
      if (rung) return
      const over = new AbortController()
      const rings = new Promise<void>((resolve) => {
        wake = resolve
      })
      try {
        await Promise.race([rings, wait(ms, AbortSignal.any([signal, over.signal])).catch(() => {})])
      } finally {
        wake = undefined
        over.abort(isOver)
      }
      signal.throwIfAborted()
    },
  }
}

function chainFollower(config: FollowConfig, deps: FollowDeps) {
  const { source, observe } = deps
  let tagIsMissing = false
  let tagWasTold = false
  let startWasTold = false
  let flips = noFlips

  function finality({ finalized }: ChainTip): FinalityRule {
    if (config.finalityDepth !== null) return { type: 'depth', depth: config.finalityDepth }
    if (finalized !== null) tagWasTold = true
    // A node that has the tag and lost its final block for now (it starts again, it syncs) makes nothing final meanwhile.
    if (tagWasTold) return { type: 'tag', block: finalized }
    if (!tagIsMissing) observe.noFinalizedTag(config.fallbackFinalityDepth)
    tagIsMissing = true
    return { type: 'depth', depth: config.fallbackFinalityDepth }
  }

  /** What one endpoint says does not hold together, so another is asked next. */
  function wrong({ endpoint }: ChainTip, block: number, field: string, reason: string): EndpointAnswerError {
    source.distrust(endpoint, null)
    return new EndpointAnswerError({ endpoint, block, field, reason })
  }

  return {
    /** One look at the chain, and what follows from it. @returns whether there is more to do at once. */
    async look(ledger: Ledger, signal: AbortSignal): Promise<boolean> {
      const tip = await source.tip(signal)
      const { head } = tip
      if (ledger.chain === null && !(await begin(ledger, tip, signal))) {
        observe.looked({ head, newest: null, final: null })
        return false
      }
      const [known] = chainOf(ledger)
      // Not a quiet chain: nothing could be seen to happen until the node had come so far, or had turned out another's.
      if (ledger.anchorIsFinal && head.number < known.number)
        throw wrong(
          tip,
          head.number,
          'head',
          `its head is older than block ${known.number}, which is final in the log: it syncs, or follows another chain`,
        )
      observe.looked({ head, newest: newest(chainOf(ledger)), final: ledger.anchorIsFinal ? known : null })
      const rule = finality(tip)
      if (
        ledger.anchorIsFinal &&
        rule.type === 'tag' &&
        rule.block?.number === known.number &&
        rule.block.hash !== known.hash
      )
        throw quarantineFinal(tip, known, rule.block)
      const ahead = await nextHeaders(ledger, tip, signal)
      const over = new AbortController()
      try {
        const blocks = prefetch(ahead, AbortSignal.any([signal, over.signal]))
        for (const header of ahead) if (!(await follow(header, { ledger, tip, rule, blocks }, signal))) break
      } finally {
        over.abort(isOver)
      }
      return newest(chainOf(ledger)).number < head.number
    },
  }

  /** Makes the first block asked for the one that the log begins with; false where it is yet to come. */
  async function begin(ledger: Ledger, { head }: ChainTip, signal: AbortSignal): Promise<boolean> {
    const number = config.from === 'latest' ? head.number : config.from
    const first = await source.headerByNumber(number, signal)
    if (first !== null) ledger.start({ number: number - 1, hash: first.parentHash, timestamp: first.timestamp })
    else if (!startWasTold) observe.startsLater({ from: number, head: head.number })
    startWasTold = true
    return first !== null
  }

  /** The head, or where it is further on the headers of the next blocks, as far as each is the parent of the next. */
  async function nextHeaders(ledger: Ledger, tip: ChainTip, signal: AbortSignal): Promise<readonly BlockHeader[]> {
    const next = newest(chainOf(ledger)).number + 1
    const count = Math.min(tip.head.number - next + 1, config.maxBlocksInFlight)
    if (count < 2) return [tip.head.number > next ? await headerOf(next, tip, signal) : tip.head]
    const headers = await Promise.all(Array.from({ length: count }, (_, at) => headerOf(next + at, tip, signal)))
    const broken = headers.findIndex(({ parentHash }, at) => at > 0 && parentHash !== headers[at - 1]?.hash)
    return broken === -1 ? headers : headers.slice(0, broken)
  }

  async function headerOf(number: number, tip: ChainTip, signal: AbortSignal): Promise<BlockHeader> {
    if (number === tip.head.number) return tip.head
    const header = await source.headerByNumber(number, signal)
    if (header === null) throw wrong(tip, number, 'block', `it has none, but its head is ${tip.head.number}`)
    return header
  }

  /** Asks for the blocks all at once; each is awaited where it is appended. The first is asked for there. */
  function prefetch([, ...later]: readonly BlockHeader[], signal: AbortSignal): Prefetched {
    const blocks = new Map<string, Promise<TimedBlock>>()
    for (const header of later) {
      const block = source.block(header, signal)
      block.catch(() => {}) // it may never be awaited
      blocks.set(header.hash, block)
    }
    return blocks
  }

  /** Carries out what {@link advance} says of the header and its unknown ancestors. @returns whether it is in the log now. */
  async function follow(target: BlockHeader, look: Look, signal: AbortSignal): Promise<boolean> {
    const { ledger, tip } = look
    const path: BlockHeader[] = []
    let header = target
    for (;;) {
      const decision = decide(ledger, header, tip)
      if (decision.type === 'ignore') {
        await finalizeOnly(look)
        return false
      }
      if (decision.type === 'fetch-parent') {
        path.push(header)
        header = await parentOf(header, tip, signal)
        continue
      }
      if (decision.type === 'quarantine')
        await append(look, header, await release(decision, header, tip, signal), signal)
      else if (decision.type !== 'anchored')
        await append(look, header, decision.type === 'reorg' ? decision.revert : [], signal)
      const child = path.pop()
      if (child === undefined) return decision.type !== 'anchored'
      header = child
    }
  }

  /** A branch that leaves the log's first block out is no conflict as long as nothing said that it is final. */
  function decide(ledger: Ledger, header: BlockHeader, tip: ChainTip): Advance | { readonly type: 'anchored' } {
    const decision = advance(chainOf(ledger), header, { headNumber: tip.head.number, flips })
    if (decision.type !== 'quarantine' || decision.reason !== 'final-block' || ledger.anchorIsFinal) return decision
    ledger.reanchor(linkOf(header))
    return { type: 'anchored' }
  }

  /** What is to be reverted for a quarantined branch that a second endpoint confirms; else the quarantine's error. */
  async function release(
    quarantine: Quarantine,
    header: BlockHeader,
    tip: ChainTip,
    signal: AbortSignal,
  ): Promise<readonly ChainLink[]> {
    // What is final in the log cannot be taken back, whoever says so.
    if (quarantine.reason === 'final-block') throw quarantineFinal(tip, quarantine.final, header)
    if ((await source.confirms(header, tip.endpoint, signal)) === true) return quarantine.revert
    source.distrust(tip.endpoint, null)
    throw new FlippingForksError({ header, returns: flips.returns, endpoint: tip.endpoint })
  }

  function quarantineFinal(tip: ChainTip, final: ChainLink, found: BlockHeader): FinalBlockConflictError {
    source.distrust(tip.endpoint, final)
    return new FinalBlockConflictError({ final, found, endpoint: tip.endpoint })
  }

  async function parentOf(child: BlockHeader, tip: ChainTip, signal: AbortSignal): Promise<BlockHeader> {
    const number = child.number - 1
    const parent = await source.headerByHash(child.parentHash, signal)
    if (parent === null)
      throw wrong(tip, number, 'block', `it has no ${child.parentHash}, the parent of its own block ${child.number}`)
    if (parent.hash !== child.parentHash)
      throw wrong(tip, number, 'hash', `asked for ${child.parentHash} it answers ${parent.hash}`)
    if (parent.number !== number)
      throw wrong(tip, number, 'number', `the parent of block ${child.number} says ${parent.number}`)
    return parent
  }

  async function append(
    look: Look,
    header: BlockHeader,
    revert: readonly ChainLink[],
    signal: AbortSignal,
  ): Promise<void> {
    const { ledger, tip, rule, blocks } = look
    if (rule.type === 'tag' && rule.block?.number === header.number && rule.block.hash !== header.hash)
      throw wrong(
        tip,
        header.number,
        'finalized',
        `its final block is ${rule.block.hash}, but its chain has ${header.hash}`,
      )
    const block = await (blocks.get(header.hash) ?? source.block(header, signal))
    const decoded = await deps.decode(block, signal)
    signal.throwIfAborted()
    const [anchor, ...links] = chainOf(ledger)
    const after: CanonicalChain = [anchor, ...links.slice(0, links.length - revert.length), linkOf(header)]
    const final = finalLink(after, rule)
    await ledger.append(decoded, { header, revert, final })
    if (revert.length > 0) flips = afterReorg(flips, revert, linkOf(header))
    observe.appended(decoded, { reverted: revert, head: tip.head })
    if (final !== null) becameFinal(final)
  }

  async function finalizeOnly({ ledger, tip, rule }: Look): Promise<void> {
    const chain = chainOf(ledger)
    const contradicted = contradictedLink(chain, rule)
    if (contradicted !== null)
      throw wrong(
        tip,
        contradicted.number,
        'finalized',
        `its final block is another than the one its head is built on, ${contradicted.hash}`,
      )
    const final = finalLink(chain, rule)
    if (final === null) return
    await ledger.finalize(final)
    becameFinal(final)
  }

  function becameFinal({ number }: ChainLink): void {
    observe.finalized(number)
    flips = afterFinal(flips, number)
  }
}

type Prefetched = ReadonlyMap<string, Promise<TimedBlock>>

/** What one look at the chain goes by. */
interface Look {
  readonly ledger: Ledger
  readonly tip: ChainTip
  readonly rule: FinalityRule
  readonly blocks: Prefetched
}

const linkOf = ({ number, hash, timestamp }: BlockHeader): ChainLink => ({ number, hash, timestamp })
const newest = (chain: CanonicalChain): ChainLink => chain.at(-1) ?? chain[0]

function chainOf({ chain }: Ledger): CanonicalChain {
  if (chain === null) throw new TypeError('The ledger is not started.')
  return chain
}
