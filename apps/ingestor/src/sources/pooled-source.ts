import type { Hex } from '@tocsin/chain-model'
import type { ChainLink } from '../ledger/advance.ts'
import type { Clock } from '../rpc/clock.ts'
import { Latency } from '../rpc/latency.ts'
import type { RpcEndpoint } from '../rpc/rpc-endpoint.ts'
import type { ChainSource, ChainTip } from './chain-source.ts'
import type { EndpointSource } from './json-rpc-source.ts'
import type { BlockHeader } from './source-block.ts'

export interface PooledSourceOptions {
  readonly chainId: number
  /** The first is asked first, as long as it is well. */
  readonly sources: readonly [EndpointSource, ...EndpointSource[]]
  readonly clock: Clock
  readonly observe?: PoolObserver
}

export interface PoolObserver {
  /** A second endpoint is asked, because this one takes longer than is usual for it. */
  hedged(endpoint: string): void
  /** The endpoint's branch contradicts the log, or no longer. */
  quarantined(endpoint: string, isQuarantined: boolean): void
}

/** Before an endpoint's own usual time is known. */
const firstHedgeMs = 1_000
const soonestHedgeMs = 50
/** A head that stands still for so long is held against that of another endpoint, and so often while it does. */
const stillMs = 10_000
/** Another endpoint's head so many blocks further on says that this one has stopped, not the chain. */
const staleBlocks = 2
const parolesEveryMs = 30_000
/** One for all: an error of its own would cost a stack trace for each answer. */
const isAnswered = new Error('answered by another endpoint')

interface Member {
  readonly source: EndpointSource
  readonly endpoint: RpcEndpoint
  readonly latency: Record<Question, Latency>
  /** What it must have on its chain before it is trusted again. */
  quarantine: { readonly until: ChainLink; askedAt: number } | null
}

type Question = 'tip' | 'header' | 'block' | 'call'

/**
 * Several endpoints of one chain as one. The first that is well is asked; when it fails the next is, and when it is slower
 * than 19 of 20 of its answers were (its p95) a second one is asked beside it, and the first answer counts: each was
 * verified, so it does not matter whose it is. Endpoints that rest (they asked for it), whose score is low or whose branch
 * contradicts the log come last, and are still asked where there is no other.
 */
