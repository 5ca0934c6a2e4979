import type { Codec } from './codec.ts'
import type { DurationMs } from './time.ts'

/**
 * What follows when an answer does not come. An error with `handling: 'dead-letter'` is not tried again, one with
 * `handling: 'stop'` stops the job. Source: Flink's AsyncRetryStrategies.
 */
export type EnrichRetryStrategy =
  | {
      readonly type: 'fixed-delay'
      /** Asks in all. */
      readonly attempts: number
      readonly delayMs: DurationMs
    }
  | {
      readonly type: 'exponential-delay'
      /** Asks in all. */
      readonly attempts: number
      readonly initialDelayMs: DurationMs
      readonly maxDelayMs: DurationMs
      /** Each wait is so many times the one before. Default 2. */
      readonly multiplier?: number
    }
  | { readonly type: 'none' }

/** Why there is no answer. It is written down as an answer is, so a replay has the same one. */
export interface EnrichmentFailure {
  readonly type: 'timeout' | 'failed'
  /** One line. */
  readonly reason: string
}

/** Source: Flink's AsyncDataStream.orderedWait. Differs: what was answered is journaled, so a replay does not ask again. */
export interface EnrichOptions<T, Request, Answer> {
  /** Pure: the same value gives the same request. */
  readonly requestOf: (value: T) => Request
  /** The only I/O of a topology. `signal` aborts when nobody waits any more: after the timeout, or when the job closes. */
  readonly ask: (request: Request, signal: AbortSignal) => Promise<Answer>
  readonly requestCodec: Codec<Request>
  readonly answerCodec: Codec<Answer>
  /** Requests under way, and answers that wait for their turn, at most. Default 100. */
  readonly capacity?: number
  /** From the first ask to the answer, repeats included. */
  readonly timeoutMs: DurationMs
  /** Default: none. */
  readonly retry?: EnrichRetryStrategy
  /** Gives the answer that stands for one that did not come; pure. Default: the element becomes a dead letter. */
  readonly onFailure?: (failure: EnrichmentFailure, value: T) => Answer
}

/** An element whose question got no answer. */
export class EnrichmentError extends Error {
  readonly code = 'STREAM_ENRICHMENT_FAILED'
  readonly handling = 'dead-letter'
  readonly remedy = 'See why the service asked does not answer; a longer timeout, a retry or `onFailure` may help.'
}

/** What came of a request: the bytes of its answer, or why there is none. */
export type Outcome = { readonly type: 'answer'; readonly value: Uint8Array } | EnrichmentFailure

/** Of a node of the topology: how the edge of a task asks. */
export interface TopologyEnrichment {
  readonly requestOf: (value: unknown) => Uint8Array
  readonly decodeRequest: (request: Uint8Array) => unknown
  readonly encodeAnswer: (answer: unknown) => Uint8Array
  readonly ask: (request: unknown, signal: AbortSignal) => Promise<unknown>
  readonly capacity: number
  readonly timeoutMs: DurationMs
  readonly retry: EnrichRetryStrategy
}
