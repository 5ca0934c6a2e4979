import type { EnrichOptions, TopologyEnrichment } from '../enrichment.ts'
import { EnrichmentError } from '../enrichment.ts'
import { requireSynchronous } from '../process-function.ts'
import { decodeVersioned, encodeVersioned } from '../state/versioned.ts'
import { TopologyError } from '../topology.ts'
import { flatMapOperator } from './flat-map.ts'
import type { CreateOperator } from './operator.ts'

const defaultCapacity = 100

export const enrichmentOf = <T, Request, Answer>(options: EnrichOptions<T, Request, Answer>): TopologyEnrichment => {
  const { requestOf, ask, requestCodec, answerCodec, capacity, timeoutMs, retry } = options
  return {
    requestOf: (value) => requestCodec.encode(requestOf(value as T)), // the builder typed the stream that feeds it
    decodeRequest: (request) => requestCodec.decode(request),
    encodeAnswer: (answer) => encodeVersioned(answerCodec, answer as Answer), // `ask` gave it, or a test in its place
    ask: async (request, signal) => ask(request as Request, signal), // `decodeRequest` gave it
    capacity: capacity ?? defaultCapacity,
    timeoutMs,
    retry: retry ?? { type: 'none' },
  }
}

/** @throws {TopologyError} */
export const verifyEnrichment = (uid: string, { capacity, timeoutMs, retry }: TopologyEnrichment): void => {
  const wrong = (what: string) => new TopologyError(`The enrichment "${uid}" has ${what}.`)
  if (!Number.isInteger(capacity) || capacity < 1) throw wrong(`a capacity of ${capacity}; it is a whole number from 1`)
  if (!(timeoutMs > 0)) throw wrong(`a timeout of ${timeoutMs} ms; it is above 0`)
  if (retry.type !== 'none' && !(retry.attempts >= 1)) throw wrong(`${retry.attempts} attempts; it is 1 at least`)
}

/**
 * Each element with the answer to its request. The operator does not wait: where the answer is not there yet the task
 * undoes the unit in hand and does it again when it is. So results stand in the order of the elements.
 */
export const enrichOperator =
  <T, Request, Answer, Out>(
    { requestOf }: TopologyEnrichment,
    { answerCodec, onFailure }: EnrichOptions<T, Request, Answer>,
    f: (value: T, answer: Answer, emit: (out: Out) => void) => void,
  ): CreateOperator =>
  (context) => {
    const { name } = context
    const answerTo = (value: T): Answer => {
      const outcome = context.answerTo(requestOf(value))
      if (outcome.type === 'answer') return decodeVersioned(answerCodec, outcome.value, name)
      if (onFailure !== undefined) return onFailure(outcome, value)
      throw new EnrichmentError(`"${name}" got no answer: ${outcome.reason}`)
    }
    return flatMapOperator<T, Out>((value, emit) => requireSynchronous(f(value, answerTo(value), emit), name))(context)
  }
