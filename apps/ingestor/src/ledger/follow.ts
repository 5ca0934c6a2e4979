import { CommitUnknownError, type EventLog } from '@tocsin/event-log'
import type { DecodedBlock } from '../decode/decode-block.ts'
import type { ChainSource } from '../sources/chain-source.ts'
import type { TimedBlock } from '../sources/recording-source.ts'
import type { BlockHeader } from '../sources/source-block.ts'
import { EndpointAnswerError } from '../verify/endpoint-answer-error.ts'
import { advance, FinalBlockConflictError, type Advance, type CanonicalChain, type ChainLink } from './advance.ts'
import { openLedger, type Ledger } from './ledger.ts'

export interface FollowConfig {
  readonly prefix: string
  /** The first block, where the log is empty; `latest` is the head. Where it is not, the log says where to go on. */
  readonly from: number | 'latest'
  /** So many blocks under the head a block counts as final; null: what the node calls `finalized`. */
  readonly finalityDepth: number | null
  /** In place of the node's `finalized` where it has none. */
  readonly fallbackFinalityDepth: number
  /** How long to wait for news when there is none. A new head from the source ends the wait. */
  readonly pollIntervalMs: number
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
  appended(block: DecodedBlock, at: { readonly revertedBlocks: number; readonly head: BlockHeader }): void
  finalized(number: number): void
  /** An error that will be tried again, or that quarantines the node's branch: loud, and never the end. */
  failed(error: unknown, next: { readonly attempt: number; readonly delayMs: number }): void
  quarantined(isQuarantined: boolean): void
  /** The node knows no `finalized` tag: said once. */
  noFinalizedTag(depth: number): void
}

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
  const follower = chainFollower(config, deps)
  try {
    for (;;) {
      signal.throwIfAborted()
      try {
        ledger ??= await openLedger(deps.log, config.prefix, source.chainId)
        news.clear()
        const progressed = await follower.step(ledger, signal)
        attempt = 1
        observe.quarantined(false)
        if (!progressed) await news.wait(deps.wait, config.pollIntervalMs, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (!mayRetry(error)) throw error
        attempt++
        if (error instanceof FinalBlockConflictError) observe.quarantined(true)
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
        over.abort()
      }
      signal.throwIfAborted()
    },
  }
}

