import type { EnrichmentFailure, EnrichRetryStrategy, Outcome, TopologyEnrichment } from '../enrichment.ts'
import type { DurationMs } from '../time.ts'
import type { AnswerRequest } from './answers.ts'
import type { EventLoop } from './event-loop.ts'

/**
 * The requests of a task that are under way: the one place where a topology meets the world. When answers come decides
 * when the task goes on, never in what order.
 */
export class AsyncRequests {
  readonly #enrichments: ReadonlyMap<string, TopologyEnrichment>
  readonly #eventLoop: EventLoop
  readonly #onOutcome: (asked: AnswerRequest, outcome: Outcome) => void
  readonly #underWay = new Set<AbortController>()
  #hasNews = false
  #waiting: AbortController | null = null
  #failure: { readonly error: unknown } | null = null
  #isClosed = false

  constructor(options: {
    readonly enrichments: ReadonlyMap<string, TopologyEnrichment>
    readonly eventLoop: EventLoop
    readonly onOutcome: (asked: AnswerRequest, outcome: Outcome) => void
  }) {
    this.#enrichments = options.enrichments
    this.#eventLoop = options.eventLoop
    this.#onOutcome = options.onOutcome
  }

  send(requests: readonly AnswerRequest[]): void {
    for (const asked of requests) {
      const enrichment = this.#enrichments.get(asked.operator)
      if (enrichment === undefined) throw new Error(`assertion: "${asked.operator}" asks nothing`)
      void this.#ask(asked, enrichment)
    }
  }

  /** Until an outcome has come since the last time, at most `ms`. @throws what an ask threw that is to stop the job */
  async news(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#hasNews && !signal.aborted) {
      const waiting = new AbortController()
      const stop = () => waiting.abort()
      signal.addEventListener('abort', stop)
      this.#waiting = waiting
      await this.#eventLoop.wait(ms, waiting.signal)
      signal.removeEventListener('abort', stop)
      this.#waiting = null
    }
    this.#hasNews = false
    if (this.#failure !== null) throw this.#failure.error
  }

  /** Nobody waits any more. */
  close(): void {
    this.#isClosed = true
    for (const ending of this.#underWay) ending.abort()
  }

  async #ask(asked: AnswerRequest, enrichment: TopologyEnrichment): Promise<void> {
    const ending = new AbortController()
    this.#underWay.add(ending)
    const { timeoutMs } = enrichment
    const timeout: EnrichmentFailure = { type: 'timeout', reason: `no answer within ${timeoutMs} ms` }
    try {
      const outcome = await Promise.race([
        this.#attempts(asked.request, enrichment, ending.signal),
        this.#eventLoop.wait(timeoutMs, ending.signal).then(() => timeout),
      ])
      if (!this.#isClosed) this.#onOutcome(asked, outcome)
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      this.#underWay.delete(ending)
      ending.abort()
      this.#hasNews = true
      this.#waiting?.abort()
    }
  }

  async #attempts(
    request: Uint8Array,
    { ask, retry, decodeRequest, encodeAnswer }: TopologyEnrichment,
    signal: AbortSignal,
  ): Promise<Outcome> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return { type: 'answer', value: encodeAnswer(await ask(decodeRequest(request), signal)) }
      } catch (error) {
        const handling = error instanceof Error && 'handling' in error ? error.handling : 'retry'
        if (handling === 'stop') throw error
        const reason = error instanceof Error ? error.message : String(error)
        const isLast = retry.type === 'none' || attempt >= retry.attempts || handling === 'dead-letter'
        if (isLast || signal.aborted) return { type: 'failed', reason }
        await this.#eventLoop.wait(delayAfter(retry, attempt), signal)
        if (signal.aborted) return { type: 'failed', reason }
      }
    }
  }
}

const delayAfter = (retry: Exclude<EnrichRetryStrategy, { readonly type: 'none' }>, attempt: number): DurationMs =>
  retry.type === 'fixed-delay'
    ? retry.delayMs
    : Math.min(retry.maxDelayMs, retry.initialDelayMs * (retry.multiplier ?? 2) ** (attempt - 1))
