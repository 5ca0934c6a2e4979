import { EndpointUnavailableError } from '../verify/endpoint-answer-error.ts'
import { BatchSize } from './batch-size.ts'
import type { Clock } from './clock.ts'
import { HealthScore, type Failing } from './health-score.ts'
import { answerId, isRateLimited, isTooLarge, rpcAnswer, type RpcAnswer, type RpcRequest } from './json-rpc.ts'
import { RateLimit } from './rate-limit.ts'
import { reasonOf, TransportError, type RpcReply, type RpcTransport } from './rpc-transport.ts'

export interface RpcEndpointOptions {
  /** Without secrets, and unlike that of any other endpoint. */
  readonly name: string
  readonly transport: RpcTransport
  /** How long one answer may take, in ms. */
  readonly requestTimeoutMs: number
  readonly clock: Clock
  readonly observe?: EndpointObserver
  /** Requests under way at once, batches counted as one. Default 8. */
  readonly maxExchangesInFlight?: number
}

/** Told of each call, for metrics. */
export interface EndpointObserver {
  /** `bytes` of the answer; of a batch, an equal share for each of its calls. */
  called(endpoint: string, method: string, outcome: 'ok' | 'error' | 'unavailable' | 'limited', bytes: number): void
  /** `isUnwell` with hysteresis, so that its changes can be told: see {@link HealthScore.isUnwell}. */
  scored(endpoint: string, score: number, isUnwell: boolean): void
  /** An answer that does not hold. `field` is without indices. */
  refuted(endpoint: string, field: string): void
}

interface Job {
  readonly request: RpcRequest
  readonly signal: AbortSignal
  readonly resolve: (answer: RpcAnswer) => void
  readonly reject: (error: unknown) => void
  /** How often it went out in a batch that was too large. */
  tries: number
}

const defaultExchangesInFlight = 8
/** More waiting than this is asked of another endpoint, or later. */
const longestWaitMs = 1000
const mostTries = 10
/** One for all: an error of its own would cost a stack trace for each answer. */
const isOver = new TransportError('nobody waits for it any more')

/**
 * One address that speaks JSON-RPC. Calls made together go out together, as many at once as it has shown to take; it is
 * asked no more often than its refusals have taught; each answer and failure moves its score.
 */
export class RpcEndpoint {
  readonly name: string
  /** Whether its branch contradicts the log; its pool says so. */
  isQuarantined = false
  readonly #options: RpcEndpointOptions
  readonly #score = new HealthScore()
  readonly #batch = new BatchSize()
  readonly #rate = new RateLimit()
  readonly #queue: Job[] = []
  readonly #closed = new AbortController()
  readonly #limitListeners = new Set<(retryAfterMs: number | null) => void>()
  #inFlight = 0
  #flushing = false
  #lastId = 0

  constructor(options: RpcEndpointOptions) {
    this.name = options.name
    this.#options = options
  }

  /** Whether it asked not to be asked for a while. */
  get isResting(): boolean {
    return this.#rate.waitMs(this.#now) > longestWaitMs
  }

  /** In [0, 1]; see {@link HealthScore}. */
  get scoreNow(): number {
    return this.#score.at(this.#now)
  }

  /** Whether others are asked first. */
  get isLow(): boolean {
    return this.#score.isLow(this.#now)
  }

  /** As an operator is told it, once. */
  get isUnwell(): boolean {
    return this.#score.isUnwell(this.#now)
  }