function chainFollower(config: FollowConfig, deps: FollowDeps) {
  const { source, observe } = deps
  let tagIsMissing = false
  let tagWasTold = false

  function finality(told: BlockHeader | null, head: BlockHeader): Finality {
    if (config.finalityDepth !== null) return { number: head.number - config.finalityDepth, header: null }
    if (told !== null) tagWasTold = true
    if (told !== null) return { number: told.number, header: told }
    // A node that has the tag and lost its final block for now (it starts again, it syncs) makes nothing final meanwhile.
    if (tagWasTold) return { number: -1, header: null }
    if (!tagIsMissing) observe.noFinalizedTag(config.fallbackFinalityDepth)
    tagIsMissing = true
    return { number: head.number - config.fallbackFinalityDepth, header: null }
  }

  return {
    /** One look at the node. @returns whether something was written, so that there may be more to do at once. */
    async step(ledger: Ledger, signal: AbortSignal): Promise<boolean> {
      // The final block first: whatever the node calls its chain after that has it, and all below it, as ancestors.
      const told = config.finalityDepth === null ? await source.finalized(signal) : null
      const head = await source.head(signal)
      if (ledger.chain === null) {
        const number = config.from === 'latest' ? head.number : config.from
        const first = await source.headerByNumber(number, signal)
        if (first === null) return false // it is yet to come
        ledger.start({ number: number - 1, hash: first.parentHash, timestamp: first.timestamp })
      }
      const chain = chainOf(ledger)
      const [known] = chain
      // Not a quiet chain: nothing could be seen to happen until the node had come so far, or had turned out another's.
      if (ledger.anchorIsFinal && head.number < known.number)
        throw new EndpointAnswerError({
          endpoint: source.name,
          block: head.number,
          field: 'head',
          reason: `its head is older than block ${known.number}, which is final in the log: it syncs, or follows another chain`,
        })
      const next = newest(chain).number + 1
      const behind = head.number > next
      let header = behind ? await source.headerByNumber(next, signal) : head
      if (header === null)
        throw new EndpointAnswerError({
          endpoint: source.name,
          block: next,
          field: 'block',
          reason: `it has none, but its head is ${head.number}`,
        })
      const final = finality(told, head)
      const path: BlockHeader[] = []
      for (;;) {
        const decision = decide(ledger, header)
        if (decision.type === 'nothing') break
        if (decision.type === 'fetch-parent') {
          path.push(header)
          header = await parentOf(header, signal)
          continue
        }
        if (decision.type !== 'anchored') await append(ledger, header, decision, final, head, signal)
        const child = path.pop()
        if (child === undefined) return decision.type !== 'anchored'
        header = child
      }
      await finalizeOnly(ledger, final)
      return false
    },
  }

  /** A branch that leaves the log's first block out is no conflict as long as nothing said that it is final. */
  function decide(ledger: Ledger, header: BlockHeader): Advance | { readonly type: 'anchored' } {
    const chain = chainOf(ledger)
    try {
      return advance(chain, header)
    } catch (error) {
      if (!(error instanceof FinalBlockConflictError) || ledger.anchorIsFinal) throw error
      ledger.reanchor({ number: header.number, hash: header.hash, timestamp: header.timestamp })
      return { type: 'anchored' }
    }
  }

  async function parentOf(child: BlockHeader, signal: AbortSignal): Promise<BlockHeader> {
    const wrong = (field: string, reason: string) =>
      new EndpointAnswerError({ endpoint: source.name, block: child.number - 1, field, reason })
    const parent = await source.headerByHash(child.parentHash, signal)
    if (parent === null)
      throw wrong('block', `it has no ${child.parentHash}, the parent of its own block ${child.number}`)
    if (parent.hash !== child.parentHash) throw wrong('hash', `asked for ${child.parentHash} it answers ${parent.hash}`)
    if (parent.number !== child.number - 1)
      throw wrong('number', `the parent of block ${child.number} says ${parent.number}`)
    return parent
  }

  async function append(
    ledger: Ledger,
    header: BlockHeader,
    decision: Extract<Advance, { type: 'extend' | 'reorg' }>,
    final: Finality,
    head: BlockHeader,
    signal: AbortSignal,
  ): Promise<void> {
    const revert = decision.type === 'reorg' ? decision.revert : []
    const block = await source.block(header, signal)
    const decoded = await deps.decode(block, signal)
    signal.throwIfAborted()
    const [anchor, ...links] = chainOf(ledger)
    const after: CanonicalChain = [anchor, ...links.slice(0, links.length - revert.length), linkOf(header)]
    const newlyFinal = finalLink(after, final)
    await ledger.append(decoded, { header, revert, final: newlyFinal })
    observe.appended(decoded, { revertedBlocks: revert.length, head })
    if (newlyFinal !== null) observe.finalized(newlyFinal.number)
  }

  async function finalizeOnly(ledger: Ledger, final: Finality): Promise<void> {
    const chain = chainOf(ledger)
    // A final block that the log does not hold yet says nothing of the branch that it does hold.
    if (final.number > newest(chain).number) return
    const newlyFinal = finalLink(chain, final)
    if (newlyFinal === null) return
    await ledger.finalize(newlyFinal)
    observe.finalized(newlyFinal.number)
  }
}

/** Blocks up to `number` are final; `header` is that block's where the node says it. */
interface Finality {
  readonly number: number
  readonly header: BlockHeader | null
}

/** The newest block of the chain that is final now and was not before; the anchor never is news. */
function finalLink([, ...links]: CanonicalChain, final: Finality): ChainLink | null {
  // The node's final block on another branch: nothing is final until the reorg that must come has been followed.
  const same = links.find(({ number }) => number === final.number)
  if (same !== undefined && final.header !== null && same.hash !== final.header.hash) return null
  return links.findLast(({ number }) => number <= final.number) ?? null
}

const linkOf = ({ number, hash, timestamp }: BlockHeader): ChainLink => ({ number, hash, timestamp })
const newest = (chain: CanonicalChain): ChainLink => chain.at(-1) ?? chain[0]

function chainOf({ chain }: Ledger): CanonicalChain {
  if (chain === null) throw new TypeError('The ledger is not started.')
  return chain
}