export function pooledSource({ chainId, sources, clock, observe }: PooledSourceOptions): ChainSource {
  const members = sources.map((source): Member => ({
    source,
    endpoint: source.endpoint,
    latency: { tip: new Latency(), header: new Latency(), block: new Latency(), call: new Latency() },
    quarantine: null,
  }))
  const open = new AbortController()
  let lastHead: { readonly hash: string; readonly at: number; comparedAt: number } | undefined

  const rank = ({ quarantine, endpoint }: Member) =>
    (quarantine === null ? 0 : 4) + (endpoint.isLow ? 2 : 0) + (endpoint.isResting ? 1 : 0)

  /** Sorted anew for each question; the order given decides between equals. */
  const inOrder = (among: readonly Member[] = members): readonly Member[] =>
    among
      .map((member) => ({ member, rank: rank(member) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ member }) => member)

  /** Those that trace, as long as one of them is well: a block without call frames hides transfers. */
  const forBlocks = (): readonly Member[] => {
    const tracing = members.filter(({ source }) => source.canTrace)
    return inOrder(tracing.some((member) => rank(member) === 0) ? tracing : members)
  }

  /**
   * The first answer that is not null; null where all that answer say so.
   * @throws the error of the first one asked, where none answers.
   */
  function ask<T>(
    question: Question,
    order: readonly Member[],
    attempt: (source: EndpointSource, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const over = new AbortController()
    const all = AbortSignal.any([signal, over.signal])
    const asked = new Promise<T>((resolve, reject) => {
      const errors: Error[] = []
      const nothing: T[] = []
      let started = 0
      const start = () => {
        const member = order[started++]
        if (member === undefined) return
        const startedAt = clock.now()
        attempt(member.source, all)
          .then(
            (answer) => {
              member.latency[question].record(clock.now() - startedAt)
              if (answer === null) nothing.push(answer)
              else resolve(answer)
              return answer !== null
            },
            (error: Error) => {
              errors.push(error)
              return false
            },
          )
          .then((hasAnswered) => {
            if (hasAnswered) return
            if (started < order.length) start()
            else if (errors.length + nothing.length < order.length) return
            else if (nothing.length > 0)
              resolve(nothing[0] as T) // it is an answer of that type
            else reject(errors[0] ?? new TypeError('No endpoint was asked.'))
          })
          .catch(reject)
        if (started !== 1 || order.length === 1) return
        const usual = Math.max(soonestHedgeMs, member.latency[question].p95 ?? firstHedgeMs)
        clock
          .wait(usual, all)
          .then(() => {
            if (started !== 1) return
            observe?.hedged(member.source.name)
            start()
          })
          .catch(() => {}) // it was answered in time
      }
      start()
    })
    return asked.finally(() => over.abort(isAnswered))
  }

  /** That a call reverts is an answer; that the state is gone asks the next. */
  async function askState<T extends Hex | null>(
    attempt: (source: EndpointSource, signal: AbortSignal) => Promise<T | undefined>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const boxed = async (source: EndpointSource, within: AbortSignal) => {
      const answer = await attempt(source, within)
      return answer === undefined ? null : { answer }
    }
    return (await ask('call', inOrder(), boxed, signal))?.answer
  }

  /** Whether endpoints in quarantine are back on the chain; looked up beside everything else. */
  function paroles(): void {
    for (const member of members) {
      const { quarantine } = member
      if (quarantine === null || clock.now() - quarantine.askedAt < parolesEveryMs) continue
      quarantine.askedAt = clock.now()
      const { number, hash } = quarantine.until
      member.source
        .headerByNumber(number, open.signal)
        .then((found) => {
          if (found?.hash !== hash || member.quarantine !== quarantine) return
          member.quarantine = null
          member.endpoint.isQuarantined = false
          observe?.quarantined(member.source.name, false)
        })
        .catch(() => {}) // it is asked again
    }
  }

  /** The tip of another endpoint, where that is further on than one which stands still. */
  async function unlessStale(tip: ChainTip, signal: AbortSignal): Promise<ChainTip> {
    const now = clock.now()
    if (lastHead?.hash !== tip.head.hash) lastHead = { hash: tip.head.hash, at: now, comparedAt: now }
    const others = inOrder().filter(({ source, quarantine }) => source.name !== tip.endpoint && quarantine === null)
    if (others.length === 0 || now - lastHead.comparedAt < stillMs) return tip
    lastHead.comparedAt = now
    const compared = await ask('tip', others, (source, within) => source.tip(within), signal).catch(() => null)
    if (compared === null || compared.head.number < tip.head.number + staleBlocks) return tip
    memberOf(tip.endpoint)?.endpoint.failed('distrusted')
    return compared
  }

  const memberOf = (name: string) => members.find(({ source }) => source.name === name)

  return {
    chainId,
    name: sources.map(({ name }) => name).join(', '),
    async tip(signal) {
      paroles()
      const tip = await ask('tip', inOrder(), (source, within) => source.tip(within), signal)
      return unlessStale(tip, signal)
    },
    headerByNumber: (number, signal) =>
      ask('header', inOrder(), (source, within) => source.headerByNumber(number, within), signal),
    headerByHash: (hash, signal) =>
      ask('header', inOrder(), (source, within) => source.headerByHash(hash, within), signal),
    block: (header, signal) => ask('block', forBlocks(), (source, within) => source.block(header, within), signal),
    call: (at, signal) => askState((source, within) => source.call(at, within), signal),
    storage: (at, signal) => askState((source, within) => source.storage(at, within), signal),
    code: (at, signal) => askState((source, within) => source.code(at, within), signal),
    async confirms(header: BlockHeader, besides, signal) {
      const others = members.filter(({ source }) => source.name !== besides)
      const answers = await Promise.allSettled(
        others.map(async ({ source }) => (await source.headerByNumber(header.number, signal))?.hash),
      )
      signal.throwIfAborted()
      const said = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value === header.hash] : []))
      if (said.length === 0) return null
      return said.filter(Boolean).length * 2 > said.length
    },
    distrust(name, until) {
      const member = memberOf(name)
      if (member === undefined) return
      member.endpoint.failed('distrusted')
      if (until === null) return
      if (member.quarantine === null) observe?.quarantined(name, true)
      member.endpoint.isQuarantined = true
      member.quarantine = { until, askedAt: member.quarantine?.askedAt ?? clock.now() }
    },
    onHead(listener) {
      const stops = sources.map((source) => source.onHead(listener))
      return () => stops.forEach((stop) => stop())
    },
    async close() {
      open.abort()
      await Promise.all(sources.map((source) => source.close()))
    },
  }
}