  /** @throws {EndpointUnavailableError} no answer in time, none at all, or no JSON-RPC. */
  request(method: string, params: readonly unknown[], signal: AbortSignal): Promise<RpcAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error) // what an abort was given; ours are errors
        return
      }
      const abort = () => reject(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      const over =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', abort)
          settle(value)
        }
      const request = { id: ++this.#lastId, method, params }
      this.#queue.push({ request, signal, resolve: over(resolve), reject: over(reject), tries: 0 })
      void this.#flush()
    })
  }

  /** See {@link RpcTransport.subscribe}. */
  subscribe(...about: Parameters<RpcTransport['subscribe']>): (() => void) | null {
    return this.#options.transport.subscribe(...about)
  }

  /**
   * Another connection of ours to the same address was asked to be used less: this one pauses and slows down as if it had
   * been itself, so that all together keep the pace that one alone would.
   */
  restToo(retryAfterMs: number | null): void {
    this.#rate.refused(this.#now, retryAfterMs)
  }

  /** Told when it is asked to be used less; see {@link restToo}. @returns how to stop */
  onLimited(listener: (retryAfterMs: number | null) => void): () => void {
    this.#limitListeners.add(listener)
    return () => this.#limitListeners.delete(listener)
  }

  failed(how: Failing): void {
    this.#score.failed(this.#now, how)
    this.#scored()
  }

  /** An answer did not hold. */
  refuted(field: string): void {
    this.failed('wrong-answer')
    this.#options.observe?.refuted(this.name, field.replaceAll(/\.?\d+/g, ''))
  }

  close(): Promise<void> {
    this.#closed.abort(
      new EndpointUnavailableError({ endpoint: this.name, method: 'anything', reason: 'it was closed' }),
    )
    return this.#options.transport.close()
  }

  get #now(): number {
    return this.#options.clock.now()
  }

  #scored(): void {
    this.#options.observe?.scored(this.name, this.scoreNow, this.isUnwell)
  }

  async #flush(): Promise<void> {
    if (this.#flushing) return
    this.#flushing = true
    const { clock } = this.#options
    try {
      // One turn for those who ask in the same breath.
      await clock.wait(0, this.#closed.signal)
      while (
        this.#queue.length > 0 &&
        this.#inFlight < (this.#options.maxExchangesInFlight ?? defaultExchangesInFlight)
      ) {
        const pause = this.#rate.pauseMs(this.#now)
        if (pause > longestWaitMs) {
          this.#refuse(this.#queue.splice(0), `it asks to be left alone for another ${Math.ceil(pause / 1000)} s`)
          return
        }
        const waitMs = this.#rate.waitMs(this.#now)
        if (waitMs > 0) {
          await clock.wait(waitMs, this.#closed.signal)
          continue
        }
        const jobs = this.#queue.splice(0, this.#batch.limit).filter(({ signal }) => !signal.aborted)
        if (jobs.length > 0) void this.#send(jobs)
      }
    } catch (error) {
      for (const { reject } of this.#queue.splice(0)) reject(error)
    } finally {
      this.#flushing = false
    }
  }

  async #send(jobs: readonly Job[]): Promise<void> {
    const { transport, requestTimeoutMs, clock } = this.#options
    const over = new AbortController()
    const close = () => over.abort(isOver)
    this.#closed.signal.addEventListener('abort', close, { once: true })
    const late = clock.wait(requestTimeoutMs, over.signal).then(
      () => `none within ${requestTimeoutMs} ms`,
      () => 'it was closed',
    )
    // An exchange is given up when nobody waits for it any more.
    let wanted = jobs.length
    const unwanted = () => {
      if (--wanted === 0) over.abort(isOver)
    }
    for (const { signal } of jobs) signal.addEventListener('abort', unwanted, { once: true })
    this.#inFlight++
    this.#rate.sent(this.#now, jobs.length)
    try {
      const reply = await Promise.race([
        transport.exchange(
          jobs.map(({ request }) => request),
          over.signal,
        ),
        late.then((reason) => {
          throw new TransportError(reason)
        }),
      ])
      this.#deliver(jobs, reply)
    } catch (cause) {
      this.#refuse(jobs, reasonOf(cause), cause)
    } finally {
      over.abort(isOver)
      this.#closed.signal.removeEventListener('abort', close)
      for (const { signal } of jobs) signal.removeEventListener('abort', unwanted)
      this.#inFlight--
      if (this.#queue.length > 0) void this.#flush()
    }
  }

  #deliver(jobs: readonly Job[], { status, retryAfterMs, body, bytes }: RpcReply): void {
    const share = bytes / jobs.length
    if (status === 429) {
      this.#limited(jobs, retryAfterMs, '(HTTP 429)', share)
      return
    }
    const whole = rpcAnswer(body)
    if (jobs.length > 1 && !Array.isArray(body)) {
      if (whole !== null && isRateLimited(whole)) this.#limited(jobs, retryAfterMs, '(it refuses the batch)', share)
      // Refused as a batch, in whatever words: by and by it is asked one by one.
      else if (status === 413 || status === 400 || whole !== null) this.#splitUp(jobs, jobs.length)
      else this.#refuse(jobs, status >= 400 ? `HTTP status ${status}` : 'the answer is no JSON-RPC', undefined, share)
      return
    }
    const answers = new Map((Array.isArray(body) ? body : [body]).map((each) => [answerId(each), rpcAnswer(each)]))
    const tooLarge: Job[] = []
    const limited: Job[] = []
    let answered = 0
    for (const job of jobs) {
      // Some nodes leave the id out of an error.
      const answer = answers.get(job.request.id) ?? (jobs.length === 1 && answerId(body) === null ? whole : null)
      if (answer === null || (status >= 400 && answer.type === 'result')) {
        if (jobs.length > 1) tooLarge.push(job)
        else
          this.#refuse([job], status >= 400 ? `HTTP status ${status}` : 'the answer is no JSON-RPC', undefined, share)
      } else if (jobs.length > 1 && isTooLarge(answer)) tooLarge.push(job)
      else if (isRateLimited(answer)) limited.push(job)
      else {
        answered++
        this.#options.observe?.called(this.name, job.request.method, answer.type === 'result' ? 'ok' : 'error', share)
        job.resolve(answer)
      }
    }
    if (tooLarge.length > 0) this.#splitUp(tooLarge, jobs.length)
    if (limited.length > 0) this.#limited(limited, retryAfterMs, '(it answers so)', share)
    if (answered === 0) return
    this.#score.answered(this.#now)
    this.#scored()
    if (limited.length === 0) this.#rate.answered()
    if (answered === jobs.length) this.#batch.answered(jobs.length)
  }

  /** Asked again in smaller batches. */
  #splitUp(jobs: readonly Job[], sent: number): void {
    this.#batch.tooLarge(sent)
    for (const job of jobs) job.tries++
    const [again, given] = [
      jobs.filter(({ tries }) => tries < mostTries),
      jobs.filter(({ tries }) => tries >= mostTries),
    ]
    this.#queue.unshift(...again)
    if (given.length > 0) this.#refuse(given, 'the batch lacks its answer')
  }

  #limited(jobs: readonly Job[], retryAfterMs: number | null, how: string, share: number): void {
    this.#rate.refused(this.#now, retryAfterMs)
    for (const listener of this.#limitListeners) listener(retryAfterMs)
    const reason = `it asks to be asked less often ${how}`
    for (const { request, reject } of jobs) {
      this.#options.observe?.called(this.name, request.method, 'limited', share)
      reject(new EndpointUnavailableError({ endpoint: this.name, method: request.method, reason }))
    }
  }

  #refuse(jobs: readonly Job[], reason: string, cause?: unknown, share = 0): void {
    const asked = jobs.filter(({ signal }) => !signal.aborted)
    if (asked.length === 0) return
    this.failed('unavailable')
    for (const { request, reject } of asked) {
      this.#options.observe?.called(this.name, request.method, 'unavailable', share)
      reject(new EndpointUnavailableError({ endpoint: this.name, method: request.method, reason }, { cause }))
    }
  }
}
