import { CommitUnknownError, type EventLog } from '@tocsin/event-log'
import type { LearnedFacts } from '../decode/learned-facts.ts'
import type { EncodedBlock } from '../decode/encode-block.ts'
import type { ChainSource, ChainTip } from '../sources/chain-source.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { EndpointAnswerError, PrunedHistoryError } from '../verify/endpoint-answer-error.ts'
import { advance, type Advance, type CanonicalChain, type ChainLink, type Quarantine } from './advance.ts'
import { planSpan, type Span, type SpanLimits, type WindowLimits } from './backfill-plan.ts'
import type { BlockReader, ReadBlock } from './block-reader.ts'
import { contradictedLink, finalityProof, finalLink, finalNumber, type FinalityRule } from './finality.ts'
import { afterFinal, afterReorg, noFlips } from './flips.ts'
import { openLedger, type Ledger } from './ledger.ts'
import { FinalBlockConflictError, FlippingForksError } from './quarantined-branch-error.ts'
import { readAhead, type ReadAhead } from './read-ahead.ts'

export interface FollowConfig {
  readonly prefix: string
  /** The first block, where the log is empty; `latest` is the head. Where it is not, the log says where to go on. */
  readonly from: number | 'latest'
  /** The last block: the work is done when it is in the log and final. Null: there is none, the chain is followed. */
  readonly to: number | null
  /** So many blocks under the newest in the log a block counts as final; null: what the node calls `finalized`. */
  readonly finalityDepth: number | null
  /** In place of the node's `finalized` where it has none. */
  readonly fallbackFinalityDepth: number
  /** How long to wait for news when there is none. A new head from the source ends the wait. */
  readonly pollIntervalMs: number
  /** How many blocks one look takes; of these the live ones are asked for at once. */
  readonly spans: SpanLimits
  /** How many blocks of final history are under way at once. */
  readonly window: WindowLimits
}

export interface FollowDeps {
  readonly source: ChainSource
  readonly log: EventLog
  /** What the readers decode with: the log keeps it. */
  readonly learned: LearnedFacts
  readonly blocks: BlockReader
  /** Reads final history, where it is not {@link blocks} that does. */
  readonly backfill?: BlockReader
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
  appended(block: EncodedBlock, at: { readonly reverted: readonly ChainLink[]; readonly head: BlockHeader }): void
  finalized(number: number): void
  /** An error that will be tried again, or that quarantines an endpoint's branch: loud, and never the end. */
  failed(error: unknown, next: { readonly attempt: number; readonly delayMs: number }): void
  /** Whether a branch that is told is not followed, or was not a moment ago. Told after each look. */
  quarantined(isQuarantined: boolean): void
  /** The node knows no `finalized` tag: said once. */
  noFinalizedTag(depth: number): void
  /** The first block asked for is not there yet: said once. */
  startsLater(at: { readonly from: number; readonly head: number }): void
  /** The last block asked for is in the log and not final yet: said once. */
  awaitsFinality(at: { readonly to: number; readonly head: number }): void
}

/**
 * So many looks in a row without a quarantined branch end the quarantine: a pool of nodes with one that is on another
 * fork shows it every few looks, and that is one trouble, not many.
 */
const looksUntilTrusted = 20

/** One for all: an error of its own would cost a stack trace for each look. */
const isOver = new Error('not waited for any more')

/**
 * Follows the chain: asks the source, decides with {@link advance}, writes one append a block. What is final and not yet
 * in the log is read far ahead and written in order, by the same rules. Ends when the last block asked for is final in the
 * log, when the signal is aborted, or with an error that says `handling: 'stop'` (another writer took over, the log is
 * broken).
 */
