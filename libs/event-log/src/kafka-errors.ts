import { EventLogError, LogUnavailableError } from './errors.ts'

/** Kafka's error code as kafkajs names it, of the error or of what caused it: `INVALID_PRODUCER_EPOCH`. */
export function kafkaErrorTypes(error: unknown): readonly string[] {
  const types: string[] = []
  for (let next = error; next instanceof Error; next = next.cause) {
    if ('type' in next && typeof next.type === 'string') types.push(next.type)
    if ('errors' in next && Array.isArray(next.errors)) types.push(...next.errors.flatMap(kafkaErrorTypes))
  }
  return types
}

/** A request failed for a reason that lies with the cluster or the way to it. */
export function unavailable(what: string, cause: unknown): EventLogError {
  if (cause instanceof EventLogError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new LogUnavailableError(`${what}: ${reason}`, { cause })
}