export async function followChain(config: FollowConfig, deps: FollowDeps, signal: AbortSignal): Promise<void> {
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
        ledger ??= await openLedger(deps.log, { prefix: config.prefix, chainId: source.chainId }, deps.learned)
        news.clear()
        const next = await follower.look(ledger, signal)
        attempt = 1
        observe.quarantined(++looksInPeace < looksUntilTrusted)
        if (next === 'done') return
        if (next === 'wait') await news.wait(deps.wait, config.pollIntervalMs, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!mayRetry(error)) throw error
        follower.forget()
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

/** More would wait behind each other, and look slow to those who asked. */
const maxHeadersInFlight = 128

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
  let finalityWasAwaited = false
  let flips = noFlips
  /** The headers of the span after the one at hand, asked for while that is written. */
  let upcoming: { readonly first: number; readonly headers: Promise<readonly BlockHeader[]> } | undefined
  let isFarBehind = false

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
    /** One look at the chain, and what follows from it: whether there is more to do at once, something to wait for, or no more. */
    async look(ledger: Ledger, signal: AbortSignal): Promise<'more' | 'wait' | 'done'> {
      const tip = await source.tip(signal)
      const { head } = tip
      if (ledger.chain === null && !(await begin(ledger, tip, signal))) {
        observe.looked({ head, newest: null, final: null })
        return 'wait'
      }
      const [known] = chainOf(ledger)
      observe.looked({ head, newest: newest(chainOf(ledger)), final: ledger.anchorIsFinal ? known : null })
      if (isDone(ledger)) return 'done'
      // Not a quiet chain: nothing could be seen to happen until the node had come so far, or had turned out another's.
      if (ledger.anchorIsFinal && head.number < known.number)
        throw wrong(
          tip,
          head.number,
          'head',
          `its head is older than block ${known.number}, which is final in the log: it syncs, or follows another chain`,
        )
      const rule = finality(tip)
      if (
        ledger.anchorIsFinal &&
        rule.type === 'tag' &&
        rule.block?.number === known.number &&
        rule.block.hash !== known.hash
      )
        throw quarantineFinal(tip, known, rule.block)
      const last = config.to === null || head.number <= config.to ? head : await headerOf(config.to, tip, head, signal)
      const next = newest(chainOf(ledger)).number + 1
      const span = planSpan({ next, head: last.number, final: finalNumber(head.number, rule) }, config.spans)
      if (isFarBehind && span.type === 'live') deps.backfill?.rest()
      isFarBehind = span.type === 'backfill'
      const ahead = await nextHeaders(span, { next, tip, last, rule }, signal)
      const over = new AbortController()
      try {
        const blocks = prefetch(span, ahead, AbortSignal.any([signal, over.signal]))
        for (const header of ahead) if (!(await follow(header, { ledger, tip, rule, blocks }, signal))) break
      } finally {
        over.abort(isOver)
      }
      if (newest(chainOf(ledger)).number < last.number) return 'more'
      if (last.number === config.to) await finalizeLast(ledger, { tip, rule, last }, signal)
      if (isDone(ledger)) return 'done'
      if (last.number === config.to && !finalityWasAwaited) {
        finalityWasAwaited = true
        observe.awaitsFinality({ to: config.to, head: head.number })
      }
      return 'wait'
    },

    /** What was asked for ahead may have been wrong. */
    forget(): void {
      upcoming = undefined
    },
  }

  /** A log that was begun anew above the last block asked for has nothing of it either. */
  function isDone({ anchorIsFinal, chain }: Ledger): boolean {
    return config.to !== null && anchorIsFinal && chain !== null && chain[0].number >= config.to
  }

  /** Makes the first block asked for the one that the log begins with; false where it is yet to come. */
  async function begin(ledger: Ledger, { head, endpoint }: ChainTip, signal: AbortSignal): Promise<boolean> {
    const number = config.from === 'latest' ? head.number : config.from
    const first = await source.headerByNumber(number, signal)
    if (first !== null) ledger.start({ number: number - 1, hash: first.parentHash, timestamp: first.timestamp })
    else if (number <= head.number) throw new PrunedHistoryError({ endpoint, block: number, head: head.number })
    else if (!startWasTold) observe.startsLater({ from: number, head: head.number })
    startWasTold = true
    return first !== null
  }

  /** The last one, or where it is further on the headers of the next blocks, as far as each is the parent of the next. */
  async function nextHeaders(
    { type, count }: Span,
    { next, tip, last, rule }: Pick<Look, 'tip' | 'rule'> & { readonly next: number; readonly last: BlockHeader },
    signal: AbortSignal,
  ): Promise<readonly BlockHeader[]> {
    if (count < 2) return [last.number > next ? await headerOf(next, tip, last, signal) : last]
    const asked = upcoming?.first === next ? upcoming.headers : headersOf(next, count, tip, last, signal)
    upcoming = undefined
    const headers = await asked
    const after = next + headers.length
    const following = planSpan(
      { next: after, head: last.number, final: finalNumber(tip.head.number, rule) },
      config.spans,
    )
    if (type === 'backfill' && following.type === 'backfill') {
      upcoming = { first: after, headers: headersOf(after, following.count, tip, last, signal) }
      upcoming.headers.catch(() => {}) // it may never be awaited
    }
    const broken = headers.findIndex(({ parentHash }, at) => at > 0 && parentHash !== headers[at - 1]?.hash)
    return broken === -1 ? headers : headers.slice(0, broken)
  }

  async function headersOf(
    first: number,
    count: number,
    tip: ChainTip,
    last: BlockHeader,
    signal: AbortSignal,
  ): Promise<readonly BlockHeader[]> {
    const headers: BlockHeader[] = []
    while (headers.length < count) {
      const from = first + headers.length
      const some = Array.from({ length: Math.min(maxHeadersInFlight, first + count - from) }, (_, at) =>
        headerOf(from + at, tip, last, signal),
      )
      headers.push(...(await Promise.all(some)))
    }
    return headers
  }

  async function headerOf(number: number, tip: ChainTip, last: BlockHeader, signal: AbortSignal): Promise<BlockHeader> {
    if (number === last.number) return last
    const header = await source.headerByNumber(number, signal)
    if (header !== null) return header
    if (number <= finalNumber(tip.head.number, finality(tip)))
      throw new PrunedHistoryError({ endpoint: tip.endpoint, block: number, head: tip.head.number })
    throw wrong(tip, number, 'block', `it has none, but its head is ${tip.head.number}`)
  }

  /** Asks for several blocks ahead; each is awaited where it is appended. One alone is asked for there: it may be known. */
  function prefetch({ type }: Span, headers: readonly BlockHeader[], signal: AbortSignal): Look['blocks'] {
    if (headers.length < 2) return null
    const [reader, window] =
      type === 'backfill'
        ? [deps.backfill ?? deps.blocks, config.window]
        : [deps.blocks, { maxBlocks: config.spans.maxLiveBlocks, maxBytes: Infinity }]
    return readAhead(headers, (header) => reader.read(header, signal), window)
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
    const read = await (blocks?.take(header) ?? deps.blocks.read(header, signal))
    const block = await read.settle(signal)
    signal.throwIfAborted()
    const [anchor, ...links] = chainOf(ledger)
    const after: CanonicalChain = [anchor, ...links.slice(0, links.length - revert.length), linkOf(header)]
    const final = finalLink(after, rule)
    await ledger.append(block, { header, revert, final })
    if (revert.length > 0) flips = afterReorg(flips, revert, linkOf(header))
    observe.appended(block, { reverted: revert, head: tip.head })
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

  /**
   * Says that the last block asked for is final, where the headers after it prove that by the same rule as the blocks after
   * it would; these are not written.
   */
  async function finalizeLast(
    ledger: Ledger,
    { tip, rule, last }: Pick<Look, 'tip' | 'rule'> & { readonly last: BlockHeader },
    signal: AbortSignal,
  ): Promise<void> {
    const [anchor, ...links] = chainOf(ledger)
    const until = finalityProof(last.number, rule)
    if (isDone(ledger) || until === null || until > tip.head.number) return
    const after = await headersOf(last.number + 1, until - last.number, tip, tip.head, signal)
    const chain: CanonicalChain = [anchor, ...links.filter(({ number }) => number <= last.number), ...after.map(linkOf)]
    const isLinked = after.every(({ parentHash }, at) => parentHash === (after[at - 1] ?? last).hash)
    const link = chain.find(({ number, hash }) => number === last.number && hash === last.hash)
    if (!isLinked || link === undefined || (finalLink(chain, rule)?.number ?? -1) < last.number) return
    await ledger.finalize(link)
    becameFinal(link)
  }

  function becameFinal({ number }: ChainLink): void {
    observe.finalized(number)
    flips = afterFinal(flips, number)
  }
}

/** What one look at the chain goes by. */
interface Look {
  readonly ledger: Ledger
  readonly tip: ChainTip
  readonly rule: FinalityRule
  readonly blocks: ReadAhead<BlockHeader, ReadBlock> | null
}

const linkOf = ({ number, hash, timestamp }: BlockHeader): ChainLink => ({ number, hash, timestamp })
const newest = (chain: CanonicalChain): ChainLink => chain.at(-1) ?? chain[0]

function chainOf({ chain }: Ledger): CanonicalChain {
  if (chain === null) throw new TypeError('The ledger is not started.')
  return chain
}
